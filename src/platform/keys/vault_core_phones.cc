// What phones get and what they send: initial keys, sealed cards, stored forms.
#include "crypto/aead.h"
#include "crypto/envelope.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"
#include "platform/keys/card_content.h"
#include "platform/keys/vault_core.h"
#include "platform/keys/vault_core_parts.h"

#include <algorithm>

namespace softpos::keys {

using protocol::DoneAnswer;

// ---- Keys for a phone -----------------------------------------------------------------------

Result<void> VaultCore::check_device(const DeviceId& device) const {
    const auto known = devices_.find(device);
    if (known == devices_.end() || !known->second.revoked) return {};
    return refuse(ErrorKind::denied, VaultFault::terminal_revoked);
}

Result<void> VaultCore::put_device(const DeviceEntry& changed) {
    if (!devices_.contains(changed.device) && devices_.size() >= devices_max) {
        return refuse(ErrorKind::denied, VaultFault::full);
    }
    const Entry entry(changed);
    TRY_VOID(commit({&entry, 1}));
    return take_entry(Entry(changed));
}

namespace {

Result<VaultAnswer> sealed_to(const EcPoint& recipient, Bytes info, Bytes key) {
    auto envelope = crypto::seal_to(recipient, info, key);
    if (!envelope) return refuse(ErrorKind::denied, VaultFault::recipient);
    return protocol::KeyEnvelopeAnswer{std::move(*envelope)};
}

}  // namespace

VaultCore::Answered VaultCore::on(const protocol::ExportInitialKeyRequest& request) {
    const KeyEntry* base = TRY(find(request.base_key));
    const SecretBytes key = TRY(backend_->dukpt_initial_key(*base, request.initial_key_id));
    const DeviceId phone{request.initial_key_id, DeviceKind::phone};
    TRY_VOID(check_device(phone));
    // Whoever gets the key starts anew; a phone that was locked had its key replaced so.
    const auto known = devices_.find(phone);
    const bool locked = known != devices_.end() && known->second.pin_failures > 0;
    if (locked && base->attributes.usage == KeyUsage::pin_base_derivation) {
        TRY_VOID(put_device({.device = phone}));
    }
    return sealed_to(request.recipient_point,
                     protocol::initial_key_envelope_info(request.initial_key_id), key.bytes());
}

VaultCore::Answered VaultCore::on(const protocol::ExportSerialKeyRequest& request) {
    const UsableKey key = TRY(backend_->use(Operation::leave_to_phone, *TRY(find(request.alias))));
    return sealed_to(request.recipient_point,
                     protocol::serial_key_envelope_info(text_of(request.terminal_id)), key.bytes());
}

VaultCore::Answered VaultCore::on(const protocol::RevokeTerminalRequest& request) {
    DeviceEntry changed{.device = {request.initial_key_id, request.kind}, .revoked = true};
    const auto known = devices_.find(changed.device);
    if (known != devices_.end()) {
        if (known->second.revoked) return DoneAnswer{};
        changed.pin_failures = known->second.pin_failures;
    }
    TRY_VOID(put_device(changed));
    return DoneAnswer{};
}

// ---- Sealed cards ---------------------------------------------------------------------------

namespace {

// What a serial number was used for: the card data and what it is bound to.
CardDigest digest_of(const protocol::SealedCard& card, Bytes aad) {
    const auto card_digest = crypto::sha256(card.ciphertext);
    Buffer both(card_digest.begin(), card_digest.end());
    append(both, aad);
    const auto whole = crypto::sha256(both);
    CardDigest digest{};
    std::copy_n(whole.begin(), digest.size(), digest.begin());
    return digest;
}

// A counter that no device uses, a wrong tag, another amount: the caller learns no more than that
// it did not open.
Result<SecretBytes> open_sealed(KeyBackend& backend, const KeyEntry& base,
                                const protocol::OpenCardRequest& request,
                                const crypto::AesKsn& ksn) {
    const auto key = backend.dukpt_card_key(base, ksn);
    if (!key) {
        const bool away = key.error().kind == ErrorKind::unavailable;
        if (away || key.error().detail == detail_of(VaultFault::not_permitted)) {
            return std::unexpected(key.error());
        }
        return refuse(ErrorKind::denied, VaultFault::card_refused);
    }
    auto opened =
        crypto::gcm_open(key->bytes(), request.card.ksn, request.aad, request.card.ciphertext);
    if (!opened) return refuse(ErrorKind::denied, VaultFault::card_refused);
    return opened;
}

}  // namespace

// True where the same was opened before.
Result<bool> VaultCore::note_use(const SerialUse& use) {
    const auto known = devices_.find(use.device());
    if (known == devices_.end() && devices_.size() >= devices_max) {
        return refuse(ErrorKind::denied, VaultFault::full);
    }
    ReplayWindow& window =
        (known == devices_.end() ? devices_[use.device()] : known->second).window(use.of);
    switch (window.judge(use.counter, use.digest)) {
        case ReplayVerdict::repeated:
            return true;
        case ReplayVerdict::reused:
            return refuse(ErrorKind::denied, VaultFault::serial_reused);
        case ReplayVerdict::too_old:
            return refuse(ErrorKind::denied, VaultFault::serial_too_old);
        case ReplayVerdict::fresh:
            break;
    }
    if (unsaved_replays_.size() >= unsaved_replays_max) TRY_VOID(commit({}));
    window.remember(use.counter, use.digest);
    unsaved_replays_.push_back({use.id, use.of, window.floor(), use.counter, use.digest});
    return false;
}

VaultCore::Answered VaultCore::on(const protocol::OpenCardRequest& request) {
    const auto ksn = TRY(crypto::AesKsn::parse(request.card.ksn));
    const KeyEntry* base = TRY(find(request.base_key));
    TRY_VOID(authorise(Operation::derive_card_key, base->attributes, base->state));
    TRY_VOID(check_device({id_of(ksn), DeviceKind::phone}));
    protocol::OpenCardAnswer out;
    out.card_tlv = TRY(open_sealed(*backend_, *base, request, ksn));
    CardContent content = TRY(read_card_content(out.card_tlv.bytes(), CardSource::phone));
    out.masked_pan = std::move(content.masked_pan);
    out.stored_form = TRY(seal_stored(content.stored_tlv.bytes()));
    // Only what opened uses its number up: a forged one must not block the phone's next payment.
    out.repeated = TRY(note_use(
        {id_of(ksn), ReplayOf::cards, ksn.counter(), digest_of(request.card, request.aad)}));
    return out;
}

// ---- Stored forms ---------------------------------------------------------------------------

namespace {

// version || nonce || ciphertext || tag. Each form has a key of its own, made from the nonce, so
// that no number of forms wears one GCM key out.
constexpr std::uint8_t stored_form_version = 2;
constexpr std::string_view stored_aad = "softpos-stored-card/2";

}  // namespace

Result<Buffer> VaultCore::seal_stored(Bytes stored_tlv) {
    const auto nonce = random_.take<crypto::xaes_nonce_bytes>();
    Buffer form{stored_form_version};
    append(form, nonce);
    append(form, TRY(card_key_->seal(nonce, bytes_of(stored_aad), stored_tlv)));
    return form;
}

Result<SecretBytes> VaultCore::open_stored(Bytes stored_form) {
    ByteReader in(stored_form);
    const auto version = in.take_byte();
    const auto nonce = in.take(crypto::xaes_nonce_bytes);
    if (version != stored_form_version || !nonce) {
        return refuse(ErrorKind::malformed, VaultFault::stored_form);
    }
    auto opened = card_key_->open(*nonce, bytes_of(stored_aad), in.rest());
    if (!opened) return refuse(ErrorKind::denied, VaultFault::stored_form);
    return opened;
}

VaultCore::Answered VaultCore::on(const protocol::KeepCardRequest& request) {
    const CardContent content =
        TRY(read_card_content(request.card_tlv.bytes(), CardSource::classic));
    return protocol::KeepCardAnswer{TRY(seal_stored(content.stored_tlv.bytes())),
                                    content.masked_pan};
}

VaultCore::Answered VaultCore::on(const protocol::OpenStoredRequest& request) {
    return protocol::OpenStoredAnswer{TRY(open_stored(request.stored_form))};
}

}  // namespace softpos::keys
