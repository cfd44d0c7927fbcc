// The life of keys: made, imported, looked at, put out of use, destroyed.
#include "platform/keys/vault_core.h"
#include "platform/keys/vault_core_parts.h"

#include <algorithm>

namespace softpos::keys {
namespace {

// Those that others hang on: few, and what an operator wants to see.
bool is_root(KeyUsage usage) {
    return usage == KeyUsage::base_derivation || usage == KeyUsage::pin_base_derivation ||
           usage == KeyUsage::zone_master || usage == KeyUsage::signing ||
           usage == KeyUsage::block_protection || usage == KeyUsage::card_cryptogram ||
           usage == KeyUsage::terminal_base_derivation;
}

// One overload each kind of name that a request has.
template <typename Request>
std::string named_by(const Request& request) {
    if constexpr (requires { request.alias; }) {
        return request.alias;
    } else if constexpr (requires { request.base_key; }) {
        return request.base_key;
    } else if constexpr (requires { request.classic_key; }) {
        return request.classic_key;
    } else if constexpr (requires { request.terminal_key; }) {
        return request.terminal_key;
    } else if constexpr (requires { request.operator_name; }) {
        return request.operator_name;
    } else {
        return {};
    }
}

}  // namespace

std::string key_of(const protocol::VaultRequest& request) {
    // What is asked for or applied is another request, and that one's key is meant.
    Bytes inner;
    if (const auto* asked = std::get_if<protocol::RequestApprovalRequest>(&request)) {
        inner = asked->request;
    } else if (const auto* applied = std::get_if<protocol::ApplyRequest>(&request)) {
        inner = applied->request;
    }
    if (!inner.empty()) {
        const auto decoded = protocol::decode_vault_request(inner);
        if (!decoded) return {};
        return std::visit([](const auto& one) { return named_by(one); }, *decoded);
    }
    return std::visit([](const auto& one) { return named_by(one); }, request);
}

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

// Once there are operators, the keys that others hang on are theirs.
KeyAttributes VaultCore::marked(KeyAttributes attributes) const {
    attributes.dual_control = approvals_.active() && is_root(attributes.usage);
    return attributes;
}

Result<KeyCheck> VaultCore::create(std::string_view alias, KeyUsage usage, KeyAlgorithm algorithm) {
    TRY_VOID(check_new(alias));
    KeyEntry key = TRY(backend_->generate(alias, marked(made_for(usage, algorithm))));
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

// All at once, where one who may be trusted with all of it brings them: a test, a demo. Where there
// are operators, a ceremony does it.
VaultCore::Answered VaultCore::on(const protocol::ImportZmkRequest& request) {
    TRY_VOID(check_new(request.alias));
    Ceremony ceremony =
        TRY(Ceremony::begin(request.alias, made_for(KeyUsage::zone_master, KeyAlgorithm::tdes),
                            request.components.size()));
    for (const SecretBytes& one : request.components) TRY(ceremony.add(one.bytes(), {}));
    const SecretBytes sum = TRY(ceremony.finish());
    KeyEntry key = TRY(backend_->import(request.alias, ceremony.attributes(), sum.bytes()));
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
    const KeyEntry* key = TRY(find(request.alias));
    const KeyAttributes& is = key->attributes;
    protocol::KeyDetails details;
    static_cast<KeySummary&>(details) = TRY(summary_of(*key));
    details.mode = is.mode;
    details.exportability = is.exportability;
    details.version = is.version;
    details.dual_control = is.dual_control;
    details.protection = key->body.protection;
    return protocol::KeyInfoAnswer{std::move(details)};
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
        const bool base = usage == KeyUsage::base_derivation ||
                          usage == KeyUsage::pin_base_derivation ||
                          usage == KeyUsage::terminal_base_derivation;
        if (base) ++status.base_keys;
        if (usage == KeyUsage::zone_master) ++status.zone_keys;
        if (usage == KeyUsage::terminal_master || usage == KeyUsage::classic_master)
            ++status.terminal_keys;
        if (usage == KeyUsage::mac) ++status.signed_in_terminals;
        if (is_root(usage) && status.listed.size() < protocol::base_keys_listed_max) {
            status.listed.push_back(TRY(summary_of(key)));
        }
    }
    std::ranges::sort(status.listed, {}, &KeySummary::alias);
    for (const auto& [id, device] : devices_) {
        if (id.kind == DeviceKind::phone) ++status.phones_seen;
        if (device.pin_failures >= pin_failures_max) ++status.pin_locked_phones;
    }
    status.operators = static_cast<std::uint32_t>(approvals_.who().operators.size());
    status.quorum = approvals_.who().quorum;
    status.refusals = refusals_;
    status.data_calls = data_calls_;
    status.log_bytes = store_->log_bytes();
    return status;
}

}  // namespace softpos::keys
