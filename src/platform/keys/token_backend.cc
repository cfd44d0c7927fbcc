// The one place that decides where a key lives, and the road there and back.
#include "platform/keys/token_backend.h"

#include "base/check.h"
#include "base/log.h"
#include "crypto/aead.h"
#include "crypto/cipher.h"
#include "crypto/drbg.h"
#include "crypto/mac.h"
#include "platform/keys/vault_core_parts.h"

#include <algorithm>

namespace softpos::keys {
namespace {

using token::KeyId;
using token::KeyShape;
using token::KeyWork;

constexpr KeyId wrapping_id{'s', 'o', 'f', 't', 'p', 'o', 's', '-', 'w', 'r', 'a', 'p'};
constexpr KeyId test_id{'s', 'o', 'f', 't', 'p', 'o', 's', '-', 't', 'e', 's', 't'};
constexpr std::string_view master_purpose = "softpos-vault-master/1";
constexpr std::string_view key_purpose = "softpos-vault-key/1";
constexpr std::size_t fresh_bytes = 16;

bool in_token(const KeyAttributes& attributes) {
    const bool base = attributes.usage == KeyUsage::base_derivation ||
                      attributes.usage == KeyUsage::pin_base_derivation;
    return base && attributes.algorithm == KeyAlgorithm::aes;
}

// Number and size: what stands in the vault's file for a key of the token.
struct TokenBody {
    KeyId id{};
    std::size_t key_bytes = 0;

