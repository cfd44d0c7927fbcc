// Table driven both ways; a wrong digit is named by its offset.
#include "base/hex.h"

namespace softpos {
namespace {

constexpr std::string_view digits = "0123456789ABCDEF";

// 0-15, or -1 where the character is no hex digit.
int value_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

}  // namespace

std::string to_hex(Bytes bytes) {
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const std::uint8_t byte : bytes) {
        text += digits[byte >> 4];
        text += digits[byte & 0x0F];
    }
    return text;
}

Result<Buffer> from_hex(std::string_view text) {
    Buffer bytes;
    bytes.reserve(text.size() / 2);
    int high = -1;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (high < 0 && (text[i] == ' ' || text[i] == '\n')) continue;
        const int value = value_of(text[i]);
        if (value < 0) return fail(ErrorKind::malformed, "hex: not a hex digit", 0, i);
        if (high < 0) {
            high = value;
            continue;
        }
        bytes.push_back(static_cast<std::uint8_t>(high << 4 | value));
        high = -1;
    }
    if (high >= 0) return fail(ErrorKind::malformed, "hex: odd number of digits", 0, text.size());
    return bytes;
}

std::string hex_number(std::uint32_t number) {
    Buffer bytes;
    for (int shift = 24; shift >= 0; shift -= 8) {
        const auto byte = static_cast<std::uint8_t>(number >> shift);
        if (byte != 0 || !bytes.empty() || shift == 0) bytes.push_back(byte);
    }
    return to_hex(bytes);
}

}  // namespace softpos
