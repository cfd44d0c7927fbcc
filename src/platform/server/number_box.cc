// HMAC to find, AES-256-GCM to keep; two keys out of one.
#include "platform/server/number_box.h"

#include "crypto/aead.h"
#include "crypto/mac.h"

namespace softpos::server {
namespace {

constexpr std::size_t nonce_bytes = 12;
constexpr std::string_view sealed_for = "softpos-number/1";

SecretBytes derived(Bytes key, std::string_view purpose) {
    return SecretBytes::copy_of(crypto::hmac_sha256(key, bytes_of(purpose)));
}

}  // namespace

Result<NumberBox> NumberBox::make(Bytes key) {
    if (key.size() != 32) return fail(ErrorKind::malformed, "number box: key has 32 bytes");
    return NumberBox(derived(key, "digest"), derived(key, "seal"));
}

std::array<std::uint8_t, 32> NumberBox::digest(std::string_view number) const {
    return crypto::hmac_sha256(digest_key_.bytes(), bytes_of(number));
}

Result<Buffer> NumberBox::seal(std::string_view number, Random& random) const {
    const auto nonce = random.take<nonce_bytes>();
    const Buffer sealed =
        TRY(crypto::gcm_seal(seal_key_.bytes(), nonce, bytes_of(sealed_for), bytes_of(number)));
    Buffer out(nonce.begin(), nonce.end());
    append(out, sealed);
    return out;
}

Result<SecretBytes> NumberBox::open(Bytes sealed) const {
    if (sealed.size() <= nonce_bytes) return fail(ErrorKind::malformed, "number box: too short");
    return crypto::gcm_open(seal_key_.bytes(), sealed.first(nonce_bytes), bytes_of(sealed_for),
                            sealed.subspan(nonce_bytes));
}

}  // namespace softpos::server
