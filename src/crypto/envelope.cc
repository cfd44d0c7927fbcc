// Ephemeral-static agreement, HKDF, GCM. The ephemeral key serves one message and is gone.
#include "crypto/envelope.h"

#include "crypto/aead.h"
#include "crypto/kdf.h"

namespace softpos::crypto {
namespace {

constexpr std::size_t key_bytes = 32;

// Key || nonce.
Result<SecretBytes> message_key(const SecretBytes& shared, Bytes ephemeral, Bytes recipient,
                                Bytes info) {
    Buffer salt(ephemeral.begin(), ephemeral.end());
    append(salt, recipient);
    return hkdf_sha256({.secret = shared.bytes(), .salt = salt, .info = info},
                       key_bytes + gcm_nonce_bytes);
}

}  // namespace

Result<Buffer> seal_to(Bytes recipient_point, Bytes info, Bytes plain) {
    if (plain.size() > envelope_bytes_max - envelope_overhead_bytes) {
        return fail(ErrorKind::malformed, "envelope: too long");
    }
    const P256Key ephemeral = TRY(P256Key::generate());
    const SecretBytes shared = TRY(ephemeral.ecdh(recipient_point));
    Buffer envelope = ephemeral.public_point();
    const SecretBytes key = TRY(message_key(shared, envelope, recipient_point, info));
    append(envelope, TRY(gcm_seal(key.bytes().first(key_bytes), key.bytes().last(gcm_nonce_bytes),
                                  info, plain)));
    return envelope;
}

Result<SecretBytes> open_envelope(const P256Key& recipient, Bytes info, Bytes envelope) {
    if (envelope.size() < envelope_overhead_bytes || envelope.size() > envelope_bytes_max) {
        return fail(ErrorKind::malformed, "envelope: size");
    }
    const Bytes ephemeral = envelope.first(p256_point_bytes);
    const SecretBytes shared = TRY(recipient.ecdh(ephemeral));
    const Buffer own_point = recipient.public_point();
    const SecretBytes key = TRY(message_key(shared, ephemeral, own_point, info));
    return gcm_open(key.bytes().first(key_bytes), key.bytes().last(gcm_nonce_bytes), info,
                    envelope.subspan(p256_point_bytes));
}

}  // namespace softpos::crypto
