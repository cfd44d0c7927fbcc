// PINs from a phone's key to the acquirer's: opened, checked against the card and closed again in
// one call, with one answer to everything that is wrong.
#include "base/pan.h"
#include "codec/ber_tlv.h"
#include "crypto/hash.h"
#include "crypto/pin_block.h"
#include "platform/keys/vault_core.h"
#include "platform/keys/vault_core_parts.h"

#include <algorithm>

namespace softpos::keys {

struct VaultCore::PinUse {
    const SerialUse& serial;
    const KeyEntry& base;
    const KeyEntry& pin_key;
    crypto::PinFormat format;
    const Pan& pan;
};

namespace {

std::unexpected<Error> refused() {
    return refuse(ErrorKind::denied, VaultFault::pin_refused);
}

bool is_pin_refusal(const Error& error) {
    return error.detail == detail_of(VaultFault::pin_refused);
}

crypto::PinFormat format_of(protocol::PinBlockFormat format) {
    switch (format) {
        case protocol::PinBlockFormat::iso0:
            return crypto::PinFormat::iso0;
        case protocol::PinBlockFormat::iso3:
            return crypto::PinFormat::iso3;
        case protocol::PinBlockFormat::unionpay_sm4:
            return crypto::PinFormat::unionpay_sm4;
    }
    CHECK(false);
    return {};
}

KeyAlgorithm algorithm_for(crypto::PinFormat format) {
    return crypto::pin_cipher(format) == crypto::Cipher::sm4 ? KeyAlgorithm::sm4
                                                             : KeyAlgorithm::tdes;
}

// Two digits a byte, padded with F: what card_content wrote.
Result<Pan> pan_of(Bytes stored_tlv) {
    const auto packed = TRY(codec::find_value(stored_tlv, codec::Tag{0x5A}));
    if (!packed || packed->size() > (Pan::digits_max + 1) / 2) {
        return refuse(ErrorKind::malformed, VaultFault::stored_form);
    }
    SecretBytes digits(2 * packed->size());
    std::size_t count = 0;
    for (const std::uint8_t byte : *packed) {
        for (const unsigned nibble : {unsigned{byte} >> 4, unsigned{byte} & 0xF}) {
            if (nibble <= 9) digits.writable()[count++] = static_cast<std::uint8_t>('0' + nibble);
        }
    }
    return Pan::parse(text_of(digits.bytes().first(count)));
}

// What the serial number was used for: this block, this card, this terminal.
CardDigest digest_of(const protocol::TranslatePinRequest& request, const Pan& pan) {
    SecretBytes all(request.pin.block.size() + Pan::digits_max + 1 + protocol::key_alias_bytes_max);
    std::size_t size = 0;
    const auto put = [&](Bytes bytes) {
        std::ranges::copy(bytes, all.writable().subspan(size).begin());
        size += bytes.size();
    };
    put(request.pin.block);
    put(bytes_of(pan.clear_digits()));
    all.writable()[size++] = static_cast<std::uint8_t>(request.format);
    put(bytes_of(request.terminal_key));
    const auto whole = crypto::sha256(all.bytes().first(size));
    CardDigest digest{};
    std::copy_n(whole.begin(), digest.size(), digest.begin());
    return digest;
}

}  // namespace

// Revoked, locked, used for another block: before anything is decrypted.
Result<void> VaultCore::check_pin_use(const SerialUse& use) const {
    const auto known = phones_.find(use.id);
    if (known == phones_.end()) return {};
    const Phone& phone = known->second;
    if (phone.revoked || phone.pin_failures >= pin_failures_max) return refused();
    const ReplayVerdict verdict = phone.pins.judge(use.counter, use.digest);
    if (verdict == ReplayVerdict::fresh || verdict == ReplayVerdict::repeated) return {};
    return refused();
}

Result<Buffer> VaultCore::translate(const protocol::TranslatePinRequest& request,
                                    const PinUse& use) {
    TRY_VOID(check_pin_use(use.serial));
    const auto ksn = TRY(crypto::AesKsn::parse(request.pin.ksn));
    const auto key = backend_->dukpt_pin_key(use.base, ksn);
    if (!key) {
        if (key.error().kind == ErrorKind::unavailable) return std::unexpected(key.error());
        return refused();
    }
    if (pin_cipher_) {
        TRY_VOID(pin_cipher_->rekey(key->bytes()));
    } else {
        pin_cipher_.emplace(TRY(crypto::BlockKey::make(crypto::Cipher::aes, key->bytes())));
    }
    const auto* under = TRY(cipher_for({Operation::encrypt_pin, use.pin_key}));
    const auto block =
        crypto::translate_pin({crypto::PinFormat::iso4, *pin_cipher_}, request.pin.block,
                              {use.format, *under}, &use.pan, random_);
    if (!block) return refused();
    const Bytes bytes = block->bytes();
    return Buffer(bytes.begin(), bytes.end());
}

// On disk before the caller learns that it failed.
Result<void> VaultCore::count_pin_failure(const InitialKeyId& id) {
    const auto known = phones_.find(id);
    PhoneEntry changed{.initial_key_id = id, .revoked = false, .pin_failures = 0};
    if (known != phones_.end()) {
        changed.revoked = known->second.revoked;
        changed.pin_failures = known->second.pin_failures;
    }
    if (changed.pin_failures >= pin_failures_max) return {};
    ++changed.pin_failures;
    return put_phone(changed);
}

VaultCore::Answered VaultCore::on(const protocol::TranslatePinRequest& request) {
    // What the caller did wrong is told apart; what the phone did is not.
    const KeyEntry* base = TRY(find(request.base_key));
    TRY_VOID(authorise(Operation::derive_pin_key, base->attributes, base->state));
    const KeyEntry* pin_key = TRY(working_key(request.terminal_key, pin_suffix));
    TRY_VOID(authorise(Operation::encrypt_pin, pin_key->attributes, pin_key->state));
    const crypto::PinFormat format = format_of(request.format);
    if (pin_key->attributes.algorithm != algorithm_for(format)) {
        return refuse(ErrorKind::denied, VaultFault::not_permitted);
    }
    const SecretBytes stored = TRY(open_stored(request.stored_form));
    const Pan pan = TRY(pan_of(stored.bytes()));
    const auto ksn = TRY(crypto::AesKsn::parse(request.pin.ksn));
    const SerialUse use{id_of(ksn), ReplayOf::pins, ksn.counter(), digest_of(request, pan)};

    auto translated = translate(request, {use, *base, *pin_key, format, pan});
    if (translated) {
        TRY_VOID(note_use(use));
        return protocol::PinBlockAnswer{std::move(*translated)};
    }
    if (is_pin_refusal(translated.error())) TRY_VOID(count_pin_failure(use.id));
    return std::unexpected(translated.error());
}

}  // namespace softpos::keys
