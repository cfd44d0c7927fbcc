// The library's wrap mode, which it gives to those only who ask for it by a flag.
#include "crypto/key_wrap.h"

#include "base/check.h"
#include "crypto/owned.h"

#include <openssl/err.h>
#include <openssl/evp.h>

namespace softpos::crypto {
namespace {

using Context = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

constexpr std::size_t unit = 8;
constexpr std::size_t key_bytes_min = 16;

const EVP_CIPHER* wrap_for(std::size_t kek_bytes) {
    static const EVP_CIPHER* const aes128 = EVP_CIPHER_fetch(nullptr, "AES-128-WRAP", nullptr);
    static const EVP_CIPHER* const aes192 = EVP_CIPHER_fetch(nullptr, "AES-192-WRAP", nullptr);
    static const EVP_CIPHER* const aes256 = EVP_CIPHER_fetch(nullptr, "AES-256-WRAP", nullptr);
    if (kek_bytes == 16) return aes128;
    if (kek_bytes == 24) return aes192;
    return kek_bytes == 32 ? aes256 : nullptr;
}

Result<const EVP_CIPHER*> checked(Bytes kek, std::size_t key_bytes) {
    const EVP_CIPHER* cipher = wrap_for(kek.size());
    if (cipher == nullptr || key_bytes % unit != 0 || key_bytes < key_bytes_min ||
        key_bytes > wrapped_key_bytes_max - unit) {
        return fail(ErrorKind::malformed, "key wrap: size");
    }
    return cipher;
}

}  // namespace

Result<Buffer> aes_key_wrap(Bytes kek, Bytes key) {
    const EVP_CIPHER* cipher = TRY(checked(kek, key.size()));
    const Context context(EVP_CIPHER_CTX_new());
    CHECK(context != nullptr);
    EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    CHECK(EVP_EncryptInit_ex2(context.get(), cipher, kek.data(), nullptr, nullptr) == 1);
    Buffer out(key.size() + unit);
    int written = 0;
    CHECK(EVP_EncryptUpdate(context.get(), out.data(), &written, key.data(),
                            static_cast<int>(key.size())) == 1);
    CHECK(static_cast<std::size_t>(written) == out.size());
    return out;
}

Result<SecretBytes> aes_key_unwrap(Bytes kek, Bytes wrapped) {
    if (wrapped.size() < unit) return fail(ErrorKind::malformed, "key wrap: size");
    const EVP_CIPHER* cipher = TRY(checked(kek, wrapped.size() - unit));
    const Context context(EVP_CIPHER_CTX_new());
    CHECK(context != nullptr);
    EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    CHECK(EVP_DecryptInit_ex2(context.get(), cipher, kek.data(), nullptr, nullptr) == 1);
    SecretBytes room(wrapped.size());  // The library uses all of it on the way.
    int written = 0;
    const bool good = EVP_DecryptUpdate(context.get(), room.writable().data(), &written,
                                        wrapped.data(), static_cast<int>(wrapped.size())) == 1 &&
                      static_cast<std::size_t>(written) == wrapped.size() - unit;
    ERR_clear_error();
    if (!good) return fail(ErrorKind::denied, "key wrap: check value");
    return SecretBytes::copy_of(room.bytes().first(wrapped.size() - unit));
}

}  // namespace softpos::crypto
