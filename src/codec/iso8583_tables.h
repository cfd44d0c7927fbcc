// Tables of the ISO 8583 codec: what a byte is, in one load. Not for other modules.
#pragma once

#include "codec/dialect.h"

#include <array>
#include <cstdint>

namespace softpos::codec::iso_tables {

constexpr std::uint8_t not_bcd = 0xFF;
constexpr std::uint8_t not_digit = 0x80;  // A bit that no digit has: faults can be ORed together.

using Pair = std::array<std::uint8_t, 2>;  // Two digits of text, or twice not_digit.

constexpr std::uint8_t digit_of(unsigned nibble, bool track) {
    if (nibble < 10) return static_cast<std::uint8_t>('0' + nibble);
    return track && nibble == 0xD ? '=' : not_digit;  // Every terminal writes D for the separator.
}

constexpr std::array<Pair, 256> make_pairs(bool track) {
    std::array<Pair, 256> pairs{};
    for (unsigned byte = 0; byte < 256; ++byte) {
        const Pair pair{digit_of(byte >> 4, track), digit_of(byte & 0xF, track)};
        const bool good = pair[0] != not_digit && pair[1] != not_digit;
        pairs[byte] = good ? pair : Pair{not_digit, not_digit};
    }
    return pairs;
}

constexpr std::array<std::uint8_t, 256> make_bcd() {
    std::array<std::uint8_t, 256> values{};
    for (unsigned byte = 0; byte < 256; ++byte) {
        const bool good = (byte >> 4) < 10 && (byte & 0xF) < 10;
        values[byte] = good ? static_cast<std::uint8_t>((byte >> 4) * 10 + (byte & 0xF)) : not_bcd;
    }
    return values;
}

constexpr std::array<std::uint8_t, 100> make_packed() {
    std::array<std::uint8_t, 100> packed{};
    for (unsigned n = 0; n < 100; ++n) packed[n] = static_cast<std::uint8_t>(n / 10 << 4 | n % 10);
    return packed;
}

// One bit for each format whose values may contain the byte.
constexpr std::uint8_t format_bit(FieldFormat format) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(format));
}

constexpr std::array<std::uint8_t, 256> make_formats() {
    std::array<std::uint8_t, 256> bits{};
    for (unsigned c = 0; c < 256; ++c) {
        const bool digit = c >= '0' && c <= '9';
        const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        const bool printable = c >= 0x20 && c <= 0x7E;
        unsigned set = format_bit(FieldFormat::b);
        if (digit) set |= format_bit(FieldFormat::n);
        if (digit || c == '=' || c == 'D') set |= format_bit(FieldFormat::z);
        if (digit || letter || c == ' ') set |= format_bit(FieldFormat::an);
        if (printable) set |= format_bit(FieldFormat::ans);
        // Double bytes are not paired up: a fixed width may cut one, and the rest must be read.
        if (printable || c >= 0x80) set |= format_bit(FieldFormat::gbk);
        bits[c] = static_cast<std::uint8_t>(set);
    }
    return bits;
}

inline constexpr auto digit_pairs = make_pairs(false);
inline constexpr auto track_pairs = make_pairs(true);
inline constexpr auto bcd_values = make_bcd();
inline constexpr auto packed_numbers = make_packed();
inline constexpr auto formats_of_byte = make_formats();

}  // namespace softpos::codec::iso_tables
