// PINs from a phone's key to the acquirer's: opened, checked against the card and closed again in
// one call, with one answer to everything that is wrong.
#include "base/pan.h"
#include "codec/ber_tlv.h"
#include "crypto/dukpt_tdes.h"
#include "crypto/hash.h"
#include "crypto/pin_block.h"
#include "platform/keys/vault_core.h"
#include "platform/keys/vault_core_parts.h"

#include <algorithm>

namespace softpos::keys {

struct VaultCore::PinUse {
    SerialUse serial;
    const KeyEntry& base;
    Bytes ksn;
    Bytes block;
    crypto::PinFormat from;
    const KeyEntry& target;
    crypto::PinFormat to;
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

// What the serial number was used for: this block, this card, this terminal, this format.
CardDigest digest_of(Bytes block, const Pan& pan, crypto::PinFormat to, std::string_view target) {
    SecretBytes all(block.size() + Pan::digits_max + 1 + protocol::key_alias_bytes_max);
    std::size_t size = 0;
    const auto put = [&](Bytes bytes) {
        std::ranges::copy(bytes, all.writable().subspan(size).begin());
        size += bytes.size();
    };
    put(block);
    put(bytes_of(pan.clear_digits()));
    all.writable()[size++] = static_cast<std::uint8_t>(to);
    put(bytes_of(target));
    const auto whole = crypto::sha256(all.bytes().first(size));
    CardDigest digest{};
    std::copy_n(whole.begin(), digest.size(), digest.begin());
    return digest;
}

}  // namespace

// A terminal's own, or one that other terminals share: a zone key that came in a key block.
Result<const KeyEntry*> VaultCore::pin_key(std::string_view name) const {
    const KeyEntry* key = TRY(find(name));
    if (key->attributes.usage != KeyUsage::pin) key = TRY(working_key(name, pin_suffix));
    TRY_VOID(authorise(Operation::encrypt_pin, key->attributes, key->state));
    return key;
}

// Revoked, locked, used for another block: before anything is decrypted.
Result<void> VaultCore::check_pin_use(const SerialUse& use) const {
    const auto known = devices_.find(use.device());
    if (known == devices_.end()) return {};
    const Device& device = known->second;
    if (device.revoked || device.pin_failures >= pin_failures_max) return refused();
    const ReplayVerdict verdict = device.window(use.of).judge(use.counter, use.digest);
    if (verdict == ReplayVerdict::fresh || verdict == ReplayVerdict::repeated) return {};
    return refused();
}

namespace {

Result<SecretBytes> sender_key(KeyBackend& backend, const KeyEntry& base, Bytes ksn) {
    if (base.attributes.usage == KeyUsage::pin_base_derivation) {
        return backend.dukpt_pin_key(base, TRY(crypto::AesKsn::parse(ksn)));
    }
    const UsableKey bdk = TRY(backend.use(Operation::derive_terminal_pin_key, base));
    return crypto::dukpt_tdes_host_key(bdk.bytes(), TRY(crypto::TdesKsn::parse(ksn)),
                                       crypto::TdesDukptUsage::pin_encryption);
}

}  // namespace

Result<const crypto::BlockKey*> VaultCore::sender_cipher(const PinUse& use) {
    const auto key = sender_key(*backend_, use.base, use.ksn);
    if (!key) {
        if (key.error().kind == ErrorKind::unavailable) return std::unexpected(key.error());
        return refused();
    }
    const crypto::Cipher cipher = crypto::pin_cipher(use.from);
    if (pin_cipher_ && pin_cipher_->cipher() == cipher) {
        TRY_VOID(pin_cipher_->rekey(key->bytes()));
    } else {
        pin_cipher_.emplace(TRY(crypto::BlockKey::make(cipher, key->bytes())));
    }
    return &*pin_cipher_;
}

Result<Buffer> VaultCore::translate(const PinUse& use) {
    TRY_VOID(check_pin_use(use.serial));
    const auto* from = TRY(sender_cipher(use));
    const auto* under = TRY(cipher_for({Operation::encrypt_pin, use.target}));
    const auto block =
        crypto::translate_pin({use.from, *from}, use.block, {use.to, *under}, &use.pan, random_);
    if (!block) return refused();
    const Bytes bytes = block->bytes();
    return Buffer(bytes.begin(), bytes.end());
}

// On disk before the caller learns that it failed.
Result<void> VaultCore::count_pin_failure(const DeviceId& device) {
    const auto known = devices_.find(device);
    DeviceEntry changed{.device = device, .revoked = false, .pin_failures = 0};
    if (known != devices_.end()) {
        changed.revoked = known->second.revoked;
        changed.pin_failures = known->second.pin_failures;
    }
    if (changed.pin_failures >= pin_failures_max) return {};
    ++changed.pin_failures;
    return put_device(changed);
}

VaultCore::Answered VaultCore::translate_and_note(const PinUse& use) {
    // What the caller did wrong is told apart; what the sender did is not.
    if (use.target.attributes.algorithm != algorithm_for(use.to)) {
        return refuse(ErrorKind::denied, VaultFault::not_permitted);
    }
    auto translated = translate(use);
    if (translated) {
        TRY_VOID(note_use(use.serial));
        return protocol::PinBlockAnswer{std::move(*translated)};
    }
    if (is_pin_refusal(translated.error())) TRY_VOID(count_pin_failure(use.serial.device()));
    return std::unexpected(translated.error());
}

VaultCore::Answered VaultCore::on(const protocol::TranslatePinRequest& request) {
    const KeyEntry* base = TRY(find(request.base_key));
    TRY_VOID(authorise(Operation::derive_pin_key, base->attributes, base->state));
    const KeyEntry* target = TRY(pin_key(request.terminal_key));
    const SecretBytes stored = TRY(open_stored(request.stored_form));
    const Pan pan = TRY(pan_of(stored.bytes()));
    const auto ksn = TRY(crypto::AesKsn::parse(request.pin.ksn));
    const crypto::PinFormat to = format_of(request.format);
    const CardDigest digest = digest_of(request.pin.block, pan, to, request.terminal_key);
    return translate_and_note({.serial = {id_of(ksn), ReplayOf::pins, ksn.counter(), digest},
                               .base = *base,
                               .ksn = request.pin.ksn,
                               .block = request.pin.block,
                               .from = crypto::PinFormat::iso4,
                               .target = *target,
                               .to = to,
                               .pan = pan});
}

VaultCore::Answered VaultCore::on(const protocol::TranslateTerminalPinRequest& request) {
    const KeyEntry* base = TRY(find(request.base_key));
    TRY_VOID(authorise(Operation::derive_terminal_pin_key, base->attributes, base->state));
    const KeyEntry* target = TRY(pin_key(request.terminal_key));
    const crypto::PinFormat from = format_of(request.from);
    if (crypto::pin_cipher(from) != crypto::Cipher::tdes) {
        return refuse(ErrorKind::malformed, VaultFault::malformed_request);
    }
    const SecretBytes stored = TRY(open_stored(request.stored_form));
    const Pan pan = TRY(pan_of(stored.bytes()));
    const auto ksn = TRY(crypto::TdesKsn::parse(request.ksn));
    const crypto::PinFormat to = format_of(request.format);
    const CardDigest digest = digest_of(request.block, pan, to, request.terminal_key);
    return translate_and_note(
        {.serial = {id_of(ksn), ReplayOf::terminal_pins, ksn.counter(), digest},
         .base = *base,
         .ksn = request.ksn,
         .block = request.block,
         .from = from,
         .target = *target,
         .to = to,
         .pan = pan});
}

// Master and session keys have no serial numbers: the MAC over the message that carried the block
// says that it came from the terminal, and the trace that it came once.
VaultCore::Answered VaultCore::on(const protocol::TranslateClassicPinRequest& request) {
    const KeyEntry* from = TRY(working_key(request.classic_key, pin_suffix));
    const KeyEntry* target = TRY(pin_key(request.terminal_key));
    const crypto::PinFormat to = format_of(request.format);
    if (target->attributes.algorithm != algorithm_for(to)) {
        return refuse(ErrorKind::denied, VaultFault::not_permitted);
    }
    const SecretBytes stored = TRY(open_stored(request.stored_form));
    const Pan pan = TRY(pan_of(stored.bytes()));
    const UsableKey key = TRY(backend_->use(Operation::decrypt_pin, *from));
    const auto opener = TRY(crypto::BlockKey::make(crypto::Cipher::tdes, key.bytes()));
    const auto* under = TRY(cipher_for({Operation::encrypt_pin, *target}));
    const auto block = crypto::translate_pin({crypto::PinFormat::iso0, opener}, request.block,
                                             {to, *under}, &pan, random_);
    if (!block) return refused();
    const Bytes bytes = block->bytes();
    return protocol::PinBlockAnswer{{bytes.begin(), bytes.end()}};
}

VaultCore::Answered VaultCore::on(const protocol::UnlockTerminalRequest& request) {
    const DeviceId device{request.terminal, DeviceKind::terminal};
    const auto known = devices_.find(device);
    if (known == devices_.end()) return refuse(ErrorKind::not_found, VaultFault::unknown_key);
    TRY_VOID(put_device({.device = device, .revoked = known->second.revoked}));
    return protocol::DoneAnswer{};
}

}  // namespace softpos::keys
