// One EVP context per direction. Ciphers are fetched from the provider once for the process.
#include "crypto/cipher.h"

#include "base/check.h"
#include "crypto/owned.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <utility>

namespace softpos::crypto {
namespace {

using Context = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

constexpr std::size_t tdes_bytes = 24;

// Never freed: the provider outlives every caller, and a fetch costs more than a whole MAC.
struct Fetched {
    EVP_CIPHER* tdes = EVP_CIPHER_fetch(nullptr, "DES-EDE3-ECB", nullptr);
    EVP_CIPHER* aes128 = EVP_CIPHER_fetch(nullptr, "AES-128-ECB", nullptr);
    EVP_CIPHER* aes192 = EVP_CIPHER_fetch(nullptr, "AES-192-ECB", nullptr);
    EVP_CIPHER* aes256 = EVP_CIPHER_fetch(nullptr, "AES-256-ECB", nullptr);
    EVP_CIPHER* sm4 = EVP_CIPHER_fetch(nullptr, "SM4-ECB", nullptr);
};

const Fetched& fetched() {
    static const Fetched ciphers;
    return ciphers;
}

// Null where the key has no legal size.
const EVP_CIPHER* cipher_for(Cipher cipher, std::size_t key_bytes) {
    const Fetched& all = fetched();
    switch (cipher) {
        case Cipher::tdes:
            return key_bytes == 8 || key_bytes == 16 || key_bytes == 24 ? all.tdes : nullptr;
        case Cipher::aes:
            if (key_bytes == 16) return all.aes128;
            if (key_bytes == 24) return all.aes192;
            return key_bytes == 32 ? all.aes256 : nullptr;
        case Cipher::sm4:
            return key_bytes == 16 ? all.sm4 : nullptr;
    }
    return nullptr;
}

// The default provider has no single DES and no reason to: EDE with equal keys is the same map.
void spread_des_key(Bytes key, std::span<std::uint8_t> out) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = key[i % key.size()];
}

}  // namespace

struct BlockKey::Contexts {
    Cipher cipher = Cipher::aes;
    const EVP_CIPHER* evp = nullptr;
    Context encrypting{EVP_CIPHER_CTX_new()};
    Context decrypting;  // Made and loaded when first needed: most keys only ever encrypt.
    const EVP_CIPHER* decrypting_evp = nullptr;
    bool decrypting_loaded = false;
    std::array<std::uint8_t, 32> key{};
    std::size_t key_bytes = 0;

    Contexts() = default;
    Contexts(const Contexts&) = delete;
    Contexts& operator=(const Contexts&) = delete;
    ~Contexts() { wipe(key); }

    void load(const EVP_CIPHER* wanted, Bytes new_key);
    EVP_CIPHER_CTX* decryptor();
};

void BlockKey::Contexts::load(const EVP_CIPHER* wanted, Bytes new_key) {
    if (cipher == Cipher::tdes) {
        key_bytes = tdes_bytes;
        spread_des_key(new_key, std::span(key).first(tdes_bytes));
    } else {
        key_bytes = new_key.size();
        std::ranges::copy(new_key, key.begin());
    }
    const bool changed = wanted != evp;
    evp = wanted;
    decrypting_loaded = false;
    // Padding stays on: it is added at the end, which never comes, and whole blocks come out at
    // once. A context told to leave it out is told again by OpenSSL at every new key, for as long
    // as the key schedule takes.
    CHECK(EVP_EncryptInit_ex2(encrypting.get(), changed ? evp : nullptr, key.data(), nullptr,
                              nullptr) == 1);
}

EVP_CIPHER_CTX* BlockKey::Contexts::decryptor() {
    if (decrypting_loaded) return decrypting.get();
    if (!decrypting) decrypting.reset(EVP_CIPHER_CTX_new());
    const bool changed = std::exchange(decrypting_evp, evp) != evp;
    CHECK(EVP_DecryptInit_ex2(decrypting.get(), changed ? evp : nullptr, key.data(), nullptr,
                              nullptr) == 1);
    if (changed) CHECK(EVP_CIPHER_CTX_set_padding(decrypting.get(), 0) == 1);
    decrypting_loaded = true;
    return decrypting.get();
}

BlockKey::BlockKey(std::unique_ptr<Contexts> contexts) : contexts_(std::move(contexts)) {}
BlockKey::BlockKey(BlockKey&&) noexcept = default;
BlockKey& BlockKey::operator=(BlockKey&&) noexcept = default;
BlockKey::~BlockKey() = default;

Result<BlockKey> BlockKey::make(Cipher cipher, Bytes key) {
    const EVP_CIPHER* evp = cipher_for(cipher, key.size());
    if (evp == nullptr) return fail(ErrorKind::malformed, "cipher: key size");
    auto contexts = std::make_unique<Contexts>();
    CHECK(contexts->encrypting != nullptr);
    contexts->cipher = cipher;
    contexts->load(evp, key);
    return BlockKey(std::move(contexts));
}

Result<void> BlockKey::rekey(Bytes key) {
    const EVP_CIPHER* evp = cipher_for(contexts_->cipher, key.size());
    if (evp == nullptr) return fail(ErrorKind::malformed, "cipher: key size");
    contexts_->load(evp, key);
    return {};
}

Cipher BlockKey::cipher() const {
    return contexts_->cipher;
}

void BlockKey::encrypt(Bytes in, std::span<std::uint8_t> out) const {
    CHECK(in.size() % block_size() == 0 && in.size() == out.size());
    int written = 0;
    CHECK(EVP_EncryptUpdate(contexts_->encrypting.get(), out.data(), &written, in.data(),
                            static_cast<int>(in.size())) == 1);
    CHECK(static_cast<std::size_t>(written) == in.size());
}

void BlockKey::decrypt(Bytes in, std::span<std::uint8_t> out) const {
    CHECK(in.size() % block_size() == 0 && in.size() == out.size());
    int written = 0;
    CHECK(EVP_DecryptUpdate(contexts_->decryptor(), out.data(), &written, in.data(),
                            static_cast<int>(in.size())) == 1);
    CHECK(static_cast<std::size_t>(written) == in.size());
}

void BlockKey::encrypt_block(Bytes in, std::span<std::uint8_t> out) const {
    CHECK(in.size() == block_size());
    encrypt(in, out);
}

void BlockKey::decrypt_block(Bytes in, std::span<std::uint8_t> out) const {
    CHECK(in.size() == block_size());
    decrypt(in, out);
}

namespace {

Result<BlockKey> key_for_blocks(Cipher cipher, Bytes key, Bytes data) {
    if (data.size() % block_bytes(cipher) != 0) {
        return fail(ErrorKind::malformed, "cipher: data is not whole blocks");
    }
    return BlockKey::make(cipher, key);
}

}  // namespace

Result<Buffer> ecb_encrypt(Cipher cipher, Bytes key, Bytes data) {
    const BlockKey block_key = TRY(key_for_blocks(cipher, key, data));
    Buffer out(data.size());
    block_key.encrypt(data, out);
    return out;
}

Result<Buffer> ecb_decrypt(Cipher cipher, Bytes key, Bytes data) {
    const BlockKey block_key = TRY(key_for_blocks(cipher, key, data));
    Buffer out(data.size());
    block_key.decrypt(data, out);
    return out;
}

Result<SecretBytes> ecb_decrypt_secret(Cipher cipher, Bytes key, Bytes data) {
    const BlockKey block_key = TRY(key_for_blocks(cipher, key, data));
    SecretBytes out(data.size());
    block_key.decrypt(data, out.writable());
    return out;
}

}  // namespace softpos::crypto
