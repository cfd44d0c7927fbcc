// One table an alphabet; four characters are three bytes.
#include "codec/base64.h"

#include <array>

namespace softpos::codec {
namespace {

constexpr std::string_view standard_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view url_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t no_digit = 0xFF;

using Values = std::array<std::uint8_t, 256>;

constexpr Values values_of(std::string_view alphabet) {
    Values values{};
    values.fill(no_digit);
    for (std::size_t i = 0; i < alphabet.size(); ++i) {
        values[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::uint8_t>(i);
    }
    return values;
}

constexpr Values standard_values = values_of(standard_alphabet);
constexpr Values url_values = values_of(url_alphabet);

std::string encode(Bytes bytes, std::string_view alphabet) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    std::uint32_t pending = 0;
    unsigned bits = 0;
    for (const std::uint8_t byte : bytes) {
        pending = pending << 8U | byte;
        bits += 8;
        while (bits >= 6) {
            bits -= 6;
            text += alphabet[pending >> bits & 63U];
        }
    }
    if (bits > 0) text += alphabet[pending << (6 - bits) & 63U];
    return text;
}

Result<Buffer> decode(std::string_view digits, const Values& values) {
    if (digits.size() % 4 == 1) {
        return fail(ErrorKind::malformed, "base64: ends too soon", 0, digits.size());
    }
    Buffer bytes;
    bytes.reserve(digits.size() / 4 * 3 + 2);
    std::uint32_t pending = 0;
    unsigned bits = 0;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        const std::uint8_t value = values[static_cast<std::uint8_t>(digits[i])];
        if (value == no_digit) return fail(ErrorKind::malformed, "base64: character", 0, i);
        pending = pending << 6U | value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes.push_back(static_cast<std::uint8_t>(pending >> bits));
        }
        pending &= (1U << bits) - 1;
    }
    if (pending != 0) {
        return fail(ErrorKind::malformed, "base64: bits left over", 0, digits.size() - 1);
    }
    return bytes;
}

}  // namespace

std::string to_base64(Bytes bytes) {
    std::string text = encode(bytes, standard_alphabet);
    while (text.size() % 4 != 0) text += '=';
    return text;
}

std::string to_base64url(Bytes bytes) {
    return encode(bytes, url_alphabet);
}

Result<Buffer> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) {
        return fail(ErrorKind::malformed, "base64: padding", 0, text.size());
    }
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
    return decode(text, standard_values);
}

Result<Buffer> from_base64url(std::string_view text) {
    return decode(text, url_values);
}

}  // namespace softpos::codec
