// Digits in, blocks out.
#include "world/conformance/blocks.h"

#include "base/hex.h"
#include "crypto/cipher.h"

#include <algorithm>
#include <string>

namespace softpos::conformance {
namespace {

constexpr std::size_t pin_digits_min = 4;
constexpr std::size_t pin_digits_max = 12;
constexpr std::size_t pan_digits_in_block = 12;

bool digits(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::string> account_digits(std::string_view pin, std::string_view pan) {
    if (pin.size() < pin_digits_min || pin.size() > pin_digits_max || !digits(pin) ||
        pan.size() <= pan_digits_in_block || !digits(pan))
        return std::nullopt;
    return std::string(pan.substr(pan.size() - pan_digits_in_block - 1, pan_digits_in_block));
}

Buffer packed(const std::string& hex) {
    return from_hex(hex).value_or(Buffer{});
}

}  // namespace

std::optional<Buffer> iso0_pin_block(std::string_view pin, std::string_view pan) {
    const auto account = account_digits(pin, pan);
    if (!account) return std::nullopt;
    std::string field = "0" + hex_number(static_cast<std::uint32_t>(pin.size())).substr(1);
    field.append(pin).resize(16, 'F');
    return xor_of(packed(field), packed("0000" + *account));
}

std::optional<Sm4PinFields> sm4_pin_fields(std::string_view pin, std::string_view pan) {
    const auto account = account_digits(pin, pan);
    if (!account) return std::nullopt;
    std::string field = pin.size() < 10 ? "0" : "";
    field.append(std::to_string(pin.size())).append(pin).resize(32, 'F');
    return Sm4PinFields{packed(field), packed(std::string(20, '0') + *account)};
}

Result<Buffer> tdes_cbc(Bytes key, Bytes data) {
    const auto cipher = TRY(crypto::BlockKey::make(crypto::Cipher::tdes, key));
    const std::size_t block = cipher.block_size();
    Buffer out(data.begin(), data.end());
    out.resize((data.size() + block - 1) / block * block);
    for (std::size_t at = 0; at < out.size(); at += block) {
        for (std::size_t i = 0; at > 0 && i < block; ++i)
            out[at + i] = static_cast<std::uint8_t>(out[at + i] ^ out[at + i - block]);
        const auto here = std::span(out).subspan(at, block);
        cipher.encrypt_block(here, here);
    }
    return out;
}

Buffer xor_of_blocks(Bytes data, std::size_t block_bytes) {
    Buffer sum(block_bytes);
    for (std::size_t i = 0; i < data.size(); ++i)
        sum[i % block_bytes] = static_cast<std::uint8_t>(sum[i % block_bytes] ^ data[i]);
    return sum;
}

Buffer xor_of(Bytes a, Bytes b) {
    Buffer sum(std::min(a.size(), b.size()));
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = static_cast<std::uint8_t>(a[i] ^ b[i]);
    return sum;
}

}  // namespace softpos::conformance
