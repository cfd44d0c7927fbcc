// Five by seven points a character, drawn for this screen.
#include "phone/trust/glyphs.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace softpos::trust {
namespace {

constexpr unsigned own_width = 5;
constexpr unsigned own_height = 7;
constexpr char32_t not_a_character = 0xFFFD;

struct OwnGlyph {
    char32_t character;
    std::array<std::uint8_t, own_height> rows;  // The low five bits.
};

constexpr OwnGlyph own_glyphs[] = {
    {U'#', {0x0A, 0x0A, 0x1F, 0x0A, 0x1F, 0x0A, 0x0A}},
    {U'&', {0x0C, 0x12, 0x14, 0x08, 0x15, 0x12, 0x0D}},
    {U'\'', {0x04, 0x04, 0x08, 0x00, 0x00, 0x00, 0x00}},
    {U'(', {0x02, 0x04, 0x08, 0x08, 0x08, 0x04, 0x02}},
    {U')', {0x08, 0x04, 0x02, 0x02, 0x02, 0x04, 0x08}},
    {U',', {0x00, 0x00, 0x00, 0x00, 0x0C, 0x04, 0x08}},
    {U'-', {0x00, 0x00, 0x00, 0x1F, 0x00, 0x00, 0x00}},
    {U'.', {0x00, 0x00, 0x00, 0x00, 0x00, 0x0C, 0x0C}},
    {U'/', {0x01, 0x01, 0x02, 0x04, 0x08, 0x10, 0x10}},
    {U'0', {0x0E, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0E}},
    {U'1', {0x04, 0x0C, 0x14, 0x04, 0x04, 0x04, 0x1F}},
    {U'2', {0x0E, 0x11, 0x01, 0x06, 0x08, 0x10, 0x1F}},
    {U'3', {0x1E, 0x01, 0x01, 0x0E, 0x01, 0x01, 0x1E}},
    {U'4', {0x02, 0x06, 0x0A, 0x12, 0x1F, 0x02, 0x02}},
    {U'5', {0x1F, 0x10, 0x1E, 0x01, 0x01, 0x11, 0x0E}},
    {U'6', {0x06, 0x08, 0x10, 0x1E, 0x11, 0x11, 0x0E}},
    {U'7', {0x1F, 0x01, 0x02, 0x02, 0x04, 0x04, 0x04}},
    {U'8', {0x0E, 0x11, 0x11, 0x0E, 0x11, 0x11, 0x0E}},
    {U'9', {0x0E, 0x11, 0x11, 0x0F, 0x01, 0x02, 0x0C}},
    {U':', {0x00, 0x0C, 0x0C, 0x00, 0x0C, 0x0C, 0x00}},
    {U'?', {0x0E, 0x11, 0x01, 0x06, 0x04, 0x00, 0x04}},
    {U'A', {0x04, 0x0A, 0x11, 0x11, 0x1F, 0x11, 0x11}},
    {U'B', {0x1E, 0x11, 0x11, 0x1E, 0x11, 0x11, 0x1E}},
    {U'C', {0x0F, 0x10, 0x10, 0x10, 0x10, 0x10, 0x0F}},
    {U'D', {0x1E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1E}},
    {U'E', {0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x1F}},
    {U'F', {0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x10}},
    {U'G', {0x0F, 0x10, 0x10, 0x17, 0x11, 0x11, 0x0F}},
    {U'H', {0x11, 0x11, 0x11, 0x1F, 0x11, 0x11, 0x11}},
    {U'I', {0x1F, 0x04, 0x04, 0x04, 0x04, 0x04, 0x1F}},
    {U'J', {0x07, 0x01, 0x01, 0x01, 0x01, 0x11, 0x0E}},
    {U'K', {0x11, 0x12, 0x14, 0x18, 0x14, 0x12, 0x11}},
    {U'L', {0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1F}},
    {U'M', {0x11, 0x1B, 0x15, 0x15, 0x11, 0x11, 0x11}},
    {U'N', {0x11, 0x19, 0x19, 0x15, 0x13, 0x13, 0x11}},
    {U'O', {0x0E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E}},
    {U'P', {0x1E, 0x11, 0x11, 0x1E, 0x10, 0x10, 0x10}},
    {U'Q', {0x0E, 0x11, 0x11, 0x11, 0x15, 0x12, 0x0D}},
    {U'R', {0x1E, 0x11, 0x11, 0x1E, 0x14, 0x12, 0x11}},
    {U'S', {0x0F, 0x10, 0x10, 0x0E, 0x01, 0x01, 0x1E}},
    {U'T', {0x1F, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04}},
    {U'U', {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E}},
    {U'V', {0x11, 0x11, 0x11, 0x11, 0x11, 0x0A, 0x04}},
    {U'W', {0x11, 0x11, 0x11, 0x15, 0x15, 0x1B, 0x11}},
    {U'X', {0x11, 0x0A, 0x04, 0x04, 0x04, 0x0A, 0x11}},
    {U'Y', {0x11, 0x11, 0x0A, 0x04, 0x04, 0x04, 0x04}},
    {U'Z', {0x1F, 0x01, 0x02, 0x04, 0x08, 0x10, 0x1F}},
};

char32_t capital(char32_t character) {
    return character >= U'a' && character <= U'z' ? character - U'a' + U'A' : character;
}

std::optional<std::uint32_t> hex_number(std::string_view digits) {
    std::uint32_t number = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return number;
}

// Radicals, punctuation, ideographs, compatibility and full-width forms.
bool is_kept(std::uint32_t code) {
    return (code >= 0x2E80 && code <= 0x9FFF) || (code >= 0xF900 && code <= 0xFAFF) ||
           (code >= 0xFF00 && code <= 0xFFEF);
}

std::optional<Glyph> shape_of(std::string_view hex) {
    if (hex.size() != 32 && hex.size() != 64) return std::nullopt;
    Glyph glyph;
    glyph.height = glyph_side_max;
    glyph.width = hex.size() == 64 ? 16 : 8;
    const std::size_t digits = hex.size() / glyph_side_max;
    for (unsigned row = 0; row < glyph_side_max; ++row) {
        const auto bits = hex_number(hex.substr(row * digits, digits));
        if (!bits) return std::nullopt;
        glyph.rows[row] = static_cast<std::uint16_t>(*bits << (16 - glyph.width));
    }
    return glyph;
}

}  // namespace

