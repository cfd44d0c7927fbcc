// The table in front of every backend, and what all backends compute alike.
#include "platform/keys/key_backend.h"

#include "base/check.h"
#include "crypto/cipher.h"
#include "crypto/drbg.h"
#include "crypto/hash.h"
#include "crypto/kcv.h"
#include "crypto/mac.h"
#include "crypto/p256.h"

#include <algorithm>

namespace softpos::keys {
namespace {

constexpr std::size_t aes_key_bytes = 16;
constexpr std::size_t sm4_key_bytes = 16;
constexpr std::size_t long_key_bytes = 32;  // What wraps others is at least as strong as they are.

Result<void> still_there(const KeyEntry& key) {
    if (key.state != KeyState::destroyed) return {};
    return std::unexpected(protocol::error_of(ErrorKind::denied, VaultFault::not_permitted));
}

template <std::size_t size>
KeyCheck cut(const std::array<std::uint8_t, size>& value) {
    KeyCheck check{};
    std::copy_n(value.begin(), check.size(), check.begin());
    return check;
}

}  // namespace

Result<KeyEntry> KeyBackend::generate(std::string_view name, const KeyAttributes& attributes) {
    CHECK(is_legal(attributes));
    return KeyEntry{.name = std::string(name),
                    .attributes = attributes,
                    .state = KeyState::active,
                    .body = TRY(do_generate(name, attributes))};
}

Result<KeyEntry> KeyBackend::import(std::string_view name, const KeyAttributes& attributes,
                                    Bytes key) {
    CHECK(is_legal(attributes));
    return KeyEntry{.name = std::string(name),
                    .attributes = attributes,
                    .state = KeyState::active,
                    .body = TRY(do_import(name, attributes, key))};
}

Result<void> KeyBackend::destroy(const KeyEntry& key) {
    return do_destroy(key);
}

Result<UsableKey> KeyBackend::use(Operation operation, const KeyEntry& key) {
    TRY_VOID(authorise(operation, key.attributes, key.state));
    return do_use(key);
}

Result<SecretBytes> KeyBackend::dukpt_initial_key(const KeyEntry& base, Bytes initial_key_id8) {
    TRY_VOID(authorise(Operation::derive_initial_key, base.attributes, base.state));
    return do_initial_key(base, initial_key_id8);
}

Result<SecretBytes> KeyBackend::dukpt_card_key(const KeyEntry& base, const crypto::AesKsn& ksn) {
    TRY_VOID(authorise(Operation::derive_card_key, base.attributes, base.state));
    return do_transaction_key(base, ksn, crypto::DukptUsage::data_encrypt);
}

Result<SecretBytes> KeyBackend::dukpt_pin_key(const KeyEntry& base, const crypto::AesKsn& ksn) {
    TRY_VOID(authorise(Operation::derive_pin_key, base.attributes, base.state));
    return do_transaction_key(base, ksn, crypto::DukptUsage::pin_encryption);
}

Result<Buffer> KeyBackend::sign(const KeyEntry& key, Bytes message) {
    TRY_VOID(authorise(Operation::sign, key.attributes, key.state));
    return do_sign(key, message);
}

Result<EcPoint> KeyBackend::public_point(const KeyEntry& key) {
    TRY_VOID(still_there(key));
    if (key.attributes.algorithm != KeyAlgorithm::p256) {
        return std::unexpected(protocol::error_of(ErrorKind::denied, VaultFault::not_permitted));
    }
    return do_public_point(key);
}

Result<KeyCheck> KeyBackend::check_value(const KeyEntry& key) {
    TRY_VOID(still_there(key));
    return do_check_value(key);
}

SecretBytes fresh_key(const KeyAttributes& attributes, Random& random) {
    switch (attributes.algorithm) {
        case KeyAlgorithm::aes:
            return crypto::random_secret(random, attributes.usage == KeyUsage::block_protection
                                                     ? long_key_bytes
                                                     : aes_key_bytes);
        case KeyAlgorithm::hmac:
            return crypto::random_secret(random, long_key_bytes);
        case KeyAlgorithm::sm4:
            return crypto::random_secret(random, sm4_key_bytes);
        case KeyAlgorithm::tdes:
            return crypto::random_tdes_key(random);
        case KeyAlgorithm::p256: {
            const auto pair = crypto::P256Key::generate();
            CHECK(pair.has_value());
            return pair->private_der();
        }
        case KeyAlgorithm::des:
            break;  // Never a fresh one.
    }
    CHECK(false);
    return {};
}

Result<KeyCheck> check_value_of(KeyAlgorithm algorithm, Bytes key) {
    switch (algorithm) {
        case KeyAlgorithm::aes:
            return cut(TRY(crypto::cmac_kcv(key)));
        case KeyAlgorithm::sm4:
            return cut(TRY(crypto::zero_block_kcv(crypto::Cipher::sm4, key)));
        case KeyAlgorithm::tdes:
        case KeyAlgorithm::des:
            return cut(TRY(crypto::zero_block_kcv(crypto::Cipher::tdes, key)));
        case KeyAlgorithm::hmac:
            return cut(crypto::hmac_sha256(key, {}));
        case KeyAlgorithm::p256: {
            const auto pair = TRY(crypto::P256Key::from_private_der(key));
            EcPoint point{};
            std::ranges::copy(pair.public_point(), point.begin());
            return check_value_of_point(point);
        }
    }
    return fail(ErrorKind::internal, "key backend: algorithm");
}

KeyCheck check_value_of_point(const EcPoint& point) {
    return cut(crypto::sha256(point));
}

}  // namespace softpos::keys
