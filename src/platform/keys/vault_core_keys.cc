// The life of keys: made, imported, looked at, put out of use, destroyed.
#include "crypto/drbg.h"
#include "platform/keys/vault_core.h"
#include "platform/keys/vault_core_parts.h"

#include <algorithm>

namespace softpos::keys {
namespace {

constexpr std::size_t tdes_bytes = 16;
constexpr std::size_t des_bytes = 8;

// Split knowledge: nobody who brings a component knows the key, and a mistake of one shows in the
// check value. Equal components would cancel each other, and equal halves are single DES.
Result<SecretBytes> sum_of(std::span<const SecretBytes> components) {
    const bool count = components.size() >= protocol::key_components_min &&
                       components.size() <= protocol::key_components_max;
    if (!count) return refuse(ErrorKind::malformed, VaultFault::components);
    SecretBytes sum(tdes_bytes);
    for (std::size_t i = 0; i < components.size(); ++i) {
        const Bytes one = components[i].bytes();
        if (one.size() != tdes_bytes) return refuse(ErrorKind::malformed, VaultFault::components);
        for (std::size_t before = 0; before < i; ++before) {
            if (equal_constant_time(one, components[before].bytes())) {
                return refuse(ErrorKind::denied, VaultFault::components);
            }
        }
        for (std::size_t k = 0; k < one.size(); ++k) {
            sum.writable()[k] = static_cast<std::uint8_t>(sum.bytes()[k] ^ one[k]);
        }
    }
    if (equal_constant_time(sum.bytes().first(des_bytes), sum.bytes().last(des_bytes))) {
        return refuse(ErrorKind::denied, VaultFault::components);
    }
    return sum;
}

// Those whose names an operator wants to see, and of which there are few.
bool is_listed(KeyUsage usage) {
    return usage == KeyUsage::base_derivation || usage == KeyUsage::pin_base_derivation ||
           usage == KeyUsage::zone_master || usage == KeyUsage::signing;
}

}  // namespace

Result<const KeyEntry*> VaultCore::find(std::string_view name) const {
    const auto found = keys_.find(name);
    if (found == keys_.end()) return refuse(ErrorKind::not_found, VaultFault::unknown_key);
    return &found->second;
}

Result<void> VaultCore::check_new(std::string_view alias) const {
    if (keys_.contains(alias)) return refuse(ErrorKind::conflict, VaultFault::alias_taken);
    if (keys_.size() >= keys_max) return refuse(ErrorKind::denied, VaultFault::full);
    return {};
}

Result<void> VaultCore::add(KeyEntry key) {
    const Entry entry(key.clone());
    TRY_VOID(commit({&entry, 1}));
    return take_entry(std::move(key));
}

Result<KeyCheck> VaultCore::create(std::string_view alias, KeyUsage usage, KeyAlgorithm algorithm) {
    TRY_VOID(check_new(alias));
    KeyEntry key = TRY(backend_->generate(alias, made_for(usage, algorithm)));
    const KeyCheck check = TRY(backend_->check_value(key));
    TRY_VOID(add(std::move(key)));
    return check;
}

VaultCore::Answered VaultCore::on(const protocol::CreateBdkRequest& request) {
    return protocol::KeyCheckAnswer{
        TRY(create(request.alias, KeyUsage::base_derivation, KeyAlgorithm::aes))};
}

VaultCore::Answered VaultCore::on(const protocol::CreatePinBdkRequest& request) {
    return protocol::KeyCheckAnswer{
        TRY(create(request.alias, KeyUsage::pin_base_derivation, KeyAlgorithm::aes))};
}

VaultCore::Answered VaultCore::on(const protocol::CreateSerialKeyRequest& request) {
    return protocol::KeyCheckAnswer{
        TRY(create(request.alias, KeyUsage::terminal_serial, KeyAlgorithm::sm4))};
}

VaultCore::Answered VaultCore::on(const protocol::CreateSigningKeyRequest& request) {
    TRY_VOID(create(request.alias, KeyUsage::signing, KeyAlgorithm::p256));
    return on(protocol::PublicKeyRequest{request.alias});
}

VaultCore::Answered VaultCore::on(const protocol::PublicKeyRequest& request) {
    return protocol::PublicKeyAnswer{TRY(backend_->public_point(*TRY(find(request.alias))))};
}

VaultCore::Answered VaultCore::on(const protocol::ImportZmkRequest& request) {
    TRY_VOID(check_new(request.alias));
    const SecretBytes sum = TRY(sum_of(request.components));
    KeyEntry key = TRY(backend_->import(
        request.alias, made_for(KeyUsage::zone_master, KeyAlgorithm::tdes), sum.bytes()));
    const KeyCheck check = TRY(backend_->check_value(key));
    TRY_VOID(add(std::move(key)));
    return protocol::KeyCheckAnswer{check};
}

// ---- What an operator asks ------------------------------------------------------------------

VaultCore::Answered VaultCore::on(const protocol::SetKeyStateRequest& request) {
    const KeyEntry* key = TRY(find(request.alias));
    if (key->state == request.state) return protocol::DoneAnswer{};
    if (request.state == KeyState::destroyed || !may_follow(key->state, request.state)) {
        return refuse(ErrorKind::conflict, VaultFault::state);
    }
    KeyEntry changed = key->clone();
    changed.state = request.state;
    TRY_VOID(add(std::move(changed)));
    return protocol::DoneAnswer{};
}

// The record of the log that has the key in it goes with the log, which a new snapshot replaces.
// The token's object goes first: a key without a record is nothing, a record without its key is.
VaultCore::Answered VaultCore::on(const protocol::DestroyKeyRequest& request) {
    const KeyEntry* key = TRY(find(request.alias));
    const bool gone = key->state == KeyState::destroyed;
    if (gone && !snapshot_owed_) return refuse(ErrorKind::conflict, VaultFault::state);
    if (!gone) TRY_VOID(backend_->destroy(*key));
    std::vector<std::string> names{request.alias};
    for (const std::string_view suffix : working_suffixes) {
        names.push_back(working_name(request.alias, suffix));
    }
    for (const std::string& name : names) {
        const auto found = keys_.find(name);
        if (found == keys_.end()) continue;
        found->second.state = KeyState::destroyed;
        found->second.body = {};
    }
    cipher_key_.clear();
    cipher_.reset();
    snapshot_owed_ = true;
    TRY_VOID(snapshot());
    snapshot_owed_ = false;
    return protocol::DoneAnswer{};
}

VaultCore::Answered VaultCore::on(const protocol::KeyInfoRequest& request) {
    return protocol::KeyInfoAnswer{TRY(summary_of(*TRY(find(request.alias))))};
}

Result<KeySummary> VaultCore::summary_of(const KeyEntry& key) {
    KeySummary summary{.alias = key.name,
                       .usage = key.attributes.usage,
                       .algorithm = key.attributes.algorithm,
                       .state = key.state};
    if (key.state != KeyState::destroyed) summary.check_value = TRY(backend_->check_value(key));
    return summary;
}

VaultCore::Answered VaultCore::on(const protocol::VaultStatusRequest&) {
    VaultStatus status;
    for (const auto& [name, key] : keys_) {
        if (key.state == KeyState::destroyed) continue;
        const KeyUsage usage = key.attributes.usage;
        const bool base =
            usage == KeyUsage::base_derivation || usage == KeyUsage::pin_base_derivation;
        if (base) ++status.base_keys;
        if (usage == KeyUsage::zone_master) ++status.zone_keys;
        if (usage == KeyUsage::terminal_master) ++status.terminal_keys;
        if (usage == KeyUsage::mac) ++status.signed_in_terminals;
        if (is_listed(usage) && status.listed.size() < protocol::base_keys_listed_max) {
            status.listed.push_back(TRY(summary_of(key)));
        }
    }
    std::ranges::sort(status.listed, {}, &KeySummary::alias);
    status.phones_seen = static_cast<std::uint32_t>(phones_.size());
    for (const auto& [id, phone] : phones_) {
        if (phone.pin_failures >= pin_failures_max) ++status.pin_locked_phones;
    }
    status.log_bytes = store_->log_bytes();
    return status;
}

}  // namespace softpos::keys
