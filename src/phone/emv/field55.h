// Field 55 of an online request: which objects, in which order, and the bytes of those that come
// from the transaction.
//
// Spec: [CUP-POS] field 55.
#pragma once

#include "codec/ber_tlv.h"
#include "phone/emv/events.h"
#include "phone/emv/fixed_bytes.h"
#include "phone/emv/kernel.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace softpos::emv {

// A number as packed decimal digits, right-aligned.
template <std::size_t size>
constexpr std::array<std::uint8_t, size> bcd(std::int64_t number) {
    std::array<std::uint8_t, size> digits{};
    for (std::size_t i = size; i-- > 0; number /= 100)
        digits[i] = static_cast<std::uint8_t>(number / 10 % 10 * 16 + number % 10);
    return digits;
}

// What the terminal itself says about a transaction, ready to be sent.
struct TransactionBytes {
    std::array<std::uint8_t, 6> amount{};
    std::array<std::uint8_t, 6> other{};
    std::array<std::uint8_t, 2> currency{};
    std::array<std::uint8_t, 3> date{};
    std::array<std::uint8_t, 3> time{};
    std::array<std::uint8_t, 1> type{};
    std::array<std::uint8_t, 4> unpredictable_number{};
    std::array<std::uint8_t, 4> counter{};
    std::array<std::uint8_t, 5> verification_results{};  // 95: the quick path sets no bit.

    static TransactionBytes of(const TransactionData& transaction);
    std::optional<Bytes> find(codec::Tag tag) const;
};

// Objects of a purchase in their order; those that are absent are left out.
std::span<const codec::Tag> field55_order();

using Field55 = FixedBytes<data_record_bytes_max>;
bool append_object(Field55& out, codec::Tag tag, Bytes value);  // False where it does not fit.

// `value` gives std::optional<Bytes>(Tag).
template <typename Lookup>
bool build_field55(Lookup&& value, Field55& out) {
    for (const auto tag : field55_order()) {
        const std::optional<Bytes> bytes = value(tag);
        if (bytes && !append_object(out, tag, *bytes)) return false;
    }
    return true;
}

}  // namespace softpos::emv
