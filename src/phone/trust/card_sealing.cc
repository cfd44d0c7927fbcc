// Builds the clear list in one buffer that never moves, seals it, wipes it.
#include "phone/trust/card_sealing.h"

#include "base/pan.h"
#include "codec/ber_tlv.h"
#include "crypto/aead.h"

#include <array>

namespace softpos::trust {
namespace {

constexpr std::size_t head_bytes_max = 7;  // Tag of three bytes, length of three, one to spare.
constexpr std::uint8_t separator = 0xD;    // Between the number and the expiry date.

}  // namespace

Result<protocol::SealedCard> seal_card(const CardData& card, const protocol::SealedFor& sealed_for,
                                       crypto::DukptAesDevice::Step step) {
    if (card.track2.empty() || card.field55.empty()) {
        return fail(ErrorKind::internal, "trust: nothing to seal");
    }
    Buffer plain;
    plain.reserve(5 * head_bytes_max + card.track2.size() + card.pan_sequence.size() +
                  card.expiry.size() + card.field55.size() + card.serial_cipher.size());
    codec::TlvWriter writer(plain);
    writer.put(protocol::sealed_tag::track2, card.track2);
    if (!card.pan_sequence.empty()) {
        writer.put(protocol::sealed_tag::pan_sequence, card.pan_sequence);
    }
    if (!card.expiry.empty()) writer.put(protocol::sealed_tag::expiry, card.expiry);
    writer.put(protocol::sealed_tag::field55, card.field55);
    if (!card.serial_cipher.empty()) {
        writer.put(protocol::sealed_tag::serial_cipher, card.serial_cipher);
    }
    const auto aad = protocol::sealed_card_aad(sealed_for);
    auto sealed = crypto::gcm_seal(step.key.bytes(), step.ksn.bytes, aad, plain);
    wipe(plain);
    Buffer ciphertext = TRY(std::move(sealed));
    if (ciphertext.size() > protocol::sealed_card_bytes_max) {
        return fail(ErrorKind::malformed, "trust: card data is too long");
    }
    return protocol::SealedCard{step.ksn.bytes, std::move(ciphertext)};
}

std::string masked_pan_of(Bytes track2) {
    std::array<char, Pan::digits_max> digits{};
    std::size_t count = 0;
    bool ended = false;
    for (std::size_t i = 0; i < 2 * track2.size() && !ended; ++i) {
        const unsigned nibble = i % 2 == 0 ? track2[i / 2] >> 4U : track2[i / 2] & 0xFU;
        ended = nibble > 9 || count == digits.size();
        if (!ended) digits[count++] = static_cast<char>('0' + nibble);
        // More digits than a card number has, or a filler in the middle: not a track.
        else if (nibble != separator)
            count = 0;
    }
    const bool is_pan = ended && count >= Pan::digits_min;
    std::string masked = is_pan ? mask_pan({digits.data(), count}) : std::string();
    wipe({reinterpret_cast<std::uint8_t*>(digits.data()), digits.size()});
    return masked;
}

}  // namespace softpos::trust
