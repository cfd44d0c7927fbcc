// The phone's trusted core made the list; it is checked all the same, since a phone may be broken
// and what comes out of here goes into messages and records.
#include "platform/keys/card_content.h"

#include "base/pan.h"
#include "codec/ber_tlv.h"
#include "codec/cup_fields.h"
#include "protocol/vault_call.h"

#include <algorithm>
#include <array>
#include <optional>

namespace softpos::keys {
namespace {

using codec::Tag;
using protocol::VaultFault;

constexpr std::size_t track2_bytes_max = 19;
constexpr std::size_t expiry_digits = 4;
constexpr std::uint8_t separator = 0xD;
constexpr Tag pan_tag{0x5A};

std::unexpected<Error> bad() {
    return std::unexpected(protocol::error_of(ErrorKind::malformed, VaultFault::card_content));
}

struct Objects {
    std::optional<Bytes> track2, pan_sequence, expiry, field55, serial_cipher, entry_mode;
};

bool is_entry_mode(Bytes text) {
    constexpr std::size_t digits = 3;
    return text.size() == digits &&
           std::ranges::all_of(text, [](std::uint8_t c) { return c >= '0' && c <= '9'; });
}

Result<Objects> read_objects(Bytes card_tlv, CardSource source) {
    Objects found;
    codec::TlvReader reader(card_tlv);
    while (true) {
        const auto next = reader.next();
        if (!next) return bad();
        const auto& object = *next;
        if (!object) break;
        std::optional<Bytes>* place = nullptr;
        if (object->tag == protocol::sealed_tag::track2) place = &found.track2;
        if (object->tag == protocol::sealed_tag::pan_sequence) place = &found.pan_sequence;
        if (object->tag == protocol::sealed_tag::expiry) place = &found.expiry;
        if (object->tag == protocol::sealed_tag::field55) place = &found.field55;
        if (object->tag == protocol::sealed_tag::serial_cipher) place = &found.serial_cipher;
        if (object->tag == protocol::sealed_tag::entry_mode) place = &found.entry_mode;
        if (place == nullptr || place->has_value()) return bad();
        *place = object->value;
    }
    const bool classic = source == CardSource::classic;
    const bool sources =
        classic ? found.entry_mode && is_entry_mode(*found.entry_mode) && !found.serial_cipher
                : found.field55 && !found.entry_mode;
    const bool sizes = sources && found.track2 && (!found.field55 || !found.field55->empty()) &&
                       found.track2->size() <= track2_bytes_max &&
                       (!found.pan_sequence || found.pan_sequence->size() == 1) &&
                       (!found.expiry || found.expiry->size() == 3) &&
                       (!found.serial_cipher || found.serial_cipher->size() == 8);
    if (!sizes) return bad();
    return found;
}

struct Track {
    SecretBytes pan_digits;
    std::array<std::uint8_t, 3> expiry{};  // YYMM00
};

unsigned nibble_at(Bytes packed, std::size_t i) {
    return i % 2 == 0 ? packed[i / 2] >> 4U : packed[i / 2] & 0xFU;
}

// Digits, D, YYMM, then whatever the issuer put there. Spec: [EMV-B3] Annex A, tag 57.
Result<Track> read_track(Bytes track2) {
    const std::size_t nibbles = 2 * track2.size();
    std::size_t count = 0;
    while (count < nibbles && nibble_at(track2, count) <= 9) ++count;
    const bool form = count >= Pan::digits_min && count <= Pan::digits_max &&
                      count + expiry_digits < nibbles && nibble_at(track2, count) == separator;
    if (!form) return bad();
    Track track{.pan_digits = SecretBytes(count), .expiry = {}};
    for (std::size_t i = 0; i < count; ++i) {
        track.pan_digits.writable()[i] = static_cast<std::uint8_t>('0' + nibble_at(track2, i));
    }
    for (std::size_t i = 0; i < expiry_digits; ++i) {
        const unsigned digit = nibble_at(track2, count + 1 + i);
        if (digit > 9) return bad();
        track.expiry[i / 2] = static_cast<std::uint8_t>(unsigned{track.expiry[i / 2]} << 4 | digit);
    }
    return track;
}

// Two digits a byte, padded with F. Spec: [EMV-B3] 4.3, format cn.
SecretBytes packed_pan(Bytes digits) {
    SecretBytes packed((digits.size() + 1) / 2);
    for (std::size_t i = 0; i < 2 * packed.size(); ++i) {
        const unsigned nibble = i < digits.size() ? digits[i] - unsigned{'0'} : 0xFU;
        std::uint8_t& byte = packed.writable()[i / 2];
        byte = static_cast<std::uint8_t>(unsigned{byte} << 4 | nibble);
    }
    return packed;
}

}  // namespace

Result<CardContent> read_card_content(Bytes card_tlv, CardSource source) {
    const Objects card = TRY(read_objects(card_tlv, source));
    const Track track = TRY(read_track(*card.track2));
    const auto repeated =
        card.field55 ? codec::field_55_for_reversal(*card.field55, codec::ChipEnd::card_declined)
                     : Buffer{};
    if (!repeated) return bad();

    const SecretBytes pan = packed_pan(track.pan_digits.bytes());
    Buffer list;
    list.reserve(protocol::stored_form_bytes_max);  // Never moved, so that one wipe gets it all.
    codec::TlvWriter writer(list);
    writer.put(pan_tag, pan.bytes());
    if (card.pan_sequence) writer.put(protocol::sealed_tag::pan_sequence, *card.pan_sequence);
    writer.put(protocol::sealed_tag::expiry, card.expiry ? *card.expiry : Bytes(track.expiry));
    if (!repeated->empty()) writer.put(protocol::sealed_tag::field55, *repeated);
    if (card.entry_mode) writer.put(protocol::sealed_tag::entry_mode, *card.entry_mode);
    CardContent content{.stored_tlv = SecretBytes::copy_of(list),
                        .masked_pan = mask_pan(text_of(track.pan_digits.bytes()))};
    wipe(list);
    if (content.stored_tlv.size() > stored_tlv_bytes_max) return bad();
    return content;
}

}  // namespace softpos::keys
