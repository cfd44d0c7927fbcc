// The library's own modes, always without its padding: that one tells by its error where it broke.
#include "crypto/block_modes.h"

#include "base/check.h"
#include "crypto/owned.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <limits>

namespace softpos::crypto {
namespace {

using Context = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

constexpr std::size_t message_bytes_max = std::numeric_limits<int>::max() - block_bytes_max;

EVP_CIPHER* fetch(const char* name) {
    return EVP_CIPHER_fetch(nullptr, name, nullptr);
}

// By key size of AES, then mode; fetched once.
struct Fetched {
    EVP_CIPHER* aes[3][4] = {
        {fetch("AES-128-CBC"), fetch("AES-128-CTR"), fetch("AES-128-CFB"), fetch("AES-128-OFB")},
        {fetch("AES-192-CBC"), fetch("AES-192-CTR"), fetch("AES-192-CFB"), fetch("AES-192-OFB")},
        {fetch("AES-256-CBC"), fetch("AES-256-CTR"), fetch("AES-256-CFB"), fetch("AES-256-OFB")}};
    EVP_CIPHER* sm4[4] = {fetch("SM4-CBC"), fetch("SM4-CTR"), fetch("SM4-CFB"), fetch("SM4-OFB")};
    EVP_CIPHER* tdes = fetch("DES-EDE3-CBC");
};

const EVP_CIPHER* cipher_for(const ModeKey& with) {
    static const Fetched all;
    const auto mode = static_cast<std::size_t>(with.mode);
    switch (with.cipher) {
        case Cipher::aes:
            if (with.key.size() != 16 && with.key.size() != 24 && with.key.size() != 32) break;
            return all.aes[with.key.size() / 8 - 2][mode];
        case Cipher::sm4:
            return with.key.size() == 16 ? all.sm4[mode] : nullptr;
        case Cipher::tdes:
            return with.key.size() == 16 || with.key.size() == 24 ? all.tdes : nullptr;
    }
    return nullptr;
}

Result<const EVP_CIPHER*> checked(const ModeKey& with, std::size_t bytes) {
    if (with.cipher == Cipher::tdes && with.mode != BlockMode::cbc) {
        return fail(ErrorKind::unsupported, "block mode: tdes only in cbc");
    }
    const EVP_CIPHER* cipher = cipher_for(with);
    const std::size_t block = block_bytes(with.cipher);
    if (cipher == nullptr) return fail(ErrorKind::malformed, "block mode: key size");
    if (with.iv.size() != block) return fail(ErrorKind::malformed, "block mode: vector size");
    if (bytes > message_bytes_max) return fail(ErrorKind::malformed, "block mode: too long");
    if (with.mode == BlockMode::cbc && bytes % block != 0) {
        return fail(ErrorKind::malformed, "block mode: data is not whole blocks");
    }
    return cipher;
}

Result<void> run(const ModeKey& with, Bytes in, std::span<std::uint8_t> out, bool encrypting) {
    const EVP_CIPHER* cipher = TRY(checked(with, in.size()));
    std::array<std::uint8_t, 32> key{};
    for (std::size_t i = 0; i < key.size(); ++i) key[i] = with.key[i % with.key.size()];
    const Context context(EVP_CIPHER_CTX_new());
    CHECK(context != nullptr);
    CHECK(EVP_CipherInit_ex2(context.get(), cipher, key.data(), with.iv.data(), encrypting ? 1 : 0,
                             nullptr) == 1);
    wipe(key);
    CHECK(EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1);
    int written = 0;
    if (in.empty()) return {};
    CHECK(EVP_CipherUpdate(context.get(), out.data(), &written, in.data(),
                           static_cast<int>(in.size())) == 1);
    CHECK(static_cast<std::size_t>(written) == in.size());
    return {};
}

}  // namespace

Result<Buffer> mode_encrypt(const ModeKey& with, Bytes plain) {
    Buffer out(plain.size());
    TRY_VOID(run(with, plain, out, true));
    return out;
}

Result<SecretBytes> mode_decrypt(const ModeKey& with, Bytes text) {
    SecretBytes out(text.size());
    TRY_VOID(run(with, text, out.writable(), false));
    return out;
}

Result<Buffer> cbc_padded_encrypt(const ModeKey& with, Bytes plain) {
    if (with.mode != BlockMode::cbc) return fail(ErrorKind::malformed, "block mode: not cbc");
    const std::size_t block = block_bytes(with.cipher);
    const std::size_t filling = block - plain.size() % block;
    SecretBytes filled(plain.size() + filling);
    std::ranges::copy(plain, filled.writable().begin());
    std::ranges::fill(filled.writable().last(filling), static_cast<std::uint8_t>(filling));
    return mode_encrypt(with, filled.bytes());
}

Result<SecretBytes> cbc_padded_decrypt(const ModeKey& with, Bytes text) {
    if (with.mode != BlockMode::cbc) return fail(ErrorKind::malformed, "block mode: not cbc");
    const SecretBytes filled = TRY(mode_decrypt(with, text));
    const std::size_t block = block_bytes(with.cipher);
    if (filled.empty()) return fail(ErrorKind::malformed, "block mode: data is not whole blocks");
    const Bytes last = filled.bytes().last(block);
    const unsigned filling = last[block - 1];
    unsigned bad = filling == 0 || filling > block ? 1 : 0;
    // All of the last block is looked at, whatever its last byte says.
    for (std::size_t i = 0; i < block; ++i) {
        const bool inside = block - i <= filling;
        bad |= static_cast<unsigned>(inside) & static_cast<unsigned>(last[i] != filling);
    }
    if (bad != 0) return fail(ErrorKind::denied, "block mode: filling");
    return SecretBytes::copy_of(filled.bytes().first(filled.size() - filling));
}

}  // namespace softpos::crypto
