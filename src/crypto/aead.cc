// Messages here are a few hundred bytes and a key serves few of them.
#include "crypto/aead.h"

#include "base/check.h"
#include "crypto/owned.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <limits>
#include <utility>

namespace softpos::crypto {
namespace {

using Context = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

constexpr std::size_t message_bytes_max = std::numeric_limits<int>::max();

const EVP_CIPHER* gcm_for(std::size_t key_bytes) {
    static const EVP_CIPHER* const aes128 = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
    static const EVP_CIPHER* const aes192 = EVP_CIPHER_fetch(nullptr, "AES-192-GCM", nullptr);
    static const EVP_CIPHER* const aes256 = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    if (key_bytes == 16) return aes128;
    if (key_bytes == 24) return aes192;
    return key_bytes == 32 ? aes256 : nullptr;
}

Result<const EVP_CIPHER*> checked(Bytes key, Bytes nonce, Bytes aad, Bytes text) {
    const EVP_CIPHER* cipher = gcm_for(key.size());
    if (cipher == nullptr) return fail(ErrorKind::malformed, "gcm: key size");
    if (nonce.size() != gcm_nonce_bytes) return fail(ErrorKind::malformed, "gcm: nonce size");
    if (aad.size() > message_bytes_max || text.size() > message_bytes_max) {
        return fail(ErrorKind::unsupported, "gcm: message too long");
    }
    return cipher;
}

}  // namespace

Result<Buffer> gcm_seal(Bytes key, Bytes nonce12, Bytes aad, Bytes plain) {
    const EVP_CIPHER* cipher = TRY(checked(key, nonce12, aad, plain));
    const Context context(EVP_CIPHER_CTX_new());
    CHECK(context != nullptr);
    EVP_CIPHER_CTX* gcm = context.get();
    CHECK(EVP_EncryptInit_ex2(gcm, cipher, key.data(), nonce12.data(), nullptr) == 1);
    int written = 0;
    if (!aad.empty()) {
        CHECK(EVP_EncryptUpdate(gcm, nullptr, &written, aad.data(), static_cast<int>(aad.size())) ==
              1);
    }
    Buffer out(plain.size() + gcm_tag_bytes);
    if (!plain.empty()) {
        CHECK(EVP_EncryptUpdate(gcm, out.data(), &written, plain.data(),
                                static_cast<int>(plain.size())) == 1);
    }
    std::uint8_t* tag = out.data() + plain.size();
    CHECK(EVP_EncryptFinal_ex(gcm, tag, &written) == 1);
    CHECK(EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(gcm_tag_bytes), tag) ==
          1);
    return out;
}

struct GcmOpener::State {
    Context context{EVP_CIPHER_CTX_new()};
    const EVP_CIPHER* cipher = nullptr;  // What the context is set up for.
};

GcmOpener::GcmOpener() : state_(std::make_unique<State>()) {
    CHECK(state_->context != nullptr);
}
GcmOpener::GcmOpener(GcmOpener&&) noexcept = default;
GcmOpener& GcmOpener::operator=(GcmOpener&&) noexcept = default;
GcmOpener::~GcmOpener() = default;

Result<SecretBytes> gcm_open(Bytes key, Bytes nonce12, Bytes aad, Bytes sealed) {
    return GcmOpener().open(key, nonce12, aad, sealed);
}

Result<SecretBytes> GcmOpener::open(Bytes key, Bytes nonce12, Bytes aad, Bytes sealed) {
    const EVP_CIPHER* cipher = TRY(checked(key, nonce12, aad, sealed));
    if (sealed.size() < gcm_tag_bytes) return fail(ErrorKind::malformed, "gcm: no tag");
    const Bytes text = sealed.first(sealed.size() - gcm_tag_bytes);
    auto* tag = const_cast<std::uint8_t*>(sealed.data() + text.size());  // Only read.
    EVP_CIPHER_CTX* gcm = state_->context.get();
    const bool changed = std::exchange(state_->cipher, cipher) != cipher;
    CHECK(EVP_DecryptInit_ex2(gcm, changed ? cipher : nullptr, key.data(), nonce12.data(),
                              nullptr) == 1);
    CHECK(EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(gcm_tag_bytes), tag) ==
          1);
    int written = 0;
    if (!aad.empty()) {
        CHECK(EVP_DecryptUpdate(gcm, nullptr, &written, aad.data(), static_cast<int>(aad.size())) ==
              1);
    }
    SecretBytes out(text.size());
    std::uint8_t none = 0;
    if (!text.empty()) {
        CHECK(EVP_DecryptUpdate(gcm, out.writable().data(), &written, text.data(),
                                static_cast<int>(text.size())) == 1);
    }
    if (EVP_DecryptFinal_ex(gcm, &none, &written) != 1) {
        ERR_clear_error();
        return fail(ErrorKind::denied, "gcm: tag");  // `out` is wiped on the way.
    }
    return out;
}

}  // namespace softpos::crypto
