// How values of the ISO 8583 codec are copied, checked and turned into half bytes, a word at a time
// where that is possible. Not for other modules.
#pragma once

#include "codec/dialect.h"
#include "codec/iso8583_tables.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace softpos::codec::iso_values {

using iso_tables::digit_pairs;
using iso_tables::format_bit;
using iso_tables::formats_of_byte;
using iso_tables::not_digit;
using iso_tables::track_pairs;

constexpr std::uint64_t every_byte = 0x0101010101010101;

template <typename Word>
Word load(const std::uint8_t* from) {
    Word word = 0;
    std::memcpy(&word, from, sizeof word);
    return word;
}

template <typename Word>
inline void store(Word word, std::uint8_t* to) {
    std::memcpy(to, &word, sizeof word);
}

// Half a bitmap from the wire, where field 1 is the highest bit of the first byte, to a word where
// it is the lowest bit; and the same back.
inline std::uint64_t turned_bits(std::uint64_t word) {
    static_assert(std::endian::native == std::endian::little);
    word = (word >> 4 & every_byte * 0x0F) | (word & every_byte * 0x0F) << 4;
    word = (word >> 2 & every_byte * 0x33) | (word & every_byte * 0x33) << 2;
    return (word >> 1 & every_byte * 0x55) | (word & every_byte * 0x55) << 1;
}

// Not zero where a byte is no digit: its upper half is not 3, or becomes 4 when 6 is added.
template <typename Word>
Word not_digits(Word word) {
    constexpr auto each = static_cast<Word>(0x0101010101010101);
    const Word upper = (word & (each * 0xF0)) ^ (each * 0x30);
    return upper | (((word & (each * 0x0F)) + each * 0x06) & (each * 0x10));
}

// Words one behind the other, the last one overlapping. At least one word long.
template <typename Word>
inline bool copy_digit_words(const std::uint8_t* from, std::size_t size, std::uint8_t* to) {
    Word bad = 0;
    for (std::size_t i = 0; i + sizeof(Word) < size; i += sizeof(Word)) {
        const auto word = load<Word>(from + i);
        bad |= not_digits(word);
        store(word, to + i);
    }
    const std::size_t last = size - sizeof(Word);
    const auto word = load<Word>(from + last);
    bad |= not_digits(word);
    store(word, to + last);
    return bad == 0;
}

// Not zero where a byte is outside 20 to 7E.
inline std::uint64_t not_printable(std::uint64_t word) {
    constexpr std::uint64_t top = 0x8080808080808080;
    const std::uint64_t below = ~((word | top) - every_byte * 0x20);
    return (word | ((word & ~top) + every_byte) | below) & top;
}

// As copy_digit_words; at least eight bytes.
inline bool copy_printable(const std::uint8_t* from, std::size_t size, std::uint8_t* to) {
    std::uint64_t bad = 0;
    for (std::size_t i = 0; i + 8 < size; i += 8) {
        const auto word = load<std::uint64_t>(from + i);
        bad |= not_printable(word);
        store(word, to + i);
    }
    const auto word = load<std::uint64_t>(from + size - 8);
    bad |= not_printable(word);
    store(word, to + size - 8);
    return bad == 0;
}

// Copies; true iff every byte may stand in the format.
inline bool copy_checked(const std::uint8_t* from, std::size_t size, FieldFormat format,
                         std::uint8_t* to) {
    if (format == FieldFormat::ans && size >= 8) return copy_printable(from, size, to);
    if (format == FieldFormat::n && size >= 4) {
        return size >= 8 ? copy_digit_words<std::uint64_t>(from, size, to)
                         : copy_digit_words<std::uint32_t>(from, size, to);
    }
    std::uint8_t common = 0xFF;
    for (std::size_t i = 0; i < size; ++i) {
        to[i] = from[i];
        common &= formats_of_byte[from[i]];
    }
    return (common & format_bit(format)) != 0;
}

inline std::size_t first_not_in(const std::uint8_t* from, std::size_t size, FieldFormat format) {
    std::size_t i = 0;
    while (i < size && (formats_of_byte[from[i]] & format_bit(format)) != 0) ++i;
    return i;
}

constexpr std::uint8_t joined(std::uint8_t high, std::uint8_t low) {
    return static_cast<std::uint8_t>(high << 4 | (low & 0xF));
}

