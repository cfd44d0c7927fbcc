// The shapes of characters on the customer's screen. Digits, capitals and the marks of an amount
// are drawn in here, so that no file can make one digit look like another; all other characters
// come from a file of glyphs where the terminal has one.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace softpos::trust {

constexpr unsigned glyph_side_max = 16;

// Rows from the top, the leftmost point in the highest bit.
struct Glyph {
    unsigned width = 0;
    unsigned height = 0;
    std::array<std::uint16_t, glyph_side_max> rows{};

    bool at(unsigned x, unsigned y) const { return (rows[y] >> (15 - x) & 1) != 0; }
};

// Small letters are drawn as capitals.
std::optional<Glyph> own_glyph(char32_t character);

// Lines of CODE:ROWS in hex, ascending by code, each glyph 8 or 16 wide and 16 high: the form of
// public bitmap fonts that cover all of Chinese. ASCII in it is passed over.
class GlyphFile {
public:
    static constexpr std::size_t bytes_max = 8UL * 1024 * 1024;
    static constexpr std::size_t glyphs_max = 30'000;

    GlyphFile() = default;  // Knows none.
    // Only the codes of Chinese and of its punctuation are kept. malformed names the line.
    static Result<GlyphFile> parse(Bytes text);

    std::optional<Glyph> find(char32_t character) const;
    std::size_t size() const { return codes_.size(); }

private:
    std::vector<std::uint16_t> codes_;  // Ascending, with as many shapes.
    std::vector<Glyph> glyphs_;
};

// The next character of UTF-8; U+FFFD for what is none. nullopt at the end.
std::optional<char32_t> next_character(std::string_view& text);

}  // namespace softpos::trust
