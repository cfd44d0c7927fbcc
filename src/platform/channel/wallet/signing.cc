// One signature scheme, one alphabet.
#include "platform/channel/wallet/signing.h"

#include "codec/base64.h"

#include <algorithm>

namespace softpos::wallet {
namespace {

constexpr std::size_t token_bytes_max = 256;
constexpr std::size_t signature_characters_max = 2048;

}  // namespace

Result<std::string> sign_text(const crypto::RsaKey& key, std::string_view text) {
    const Buffer signature = TRY(key.sign(crypto::SignatureKind::rsa_pkcs1_sha256, bytes_of(text)));
    return codec::to_base64(signature);
}

Result<void> verify_text(const crypto::PublicKey& key, std::string_view text,
                         std::string_view signature_base64) {
    if (signature_base64.size() > signature_characters_max) {
        return fail(ErrorKind::denied, "wallet: signature too long");
    }
    const auto signature = codec::from_base64(signature_base64);
    if (!signature) return fail(ErrorKind::denied, "wallet: signature is no base64");
    return key.verify(crypto::SignatureKind::rsa_pkcs1_sha256, bytes_of(text), *signature);
}

bool is_header_token(std::string_view text) {
    return !text.empty() && text.size() <= token_bytes_max && std::ranges::all_of(text, [](char c) {
        return c > 0x20 && c < 0x7F && c != '"' && c != ',';
    });
}

}  // namespace softpos::wallet
