// Straight to crypto.
#include "platform/keys/soft_backend.h"

#include <algorithm>

namespace softpos::keys {

Result<KeyBody> SoftBackend::do_generate(std::string_view, const KeyAttributes& attributes) {
    return KeyBody{KeyProtection::soft, fresh_key(attributes, random_)};
}

Result<KeyBody> SoftBackend::do_import(std::string_view, const KeyAttributes&, Bytes key) {
    return KeyBody{KeyProtection::soft, SecretBytes::copy_of(key)};
}

Result<void> SoftBackend::do_destroy(const KeyEntry& key) {
    pairs_.erase(key.name);
    host_.reset();
    host_base_ = {};
    return {};
}

// A vault that was opened with a token once cannot be opened without it.
Result<UsableKey> SoftBackend::do_use(const KeyEntry& key) {
    if (key.body.protection != KeyProtection::soft) {
        return fail(ErrorKind::unavailable, "vault: the key is in a token");
    }
    return UsableKey(key.body.bytes.bytes());
}

Result<SecretBytes> SoftBackend::do_initial_key(const KeyEntry& base, Bytes initial_key_id8) {
    const UsableKey key = TRY(do_use(base));
    return crypto::dukpt_aes_initial_key(key.bytes(), initial_key_id8);
}

Result<SecretBytes> SoftBackend::do_transaction_key(const KeyEntry& base, const crypto::AesKsn& ksn,
                                                    crypto::DukptUsage usage) {
    const UsableKey key = TRY(do_use(base));
    if (!host_ || !equal_constant_time(host_base_.bytes(), key.bytes())) {
        host_.emplace(TRY(crypto::DukptAesHost::make(key.bytes())));
        host_base_ = SecretBytes::copy_of(key.bytes());
    }
    return host_->key(ksn, usage, crypto::DukptKeyKind::aes128);
}

Result<const crypto::P256Key*> SoftBackend::pair_of(const KeyEntry& key) {
    const auto known = pairs_.find(key.name);
    if (known != pairs_.end()) return &known->second;
    const UsableKey der = TRY(do_use(key));
    auto pair = TRY(crypto::P256Key::from_private_der(der.bytes()));
    if (pairs_.size() >= parsed_pairs_max) pairs_.clear();
    return &pairs_.emplace(key.name, std::move(pair)).first->second;
}

Result<Buffer> SoftBackend::do_sign(const KeyEntry& key, Bytes message) {
    return TRY(pair_of(key))->sign(message);
}

Result<EcPoint> SoftBackend::do_public_point(const KeyEntry& key) {
    EcPoint point{};
    std::ranges::copy(TRY(pair_of(key))->public_point(), point.begin());
    return point;
}

Result<KeyCheck> SoftBackend::do_check_value(const KeyEntry& key) {
    if (key.attributes.algorithm == KeyAlgorithm::p256) {
        return check_value_of_point(TRY(do_public_point(key)));
    }
    const UsableKey usable = TRY(do_use(key));
    return check_value_of(key.attributes.algorithm, usable.bytes());
}

}  // namespace softpos::keys
