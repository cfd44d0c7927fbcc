// Reads a dialect line by line; what does not fit together is refused with the number of its line.
#include "codec/dialect.h"

#include "base/table_text.h"

#include <algorithm>
#include <optional>
#include <span>

namespace softpos::codec {
namespace {

constexpr std::size_t words_max = 10;  // Of one line, "field" included.
constexpr std::size_t name_size_max = 48;
constexpr unsigned ll_max = 99;

template <typename T>
struct Word {
    std::string_view word;
    T meaning;
};

constexpr Word<FieldFormat> formats[] = {
    {"n", FieldFormat::n},     {"z", FieldFormat::z},     {"an", FieldFormat::an},
    {"ans", FieldFormat::ans}, {"gbk", FieldFormat::gbk}, {"b", FieldFormat::b},
};
constexpr Word<FieldEncoding> encodings[] = {
    {"bcd", FieldEncoding::bcd},
    {"ascii", FieldEncoding::ascii},
    {"binary", FieldEncoding::binary},
};
constexpr Word<FieldClass> classes[] = {
    {"public", FieldClass::open},   {"pan", FieldClass::pan}, {"track2", FieldClass::track2},
    {"track3", FieldClass::track3}, {"pin", FieldClass::pin}, {"chip", FieldClass::chip},
    {"key", FieldClass::key},       {"mac", FieldClass::mac}, {"private", FieldClass::personal},
};
struct LengthRule {
    std::uint8_t bytes;
    bool ascii;
    unsigned max;
};
constexpr Word<LengthRule> length_rules[] = {
    {"fixed", {0, false, iso_value_size_max}},
    {"ll_bcd", {1, false, ll_max}},
    {"lll_bcd", {2, false, 999}},
    {"ll_ascii", {2, true, ll_max}},
    {"lll_ascii", {3, true, 999}},
};
enum class Pad : std::uint8_t { none, left_zero, right_zero, right_f };
constexpr Word<Pad> pads[] = {
    {"none", Pad::none},
    {"left0", Pad::left_zero},
    {"right0", Pad::right_zero},
    {"rightF", Pad::right_f},
};
enum class Unit : std::uint8_t { digits, bytes, characters };
constexpr Word<Unit> units[] = {
    {"digits", Unit::digits},
    {"bytes", Unit::bytes},
    {"characters", Unit::characters},
};

template <typename T, std::size_t count>
std::optional<T> find(const Word<T> (&words)[count], std::string_view word) {
    const auto* found = std::ranges::find(words, word, &Word<T>::word);
    return found == std::end(words) ? std::nullopt : std::optional(found->meaning);
}

std::optional<unsigned> number_of(std::string_view text) {
    const auto number = decimal(text, iso_value_size_max);
    return number ? std::optional(static_cast<unsigned>(*number)) : std::nullopt;
}

bool is_name(std::string_view text) {
    const auto good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    };
    return !text.empty() && text.size() <= name_size_max && std::ranges::all_of(text, good);
}

}  // namespace

// The state of one Dialect::parse.
class DialectParser {
public:
    Result<void> read(std::string_view text) {
        TableText table(text);
        while (table.next()) {
            line_ = table.line();
            const auto words = table.words();
            if (words.size() > words_max) return bad("dialect: too many words");
            TRY_VOID(words[0] == "field" ? field(words) : header(words));
        }
        line_ = table.line();
        return {};
    }

    Result<Dialect> finish() && {
        if (!named_ || !versioned_ || !mti_ || !bitmap_) return bad("dialect: header line missing");
        if (!any_field_) return bad("dialect: no field");
        return std::move(dialect_);
    }

private:
    std::unexpected<Error> bad(Literal what) const {
        return fail(ErrorKind::malformed, what, line_);
    }

    Result<void> header(std::span<const std::string_view> words) {
        if (any_field_) return bad("dialect: header line behind a field");
        const bool hex = words.size() == 3 && words[0] == "bitmap" && words[2] == "hex";
        if (words.size() != 2 && !hex) return bad("dialect: header line needs two words");
        const std::string_view value = words[1];
        bool* seen = words[0] == "dialect"   ? &named_
                     : words[0] == "version" ? &versioned_
                     : words[0] == "mti"     ? &mti_
                     : words[0] == "bitmap"  ? &bitmap_
                                             : nullptr;
        if (seen == nullptr) return bad("dialect: unknown header line");
        if (*seen) return bad("dialect: header line twice");
        *seen = true;
        if (seen == &named_) {
            if (!is_name(value)) return bad("dialect: name");
            dialect_.name_ = value;
        } else if (seen == &versioned_) {
            if (value.size() != 1 || value[0] < '0' || value[0] > '9') {
                return bad("dialect: version");
            }
            dialect_.version_ = value[0];
        } else if (seen == &mti_) {
            if (value != "bcd" && value != "ascii") return bad("dialect: mti encoding");
            dialect_.mti_ascii_ = value == "ascii";
        } else {
            if (value != "8" && value != "16" && value != "auto") return bad("dialect: bitmap");
            dialect_.bitmap_hex_ = hex;
            dialect_.bitmap_bytes_ = value == "8" ? 8 : value == "16" ? 16 : 0;
        }
        return {};
    }

