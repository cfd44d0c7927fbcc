// The table of one ISO 8583 dialect: which field has which format, encoding and length. Acquirers
// differ here, so it is data (data/dialects/*.dialect), checked word by word when it is loaded.
//
//     # comment
//     dialect cup-pos
//     version 0                 first digit of every MTI
//     mti bcd                   bcd | ascii
//     bitmap 8                  8 | 16 | auto (16 where bit 1 says so); then hex, if it
//                               travels as upper-case hex and not as bytes
//     field 2 n bcd ll_bcd digits 12-19 right0 pan primary_account_number
//
// The words of a field line, in this order:
//     number    2 to 64, or to 128 where the bitmap may have 16 bytes; 1 and 65 are bitmaps
//     format    n digits | z track: digits and = or D | an letters, digits, blanks
//               ans printable ASCII | gbk printable ASCII and bytes from 80 | b any byte
//     encoding  bcd (n, z) | ascii (n, z, an, ans, gbk) | binary (b)
//     length    fixed | ll_bcd | lll_bcd | ll_ascii | lll_ascii
//     count     what the length counts: digits | bytes | characters
//     size      in digits, bytes or characters of the value: 6, or 1-19 where the length is not
//     fixed pad       of an odd number of BCD digits: left0 | right0 | rightF; else none class
//     decides what a log may show: public | pan | track2 | track3 | pin | chip | key |
//               mac | private
//     name      snake_case, once
#pragma once

#include "base/result.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace softpos::codec {

constexpr unsigned iso_field_max = 128;
constexpr std::size_t iso_value_size_max = 999;

enum class FieldFormat : std::uint8_t { n, z, an, ans, gbk, b };
enum class FieldEncoding : std::uint8_t { bcd, ascii, binary };
enum class FieldClass : std::uint8_t {
    open,  // "public", which is a keyword.
    pan,
    track2,
    track3,
    pin,
    chip,
    key,
    mac,
    personal,  // "private": somebody's data, or contents that nobody defined.
};

// What the codec needs to know about one field, small enough for a whole table in the first-level
// cache.
struct FieldSpec {
    bool defined = false;
    FieldFormat format = FieldFormat::n;
    FieldEncoding encoding = FieldEncoding::bcd;
    FieldClass klass = FieldClass::open;
    std::uint8_t length_bytes = 0;  // In front of the value; 0 where it is fixed.
    bool length_ascii = false;
    bool counts_other_unit = false;  // Bytes of BCD, or digits (half bytes) of binary.
    bool pad_left = false;
    std::uint8_t pad_nibble = 0;
    std::uint16_t size_min = 1;  // Of the value: digits, characters or bytes.
    std::uint16_t size_max = 0;
    bool odd_forbidden = false;  // Whole bytes of BCD are counted.
    bool track_in_bcd = false;

    // Whether a value of this size can be the field's; never where it is not defined.
    bool takes(std::size_t size) const {
        return size >= size_min && size <= size_max && !(odd_forbidden && size % 2 != 0);
    }
};

class Dialect {
public:
    static constexpr std::size_t text_bytes_max = 64 * 1024;

    // On an error, Error.detail is the line, from 1.
    static Result<Dialect> parse(std::string_view text);

    // `number` up to iso_field_max + 1: no dialect defines that one.
    const FieldSpec& field(unsigned number) const { return fields_[number]; }
    std::string_view field_name(unsigned number) const { return names_[number]; }
    std::string_view name() const { return name_; }
    char version() const { return version_; }
    bool mti_ascii() const { return mti_ascii_; }

    // 8, 16, or 0 for "as bit 1 says".
    unsigned bitmap_bytes() const { return bitmap_bytes_; }
    bool bitmap_hex() const { return bitmap_hex_; }

private:
    friend class DialectParser;
    Dialect() = default;

    std::array<FieldSpec, iso_field_max + 2> fields_{};  // The last one is never defined.
    std::array<std::string, iso_field_max + 1> names_;
    std::string name_;
    char version_ = '0';
    bool mti_ascii_ = false;
    unsigned bitmap_bytes_ = 8;
    bool bitmap_hex_ = false;
};

}  // namespace softpos::codec
