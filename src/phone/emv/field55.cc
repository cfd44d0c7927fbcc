// The list, and writing one object.
#include "phone/emv/field55.h"

namespace softpos::emv {

using codec::Tag;

TransactionBytes TransactionBytes::of(const TransactionData& transaction) {
    TransactionBytes bytes;
    bytes.amount = bcd<6>(transaction.amount_minor);
    bytes.other = bcd<6>(transaction.other_minor);
    bytes.currency = bcd<2>(transaction.currency);
    bytes.date = transaction.date;
    bytes.time = transaction.time;
    bytes.type = {transaction.type};
    bytes.unpredictable_number = transaction.unpredictable_number;
    bytes.counter = bcd<4>(transaction.trace);
    return bytes;
}

std::optional<Bytes> TransactionBytes::find(Tag tag) const {
    switch (static_cast<std::uint32_t>(tag)) {
        case 0x9F02:
            return amount;
        case 0x9F03:
            return other;
        case 0x5F2A:
            return currency;
        case 0x9A:
            return date;
        case 0x9F21:
            return time;
        case 0x9C:
            return type;
        case 0x9F37:
            return unpredictable_number;
        case 0x9F41:
            return counter;
        case 0x95:
            return verification_results;
        default:
            return std::nullopt;
    }
}

std::span<const Tag> field55_order() {
    static constexpr Tag order[] = {
        Tag{0x9F26}, Tag{0x9F27}, Tag{0x9F10}, Tag{0x9F37}, Tag{0x9F36}, Tag{0x95},   Tag{0x9A},
        Tag{0x9C},   Tag{0x9F02}, Tag{0x5F2A}, Tag{0x82},   Tag{0x9F1A}, Tag{0x9F03}, Tag{0x9F33},
        Tag{0x9F34}, Tag{0x9F35}, Tag{0x9F1E}, Tag{0x84},   Tag{0x9F09}, Tag{0x9F41}, Tag{0x9F63}};
    return order;
}

bool append_object(Field55& out, Tag tag, Bytes value) {
    const auto number = static_cast<std::uint32_t>(tag);
    const std::uint8_t head[] = {static_cast<std::uint8_t>(number >> 8),
                                 static_cast<std::uint8_t>(number & 0xFF),
                                 static_cast<std::uint8_t>(value.size())};
    constexpr std::size_t short_length_max = 0x7F;
    if (value.size() > short_length_max) return false;
    return out.append(Bytes(head).subspan(number > 0xFF ? 0 : 1)) && out.append(value);
}

}  // namespace softpos::emv
