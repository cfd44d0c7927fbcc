// A seed to the endorsement key, a secret under the seed, and a MAC that binds the name to both.
#include "platform/attest/tpm_credential.h"

#include "base/secret.h"
#include "crypto/block_modes.h"
#include "crypto/certificate.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"
#include "crypto/mac.h"
#include "crypto/p256.h"
#include "platform/attest/tpm_structures.h"
#include "protocol/evidence_forms.h"

#include <algorithm>
#include <array>

namespace softpos::attest {
namespace {

constexpr std::size_t name_bytes = 34;  // Algorithm and SHA-256.
constexpr std::size_t seed_bytes = 32;
constexpr std::size_t symmetric_key_bytes = 16;
constexpr std::string_view purpose{"IDENTITY\0", 9};  // With the zero that ends it.
constexpr std::uint32_t file_magic = 0xBADCC0DE;
constexpr std::uint32_t file_version = 1;

void put_number(Buffer& out, std::size_t number) {
    out.push_back(static_cast<std::uint8_t>(number >> 8U));
    out.push_back(static_cast<std::uint8_t>(number));
}

void put_sized(Buffer& out, Bytes bytes) {
    put_number(out, bytes.size());
    append(out, bytes);
}

struct Seed {
    SecretBytes seed;
    Buffer encrypted;  // TPM2B_ENCRYPTED_SECRET
};

Result<Seed> rsa_seed(const crypto::PublicKey& ek, Random& random) {
    Seed out{SecretBytes(seed_bytes), {}};
    random.fill(out.seed.writable());
    put_sized(out.encrypted, TRY(ek.encrypt_oaep_sha256(out.seed.bytes(), bytes_of(purpose))));
    return out;
}

// KDFe over an agreement with an ephemeral key, one round of it. Spec: [TPM2-1] 11.4.10.3, C.6.
Result<Seed> ecc_seed(const crypto::PublicKey& ek) {
    const crypto::P256Key ephemeral = TRY(crypto::P256Key::generate());
    const SecretBytes shared = TRY(ephemeral.ecdh(ek.point()));
    const Buffer own = ephemeral.public_point();
    const Bytes x = Bytes(own).subspan(1, 32);
    const Bytes y = Bytes(own).subspan(33);
    SecretBytes message(4 + shared.size() + purpose.size() + 2 * x.size());
    auto to = message.writable();
    to[3] = 1;
    std::size_t at = 4;
    for (const Bytes part : {shared.bytes(), bytes_of(purpose), x, ek.point().subspan(1, 32)}) {
        std::ranges::copy(part, to.subspan(at).begin());
        at += part.size();
    }
    Seed out{SecretBytes::copy_of(crypto::sha256(message.bytes())), {}};
    Buffer point;
    put_sized(point, x);
    put_sized(point, y);
    put_sized(out.encrypted, point);
    return out;
}

}  // namespace

Result<TpmCredential> make_tpm_credential(const crypto::PublicKey& ek, Bytes name, Bytes secret,
                                          Random& random) {
    if (secret.empty() || secret.size() > tpm_credential_bytes_max || name.size() != name_bytes) {
        return fail(ErrorKind::malformed, "tpm: size of a credential or name");
    }
    const bool rsa = ek.family() == crypto::KeyFamily::rsa;
    if (!rsa && ek.family() != crypto::KeyFamily::p256) {
        return fail(ErrorKind::unsupported, "tpm: kind of endorsement key");
    }
    Seed seed = rsa ? TRY(rsa_seed(ek, random)) : TRY(ecc_seed(ek));
    const SecretBytes key =
        TRY(crypto::counter_kdf_sha256({seed.seed.bytes(), "STORAGE", name}, symmetric_key_bytes));
    Buffer plain;
    put_sized(plain, secret);
    const std::array<std::uint8_t, 16> zeros{};
    const Buffer identity = TRY(crypto::mode_encrypt(
        {crypto::Cipher::aes, crypto::BlockMode::cfb, key.bytes(), zeros}, plain));
    wipe(plain);
    const SecretBytes mac_key =
        TRY(crypto::counter_kdf_sha256({seed.seed.bytes(), "INTEGRITY"}, seed_bytes));
    Buffer covered = identity;
    append(covered, name);
    Buffer object;
    put_sized(object, crypto::hmac_sha256(mac_key.bytes(), covered));
    append(object, identity);
    TpmCredential out;
    put_sized(out.id_object, object);
    out.encrypted_secret = std::move(seed.encrypted);
    return out;
}

Result<TpmCredential> credential_for_quote(Bytes evidence, Bytes secret, Random& random) {
    const auto form = TRY(protocol::decode_tpm_quote_form(evidence));
    const auto certificate = TRY(crypto::Certificate::parse(form.ek_certificate));
    return make_tpm_credential(certificate.key(), TRY(tpm_name(form.ak_public)), secret, random);
}

Result<TpmCredential> parse_tpm_credential_file(Bytes file) {
    ByteReader in(file);
    const auto number = [&in](std::size_t bytes) -> Result<std::uint32_t> {
        const auto taken = in.take(bytes);
        if (!taken) return fail(ErrorKind::malformed, "tpm: ends too soon", 0, in.position());
        std::uint32_t value = 0;
        for (const std::uint8_t byte : *taken) value = value << 8U | byte;
        return value;
    };
    const auto sized = [&in, &number]() -> Result<Buffer> {
        const Bytes from = in.rest();
        const std::uint32_t size = TRY(number(2));
        if (!in.take(size)) return fail(ErrorKind::malformed, "tpm: ends too soon");
        return Buffer(from.begin(), from.begin() + 2 + static_cast<std::ptrdiff_t>(size));
    };
    if (TRY(number(4)) != file_magic || TRY(number(4)) != file_version) {
        return fail(ErrorKind::malformed, "tpm: no credential file");
    }
    TpmCredential out;
    out.id_object = TRY(sized());
    out.encrypted_secret = TRY(sized());
    if (!in.empty()) return fail(ErrorKind::malformed, "tpm: bytes left over", 0, in.position());
    return out;
}

}  // namespace softpos::attest
