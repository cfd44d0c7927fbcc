// Terminal master keys, working keys, and what is done with them for one message.
#include "crypto/drbg.h"
#include "crypto/kcv.h"
#include "crypto/mac.h"
#include "platform/keys/vault_core.h"
#include "platform/keys/vault_core_parts.h"

#include <algorithm>

namespace softpos::keys {

using protocol::DoneAnswer;

struct VaultCore::LeavingKey {
    const std::string& alias;
    const std::string& zone_key;
    KeyUsage usage;
};

VaultCore::Answered VaultCore::make_leaving(const LeavingKey& what) {
    TRY_VOID(check_new(what.alias));
    const KeyEntry* zone = TRY(find(what.zone_key));
    const UsableKey under = TRY(backend_->use(Operation::wrap_key, *zone));
    // TDES below TDES and SM4 below SM4: the acquirer's system is one or the other.
    const KeyAlgorithm algorithm = zone->attributes.algorithm;
    const auto attributes = attributes_for(what.usage, algorithm);
    if (!attributes) return refuse(ErrorKind::denied, VaultFault::not_permitted);
    KeyEntry key = TRY(backend_->generate(what.alias, *attributes));
    protocol::CreateTmkAnswer out;
    out.check_value = TRY(backend_->check_value(key));
    {
        const UsableKey leaving = TRY(backend_->use(Operation::leave_under_zone_key, key));
        const auto cipher = TRY(crypto::BlockKey::make(cipher_of(algorithm), under.bytes()));
        cipher.encrypt(leaving.bytes(), out.cryptogram);
    }
    TRY_VOID(add(std::move(key)));
    return out;
}

VaultCore::Answered VaultCore::on(const protocol::CreateTmkRequest& request) {
    return make_leaving({request.alias, request.zone_key, KeyUsage::terminal_master});
}

VaultCore::Answered VaultCore::on(const protocol::CreateClassicKeyRequest& request) {
    return make_leaving({request.alias, request.zone_key, KeyUsage::classic_master});
}

// ---- Working keys ---------------------------------------------------------------------------

namespace {

constexpr std::size_t des_bytes = 8;

struct WorkingKind {
    std::string_view suffix;
    KeyUsage usage;
};

// Decrypts one key and proves that it is the one that was meant.
Result<KeyEntry> unwrap(KeyBackend& backend, const KeyEntry& master,
                        const protocol::WorkingKeyCryptogram& sealed, const WorkingKind& kind) {
    const UsableKey under = TRY(backend.use(Operation::unwrap_working_keys, master));
    const crypto::Cipher cipher = cipher_of(master.attributes.algorithm);
    if (sealed.cryptogram.size() % crypto::block_bytes(cipher) != 0) {
        return refuse(ErrorKind::malformed, VaultFault::malformed_request);
    }
    const SecretBytes key =
        TRY(crypto::ecb_decrypt_secret(cipher, under.bytes(), sealed.cryptogram));
    const auto kcv = TRY(crypto::zero_block_kcv(cipher, key.bytes()));
    if (!equal_constant_time(kcv, sealed.check_value)) {
        return refuse(ErrorKind::denied, VaultFault::check_value);
    }
    const bool single = sealed.cryptogram.size() == des_bytes;
    return backend.import(
        working_name(master.name, kind.suffix),
        made_for(kind.usage, single ? KeyAlgorithm::des : master.attributes.algorithm),
        key.bytes());
}

// Makes one and wraps it: it leaves in this moment and never again.
Result<KeyEntry> wrap_new(KeyBackend& backend, const KeyEntry& master, const WorkingKind& kind,
                          Random& random, protocol::WorkingKeyCryptogram& out) {
    const SecretBytes key = crypto::random_tdes_key(random);
    const UsableKey under = TRY(backend.use(Operation::wrap_working_keys, master));
    out.cryptogram = TRY(crypto::ecb_encrypt(crypto::Cipher::tdes, under.bytes(), key.bytes()));
    out.check_value = TRY(crypto::zero_block_kcv(crypto::Cipher::tdes, key.bytes()));
    return backend.import(working_name(master.name, kind.suffix),
                          made_for(kind.usage, KeyAlgorithm::tdes), key.bytes());
}

}  // namespace

VaultCore::Answered VaultCore::on(const protocol::GiveWorkingKeysRequest& request) {
    const KeyEntry* master = TRY(find(request.terminal_key));
    protocol::WorkingKeysAnswer out;
    std::vector<Entry> entries;
    entries.emplace_back(TRY(
        wrap_new(*backend_, *master, {pin_suffix, KeyUsage::classic_pin}, random_, out.pin_key)));
    entries.emplace_back(
        TRY(wrap_new(*backend_, *master, {mac_suffix, KeyUsage::mac}, random_, out.mac_key)));
    TRY_VOID(commit(entries));
    cipher_key_.clear();
    for (Entry& entry : entries) TRY_VOID(take_entry(std::move(entry)));
    return out;
}

VaultCore::Answered VaultCore::on(const protocol::LoadWorkingKeysRequest& request) {
    const KeyEntry* master = TRY(find(request.terminal_key));
    std::vector<Entry> entries;
    entries.emplace_back(
        TRY(unwrap(*backend_, *master, request.pin_key, {pin_suffix, KeyUsage::pin})));
    entries.emplace_back(
        TRY(unwrap(*backend_, *master, request.mac_key, {mac_suffix, KeyUsage::mac})));
    if (request.data_key) {
        entries.emplace_back(
            TRY(unwrap(*backend_, *master, *request.data_key, {data_suffix, KeyUsage::data})));
    }
    TRY_VOID(commit(entries));
    cipher_key_.clear();
    for (Entry& entry : entries) TRY_VOID(take_entry(std::move(entry)));
    return DoneAnswer{};
}

Result<const crypto::BlockKey*> VaultCore::cipher_for(const KeyUse& use) {
    TRY_VOID(authorise(use.operation, use.key.attributes, use.key.state));
    if (cipher_key_ == use.key.name) return &*cipher_;
    cipher_key_.clear();
    const UsableKey key = TRY(backend_->use(use.operation, use.key));
    const crypto::Cipher cipher = cipher_of(use.key.attributes.algorithm);
    if (cipher_ && cipher_->cipher() == cipher) {
        TRY_VOID(cipher_->rekey(key.bytes()));
    } else {
        cipher_.emplace(TRY(crypto::BlockKey::make(cipher, key.bytes())));
    }
    cipher_key_ = use.key.name;
    return &*cipher_;
}

Result<const KeyEntry*> VaultCore::working_key(std::string_view terminal_key,
                                               std::string_view suffix) const {
    // Its master key stands for the terminal: suspended, it stops everything below it.
    const KeyEntry* master = TRY(find(terminal_key));
    TRY_VOID(authorise(Operation::use_working_keys, master->attributes, master->state));
    const auto found = keys_.find(working_name(terminal_key, suffix));
    if (found == keys_.end()) return refuse(ErrorKind::conflict, VaultFault::no_working_keys);
    return &found->second;
}

VaultCore::Answered VaultCore::on(const protocol::MacRequest& request) {
    const KeyEntry* key = TRY(working_key(request.terminal_key, mac_suffix));
    const auto* cipher = TRY(cipher_for({Operation::generate_mac, *key}));
    return protocol::MacAnswer{crypto::unionpay_ecb_mac(*cipher, request.data)};
}

VaultCore::Answered VaultCore::on(const protocol::VerifyMacRequest& request) {
    const KeyEntry* key = TRY(working_key(request.terminal_key, mac_suffix));
    const auto* cipher = TRY(cipher_for({Operation::verify_mac, *key}));
    if (!equal_constant_time(crypto::unionpay_ecb_mac(*cipher, request.data), request.mac)) {
        return refuse(ErrorKind::denied, VaultFault::mac);
    }
    return DoneAnswer{};
}

// ---- Signatures and serial numbers ----------------------------------------------------------

VaultCore::Answered VaultCore::on(const protocol::SignRequest& request) {
    return protocol::SignatureAnswer{
        TRY(backend_->sign(*TRY(find(request.alias)), request.message))};
}

// UnionPay's ECB MAC over serial number and factor, under SM4. Spec: [CUP-POS] field 59, tag 04.
VaultCore::Answered VaultCore::on(const protocol::CheckSerialCipherRequest& request) {
    const KeyEntry* key = TRY(find(request.alias));
    const auto* cipher = TRY(cipher_for({Operation::prove_serial, *key}));
    Buffer proven;
    append(proven, bytes_of(request.serial));
    append(proven, request.factor);
    if (!equal_constant_time(crypto::unionpay_ecb_mac(*cipher, proven), request.cipher)) {
        return refuse(ErrorKind::denied, VaultFault::serial_cipher);
    }
    return DoneAnswer{};
}

}  // namespace softpos::keys
