// Walks the nibbles.
#include "phone/emv/track2.h"

#include <array>

namespace softpos::emv {
namespace {

constexpr std::uint8_t separator = 0x0D;
constexpr std::uint8_t padding = 0x0F;

std::uint8_t nibble(Bytes bytes, std::size_t index) {
    const auto byte = bytes[index / 2];
    return static_cast<std::uint8_t>(index % 2 == 0 ? byte >> 4 : byte & 0x0F);
}

// How many digits stand before the separator; 0 where there is none or another sign comes first.
std::size_t pan_digits(Bytes track2) {
    for (std::size_t i = 0; i < 2 * track2.size(); ++i) {
        const auto sign = nibble(track2, i);
        if (sign == separator) return i;
        if (sign > 9) return 0;
    }
    return 0;
}

}  // namespace

std::optional<std::uint16_t> track2_expiry_yymm(Bytes track2) {
    const auto start = pan_digits(track2) + 1;
    if (start == 1 || start + 4 > 2 * track2.size()) return std::nullopt;
    unsigned number = 0;
    for (std::size_t i = start; i < start + 4; ++i) {
        const auto digit = nibble(track2, i);
        if (digit > 9) return std::nullopt;
        number = number * 10 + digit;
    }
    const auto month = number % 100;
    if (month < 1 || month > 12) return std::nullopt;
    return static_cast<std::uint16_t>(number);
}

bool track2_fits(Bytes track2) {
    const auto digits = pan_digits(track2);
    if (digits < Pan::digits_min || digits > Pan::digits_max) return false;
    if (!track2_expiry_yymm(track2)) return false;
    for (std::size_t i = digits + 1; i < 2 * track2.size(); ++i) {
        const auto sign = nibble(track2, i);
        const bool last = i + 1 == 2 * track2.size();
        if (sign > 9 && !(last && sign == padding)) return false;
    }
    return true;
}

Result<Pan> track2_pan(Bytes track2) {
    const auto digits = pan_digits(track2);
    if (digits < Pan::digits_min || digits > Pan::digits_max)
        return fail(ErrorKind::malformed, "track 2: no PAN");
    std::array<std::uint8_t, Pan::digits_max> text{};
    for (std::size_t i = 0; i < digits; ++i)
        text[i] = static_cast<std::uint8_t>('0' + nibble(track2, i));
    auto pan = Pan::parse(text_of(Bytes(text).first(digits)));
    wipe(text);
    return pan;
}

}  // namespace softpos::emv