std::optional<Glyph> own_glyph(char32_t character) {
    const char32_t wanted = capital(character);
    if (wanted == U' ') return Glyph{own_width, own_height, {}};
    const auto* const found = std::ranges::find(own_glyphs, wanted, &OwnGlyph::character);
    if (found == std::end(own_glyphs)) return std::nullopt;
    Glyph glyph{own_width, own_height, {}};
    for (unsigned row = 0; row < own_height; ++row) {
        glyph.rows[row] = static_cast<std::uint16_t>(found->rows[row] << (16 - own_width));
    }
    return glyph;
}

Result<GlyphFile> GlyphFile::parse(Bytes text) {
    if (text.size() > bytes_max) return fail(ErrorKind::denied, "glyphs: file is too large");
    GlyphFile file;
    std::string_view rest = text_of(text);
    for (std::uint32_t line_number = 1; !rest.empty(); ++line_number) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos || colon > 6) {
            return fail(ErrorKind::malformed, "glyphs: no code", line_number);
        }
        const auto code = hex_number(line.substr(0, colon));
        if (!code) return fail(ErrorKind::malformed, "glyphs: code", line_number);
        if (!is_kept(*code)) continue;
        const auto shape = shape_of(line.substr(colon + 1));
        if (!shape) return fail(ErrorKind::malformed, "glyphs: rows", line_number);
        const auto short_code = static_cast<std::uint16_t>(*code);
        if (!file.codes_.empty() && file.codes_.back() >= short_code) {
            return fail(ErrorKind::malformed, "glyphs: order", line_number);
        }
        if (file.codes_.size() == glyphs_max) {
            return fail(ErrorKind::denied, "glyphs: too many", line_number);
        }
        file.codes_.push_back(short_code);
        file.glyphs_.push_back(*shape);
    }
    return file;
}

std::optional<Glyph> GlyphFile::find(char32_t character) const {
    if (character > 0xFFFF) return std::nullopt;
    const auto code = static_cast<std::uint16_t>(character);
    const auto at = std::ranges::lower_bound(codes_, code);
    if (at == codes_.end() || *at != code) return std::nullopt;
    return glyphs_[static_cast<std::size_t>(at - codes_.begin())];
}

std::optional<char32_t> next_character(std::string_view& text) {
    if (text.empty()) return std::nullopt;
    const auto first = static_cast<std::uint8_t>(text.front());
    text.remove_prefix(1);
    if (first < 0x80) return first;
    const unsigned more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    if (first < 0xC2 || first > 0xF4 || text.size() < more) return not_a_character;
    char32_t character = first & (0x3FU >> more);
    for (unsigned i = 0; i < more; ++i) {
        const auto next = static_cast<std::uint8_t>(text[i]);
        if ((next & 0xC0) != 0x80) return not_a_character;
        character = character << 6 | (next & 0x3F);
    }
    text.remove_prefix(more);
    return character;
}

}  // namespace softpos::trust
