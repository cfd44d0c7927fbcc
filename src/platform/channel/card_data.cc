// From the objects a card is kept in to the digits that travel.
#include "base/pan.h"
#include "codec/ber_tlv.h"
#include "platform/channel/cup_messages.h"

#include <algorithm>
#include <utility>

namespace softpos::channel {
namespace {

using codec::Tag;

constexpr Tag track_2_tag{0x57};
constexpr Tag pan_tag{0x5A};
constexpr Tag sequence_tag{0x5F34};
constexpr Tag expiry_tag{0x5F24};
constexpr Tag chip_tag{0xDF8155};   // The complete field 55, or what a reversal repeats of it.
constexpr Tag entry_tag{0xDF8157};  // Field 22, of a classic terminal's card.
constexpr std::size_t entry_digits = 3;
constexpr std::size_t track_digits_max = 37;
constexpr std::size_t expiry_digits = 4;

std::unexpected<Error> bad(Tag tag) {
    return fail(ErrorKind::malformed, "card: object", std::to_underlying(tag));
}

// Half bytes up to an F that pads: digits, and '=' for the separator.
Result<SecretBytes> digits_of(Tag tag, Bytes packed) {
    SecretBytes digits(2 * packed.size());
    std::size_t count = 0;
    bool ended = false;
    for (std::size_t i = 0; i < 2 * packed.size(); ++i) {
        const auto nibble =
            static_cast<std::uint8_t>(i % 2 == 0 ? packed[i / 2] >> 4 : packed[i / 2] & 0xF);
        if (nibble == 0xF) {
            ended = true;
            continue;
        }
        if (ended || (nibble > 9 && nibble != 0xD)) return bad(tag);
        digits.writable()[count++] =
            nibble == 0xD ? std::uint8_t{'='} : static_cast<std::uint8_t>('0' + nibble);
    }
    return SecretBytes::copy_of(digits.bytes().first(count));
}

Result<std::string> plain_digits(Tag tag, Bytes packed, std::size_t size) {
    const SecretBytes digits = TRY(digits_of(tag, packed));
    const std::string_view text = text_of(digits.bytes());
    const bool good = text.size() >= size && text.find('=') == std::string_view::npos;
    if (!good) return bad(tag);
    return std::string(text.substr(0, size));
}

}  // namespace

Result<CardData> CardData::read(Bytes card_tlv) {
    CardData card;
    codec::TlvReader reader(card_tlv);
    while (const auto object = TRY(reader.next())) {
        if (object->tag == track_2_tag) card.track_2_ = TRY(digits_of(track_2_tag, object->value));
        if (object->tag == pan_tag) card.pan_ = TRY(digits_of(pan_tag, object->value));
        if (object->tag == chip_tag) card.chip_data_ = SecretBytes::copy_of(object->value);
        if (object->tag == entry_tag) {
            if (object->value.size() != entry_digits) return bad(entry_tag);
            card.entry_mode_ = text_of(object->value);
        }
        if (object->tag == expiry_tag) {
            card.expiry_ = TRY(plain_digits(expiry_tag, object->value, expiry_digits));
        }
        if (object->tag == sequence_tag) {
            card.sequence_ = "0" + TRY(plain_digits(sequence_tag, object->value, 2));
        }
    }
    if (!card.track_2_.empty()) {
        const std::string_view track = card.track_2();
        const std::size_t separator = track.find('=');
        if (separator == std::string_view::npos || track.size() > track_digits_max) {
            return bad(track_2_tag);
        }
        card.pan_ = SecretBytes::copy_of(card.track_2_.bytes().first(separator));
        const std::string_view behind = track.substr(separator + 1);
        if (card.expiry_.empty() && behind.size() >= expiry_digits &&
            behind.substr(0, expiry_digits).find('=') == std::string_view::npos) {
            card.expiry_ = behind.substr(0, expiry_digits);
        }
    }
    if (!Pan::parse(card.pan())) return bad(pan_tag);
    return card;
}

}  // namespace softpos::channel