    Result<void> field(std::span<const std::string_view> words) {
        if (!bitmap_) return bad("dialect: field in front of the bitmap line");
        if (words.size() != words_max) return bad("dialect: field needs ten words");
        const auto number = number_of(words[1]);
        const unsigned number_max = dialect_.bitmap_bytes_ == 8 ? 64 : iso_field_max;
        if (!number || *number < 2 || *number > number_max || *number == 65) {
            return bad("dialect: field number");
        }
        FieldSpec& spec = dialect_.fields_[*number];
        if (spec.defined) return bad("dialect: field twice");
        TRY_VOID(value_of(words, spec));
        TRY_VOID(length_of(words, spec));
        TRY_VOID(pad_of(words[7], spec));
        if (!is_name(words[9])) return bad("dialect: field name");
        if (std::ranges::find(dialect_.names_, words[9]) != dialect_.names_.end()) {
            return bad("dialect: field name twice");
        }
        dialect_.names_[*number] = words[9];
        spec.defined = true;
        any_field_ = true;
        return {};
    }

    Result<void> value_of(std::span<const std::string_view> words, FieldSpec& spec) const {
        const auto format = find(formats, words[2]);
        if (!format) return bad("dialect: format");
        const auto encoding = find(encodings, words[3]);
        if (!encoding) return bad("dialect: encoding");
        const auto klass = find(classes, words[8]);
        if (!klass) return bad("dialect: class");
        const bool number = *format == FieldFormat::n || *format == FieldFormat::z;
        const bool fits = *encoding == FieldEncoding::bcd      ? number
                          : *encoding == FieldEncoding::binary ? *format == FieldFormat::b
                                                               : *format != FieldFormat::b;
        if (!fits) return bad("dialect: encoding does not fit the format");
        // The masks work on digits and on separators; on other bytes they would hide nothing.
        if ((*klass == FieldClass::pan && *format == FieldFormat::b) ||
            (*klass == FieldClass::track2 && *format != FieldFormat::z) ||
            (*klass == FieldClass::chip && *format != FieldFormat::b)) {
            return bad("dialect: class does not fit the format");
        }
        spec.format = *format;
        spec.encoding = *encoding;
        spec.klass = *klass;
        return {};
    }

    Result<void> length_of(std::span<const std::string_view> words, FieldSpec& spec) const {
        const auto rule = find(length_rules, words[4]);
        if (!rule) return bad("dialect: length rule");
        const auto unit = find(units, words[5]);
        if (!unit) return bad("dialect: count");
        const bool characters = spec.encoding == FieldEncoding::ascii;
        // A character is a byte here; a byte is two digits.
        if (characters ? *unit == Unit::digits : *unit == Unit::characters) {
            return bad("dialect: count does not fit the encoding");
        }
        spec.counts_other_unit = spec.encoding == FieldEncoding::bcd      ? *unit == Unit::bytes
                                 : spec.encoding == FieldEncoding::binary ? *unit == Unit::digits
                                                                          : false;
        const std::size_t dash = words[6].find('-');
        const auto low = number_of(words[6].substr(0, dash));
        const auto high =
            dash == std::string_view::npos ? low : number_of(words[6].substr(dash + 1));
        if (!low || !high || *low == 0 || *low > *high || *high > iso_value_size_max) {
            return bad("dialect: size");
        }
        const bool fixed = rule->bytes == 0;
        if (fixed && (dash != std::string_view::npos || spec.counts_other_unit)) {
            return bad("dialect: fixed field with a range or another unit");
        }
        const bool doubled = spec.counts_other_unit && spec.encoding == FieldEncoding::binary;
        if (*high * (doubled ? 2 : 1) > rule->max) return bad("dialect: size over the length rule");
        spec.length_bytes = rule->bytes;
        spec.length_ascii = rule->ascii;
        spec.size_min = static_cast<std::uint16_t>(*low);
        spec.size_max = static_cast<std::uint16_t>(*high);
        const bool bcd = spec.encoding == FieldEncoding::bcd;
        spec.odd_forbidden = bcd && spec.counts_other_unit;
        spec.track_in_bcd = bcd && spec.format == FieldFormat::z;
        return {};
    }

    Result<void> pad_of(std::string_view word, FieldSpec& spec) const {
        const auto pad = find(pads, word);
        if (!pad) return bad("dialect: pad");
        const bool may_be_odd = spec.encoding == FieldEncoding::bcd && !spec.counts_other_unit &&
                                (spec.length_bytes != 0 || spec.size_max % 2 != 0);
        if (may_be_odd != (*pad != Pad::none)) return bad("dialect: pad does not fit the size");
        spec.pad_left = *pad == Pad::left_zero;
        spec.pad_nibble = *pad == Pad::right_f ? 0xF : 0x0;
        return {};
    }

    Dialect dialect_;
    std::uint32_t line_ = 0;
    bool named_ = false;
    bool versioned_ = false;
    bool mti_ = false;
    bool bitmap_ = false;
    bool any_field_ = false;
};

Result<Dialect> Dialect::parse(std::string_view text) {
    if (text.size() > text_bytes_max) return fail(ErrorKind::denied, "dialect: too long");
    DialectParser parser;
    TRY_VOID(parser.read(text));
    return std::move(parser).finish();
}

}  // namespace softpos::codec