// Eight digits to four bytes: each pair into the low byte of its 16 bits, then the bytes together.
// '=' is 3D and so becomes D.
inline std::uint32_t join_eight(std::uint64_t eight) {
    eight &= 0x0F0F0F0F0F0F0F0F;
    eight = (eight << 4 | eight >> 8) & 0x00FF00FF00FF00FF;
    eight = (eight | eight >> 8) & 0x0000FFFF0000FFFF;
    return static_cast<std::uint32_t>(eight | eight >> 16);
}

// Checked digits to half bytes. Reads and writes whole words: there must be room for eight bytes
// behind both; what it writes behind the value is zero.
inline void write_bcd(const std::uint8_t* from, std::size_t digits, const FieldSpec& spec,
                      std::uint8_t* to) {
    if (digits % 2 != 0 && spec.pad_left) {
        *to++ = joined(spec.pad_nibble, *from++);
        --digits;
    }
    for (; digits > 8; digits -= 8, from += 8, to += 4) {
        store(join_eight(load<std::uint64_t>(from)), to);
    }
    // One to eight digits are left.
    const std::uint32_t four = join_eight(load<std::uint64_t>(from));
    const std::uint64_t whole_bytes = (std::uint64_t{1} << (digits / 2 * 8)) - 1;
    store(static_cast<std::uint32_t>(four & whole_bytes), to);
    if (digits % 2 != 0) to[digits / 2] = joined(from[digits - 1], spec.pad_nibble);
}

// Four bytes to eight digits, where D becomes '=' by itself. Not zero where a half byte is neither
// 0 to 9 nor, unless `separator` forbids it with its bits, D.
inline std::uint64_t split_eight(std::uint32_t four, std::uint64_t separator, std::uint8_t* to) {
    std::uint64_t eight = four;
    eight = (eight | eight << 16) & 0x0000FFFF0000FFFF;
    eight = (eight | eight << 8) & 0x00FF00FF00FF00FF;
    eight = (eight >> 4 | eight << 8) & (every_byte * 0x0F);
    store(eight | every_byte * 0x30, to);
    const std::uint64_t over_nine = (eight + every_byte * 0x06) & (every_byte * 0x10);
    const std::uint64_t no_separator = (eight ^ every_byte * 0x0D) + every_byte * 0x0F;
    return over_nine & (no_separator | separator);
}

// Half bytes to digits; false where one is none or the pad is wrong, and then the contents of `to`
// mean nothing.
inline bool read_bcd(const std::uint8_t* from, std::size_t digits, const FieldSpec& spec,
                     std::uint8_t* to) {
    const auto& pairs = spec.format == FieldFormat::z ? track_pairs : digit_pairs;
    std::uint64_t bad = 0;
    if (digits % 2 != 0) {
        if (spec.pad_left) {
            *to = pairs[*from & 0xF][1];
            bad = static_cast<unsigned>((*from++ >> 4) ^ spec.pad_nibble) | (*to++ & not_digit);
        } else {
            const std::uint8_t last = from[digits / 2];
            to[digits - 1] = pairs[last & 0xF0][0];
            bad = static_cast<unsigned>((last & 0xF) ^ spec.pad_nibble) |
                  (to[digits - 1] & not_digit);
        }
        --digits;
    }
    const std::uint64_t separator = spec.format == FieldFormat::z ? 0 : every_byte * 0x10;
    for (; digits >= 8; digits -= 8, from += 4, to += 8) {
        bad |= split_eight(load<std::uint32_t>(from), separator, to);
    }
    for (; digits != 0; digits -= 2, to += 2) {
        const auto pair = load<std::uint16_t>(pairs[*from++].data());
        bad |= pair & not_digit;
        store(pair, to);
    }
    return bad == 0;
}

// The offset of the byte that read_bcd did not like.
inline std::size_t find_bad_digit(const std::uint8_t* from, std::size_t digits,
                                  const FieldSpec& spec) {
    const auto& pairs = spec.format == FieldFormat::z ? track_pairs : digit_pairs;
    const std::size_t bytes = (digits + 1) / 2;
    for (std::size_t i = 0; i < bytes; ++i) {
        std::uint8_t byte = from[i];
        if (digits % 2 != 0 && spec.pad_left && i == 0) byte &= 0x0F;
        if (digits % 2 != 0 && !spec.pad_left && i + 1 == bytes) byte &= 0xF0;
        if (pairs[byte][0] == not_digit) return i;
    }
    return bytes;
}

}  // namespace softpos::codec::iso_values