    KeyBody packed() const {
        SecretBytes bytes(id.size() + 1);
        std::ranges::copy(id, bytes.writable().begin());
        bytes.writable().back() = static_cast<std::uint8_t>(key_bytes);
        return {KeyProtection::token, std::move(bytes)};
    }
    static Result<TokenBody> of(const KeyEntry& key) {
        TokenBody body;
        const Bytes bytes = key.body.bytes.bytes();
        if (key.body.protection != KeyProtection::token || bytes.size() != body.id.size() + 1) {
            return refuse(ErrorKind::internal, VaultFault::storage);
        }
        std::ranges::copy(bytes.first(body.id.size()), body.id.begin());
        body.key_bytes = bytes.back();
        return body;
    }
};

KeyShape shape_of(const TokenBody& body, std::string_view name) {
    return {.work = KeyWork::derive, .bytes = body.key_bytes, .id = body.id, .label = name};
}

// What a wrapped key is bound to. Its state is not: that changes.
Buffer aad_of(std::string_view name, const KeyAttributes& is) {
    Buffer aad(key_purpose.begin(), key_purpose.end());
    aad.push_back(static_cast<std::uint8_t>(name.size()));
    append(aad, bytes_of(name));
    for (const auto byte :
         {static_cast<std::uint8_t>(is.usage), static_cast<std::uint8_t>(is.algorithm),
          static_cast<std::uint8_t>(is.mode), static_cast<std::uint8_t>(is.exportability),
          is.version, static_cast<std::uint8_t>(is.dual_control ? 1 : 0)}) {
        aad.push_back(byte);
    }
    return aad;
}

// Whatever the token says, the caller may assume nothing; the log has the module's number.
template <typename T>
Result<T> or_unavailable(Result<T> result) {
    if (result) return result;
    log(LogLevel::error, "vault: token", result.error());
    return refuse(ErrorKind::unavailable, VaultFault::token);
}

}  // namespace

Result<void> TokenBackend::prepare(token::Token& token) {
    return token.generate(
        {.work = KeyWork::seal, .bytes = 32, .id = wrapping_id, .label = "softpos-wrap"});
}

// ---- Under the token's key ------------------------------------------------------------------

// nonce || ciphertext || tag.
Result<SecretBytes> TokenBackend::wrap(Bytes aad, Bytes key) {
    const auto nonce = random_.take<crypto::gcm_nonce_bytes>();
    const Buffer sealed =
        TRY(or_unavailable(token_->seal(wrapping_id, {.nonce = nonce, .aad = aad}, key)));
    SecretBytes body(nonce.size() + sealed.size());
    std::ranges::copy(nonce, body.writable().begin());
    std::ranges::copy(sealed, body.writable().subspan(nonce.size()).begin());
    return body;
}

Result<SecretBytes> TokenBackend::unwrap(Bytes aad, Bytes body) {
    if (body.size() <= crypto::gcm_nonce_bytes) {
        return refuse(ErrorKind::internal, VaultFault::storage);
    }
    return or_unavailable(token_->open_sealed(wrapping_id,
                                              {body.first(crypto::gcm_nonce_bytes), aad},
                                              body.subspan(crypto::gcm_nonce_bytes)));
}

Result<SecretBytes> TokenBackend::seal_master(Bytes key) {
    return wrap(bytes_of(master_purpose), key);
}

Result<SecretBytes> TokenBackend::open_master(Bytes sealed) {
    return unwrap(bytes_of(master_purpose), sealed);
}

Result<KeyEntry> TokenBackend::plain(const KeyEntry& key) {
    if (key.body.protection != KeyProtection::wrapped_soft) {
        return refuse(ErrorKind::internal, VaultFault::not_permitted);
    }
    SecretBytes bytes = TRY(unwrap(aad_of(key.name, key.attributes), key.body.bytes.bytes()));
    return KeyEntry{key.name, key.attributes, key.state, {KeyProtection::soft, std::move(bytes)}};
}

// ---- The life of keys -----------------------------------------------------------------------

Result<KeyBody> TokenBackend::do_generate(std::string_view name, const KeyAttributes& attributes) {
    if (!in_token(attributes)) {
        const SecretBytes key = fresh_key(attributes, random_);
        return do_import(name, attributes, key.bytes());
    }
    const TokenBody body{random_.take<sizeof(KeyId)>(), fresh_bytes};
    TRY_VOID(or_unavailable(token_->generate(shape_of(body, name))));
    return body.packed();
}

Result<KeyBody> TokenBackend::do_import(std::string_view name, const KeyAttributes& attributes,
                                        Bytes key) {
    if (!in_token(attributes)) {
        return KeyBody{KeyProtection::wrapped_soft, TRY(wrap(aad_of(name, attributes), key))};
    }
    // Keys of 24 bytes cannot be walked down in a token: the derivation gives whole blocks.
    if (key.size() != 16 && key.size() != 32) {
        return refuse(ErrorKind::unsupported, VaultFault::not_permitted);
    }
    const TokenBody body{random_.take<sizeof(KeyId)>(), key.size()};
    TRY_VOID(or_unavailable(token_->import(shape_of(body, name), key)));
    return body.packed();
}

Result<void> TokenBackend::do_destroy(const KeyEntry& key) {
    if (key.body.protection == KeyProtection::token) {
        return or_unavailable(token_->destroy(TRY(TokenBody::of(key)).id));
    }
    return soft_.destroy(key);
}

// ---- Work -----------------------------------------------------------------------------------

Result<UsableKey> TokenBackend::do_use(const KeyEntry& key) {
    return UsableKey(std::move(TRY(plain(key)).body.bytes));
}

Result<SecretBytes> TokenBackend::do_initial_key(const KeyEntry& base, Bytes initial_key_id8) {
    const TokenBody body = TRY(TokenBody::of(base));
    const Buffer data = TRY(crypto::dukpt_aes_initial_key_data(body.key_bytes, initial_key_id8));
    return or_unavailable(token_->encrypt_blocks(body.id, data));
}

Result<SecretBytes> TokenBackend::do_transaction_key(const KeyEntry& base,
                                                     const crypto::AesKsn& ksn,
                                                     crypto::DukptUsage usage) {
    const TokenBody body = TRY(TokenBody::of(base));
    const auto steps =
        TRY(crypto::dukpt_aes_path(body.key_bytes, ksn, usage, crypto::DukptKeyKind::aes128));
    return or_unavailable(token_->encrypt_down(body.id, steps));
}

Result<Buffer> TokenBackend::do_sign(const KeyEntry& key, Bytes message) {
    return soft_.sign(TRY(plain(key)), message);
}

Result<EcPoint> TokenBackend::do_public_point(const KeyEntry& key) {
    return soft_.public_point(TRY(plain(key)));
}

Result<KeyCheck> TokenBackend::do_check_value(const KeyEntry& key) {
    if (key.body.protection != KeyProtection::token) return soft_.check_value(TRY(plain(key)));
    // As crypto::cmac_kcv().
    constexpr std::array<std::uint8_t, 16> zeros{};
    const auto mac = TRY(or_unavailable(token_->cmac(TRY(TokenBody::of(key)).id, zeros)));
    KeyCheck check{};
    std::copy_n(mac.begin(), check.size(), check.begin());
    return check;
}

// ---- Self test ------------------------------------------------------------------------------

namespace {

std::unexpected<Error> wrong() {
    return fail(ErrorKind::internal, "vault: token computes something else",
                protocol::detail_of(VaultFault::token));
}

}  // namespace

Result<void> TokenBackend::compare(std::size_t key_bytes) {
    const SecretBytes key = crypto::random_secret(random_, key_bytes);
    TRY_VOID(token_->destroy(test_id));  // Of a start that ended in between.
    TRY_VOID(token_->import(shape_of({test_id, key_bytes}, "softpos-test"), key.bytes()));
    if (!TRY(token_->is_confined(test_id))) return wrong();

    const auto ksn = crypto::AesKsn::make(random_.take<8>(), 0x2A);
    constexpr auto usage = crypto::DukptUsage::pin_encryption;
    constexpr auto kind = crypto::DukptKeyKind::aes128;
    const auto path = TRY(crypto::dukpt_aes_path(key_bytes, ksn, usage, kind));
    const SecretBytes there = TRY(token_->encrypt_down(test_id, path));
    const SecretBytes here = TRY(crypto::dukpt_aes_host_key(key.bytes(), ksn, usage, kind));
    if (!equal_constant_time(there.bytes(), here.bytes())) return wrong();

    const auto data = random_.take<40>();
    const auto mac = TRY(token_->cmac(test_id, data));
    const auto expected = TRY(crypto::cmac(crypto::Cipher::aes, key.bytes(), data));
    if (!equal_constant_time(mac, expected.bytes())) return wrong();
    return token_->destroy(test_id);
}

Result<void> TokenBackend::self_test() {
    if (!TRY(token_->is_confined(wrapping_id))) return wrong();
    for (const std::size_t key_bytes : {16U, 32U}) TRY_VOID(compare(key_bytes));
    const auto data = random_.take<32>();
    const SecretBytes body = TRY(wrap(bytes_of("softpos-vault-test"), data));
    const SecretBytes opened = TRY(unwrap(bytes_of("softpos-vault-test"), body.bytes()));
    if (!equal_constant_time(opened.bytes(), data)) return wrong();
    return {};
}

}  // namespace softpos::keys
