// Examples of the standards; where one gives none, both directions against each other.
#include "crypto/known_answers.h"

#include "base/hex.h"
#include "base/pan.h"
#include "crypto/aead.h"
#include "crypto/cipher.h"
#include "crypto/dukpt_aes.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"
#include "crypto/mac.h"
#include "crypto/p256.h"
#include "crypto/pin_block.h"
#include "crypto/public_key.h"

#include <algorithm>
#include <array>

namespace softpos::crypto {
namespace {

// Both directions of a block cipher: the ciphertext, if it opens again.
Result<Buffer> there_and_back(Cipher cipher, std::string_view key_hex, std::string_view plain_hex) {
    const Buffer key = TRY(from_hex(key_hex));
    const Buffer plain = TRY(from_hex(plain_hex));
    Buffer text = TRY(ecb_encrypt(cipher, key, plain));
    if (TRY(ecb_decrypt(cipher, key, text)) != plain) {
        return fail(ErrorKind::internal, "self test: does not open");
    }
    return text;
}

template <typename Digest>
Buffer buffer_of(const Digest& digest) {
    return {digest.begin(), digest.end()};
}

// Spec: [FIPS-197] C.1, C.3.
Result<Buffer> aes_128() {
    return there_and_back(Cipher::aes, "000102030405060708090A0B0C0D0E0F",
                          "00112233445566778899AABBCCDDEEFF");
}
Result<Buffer> aes_256() {
    return there_and_back(Cipher::aes,
                          "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
                          "00112233445566778899AABBCCDDEEFF");
}

// Spec: [SP800-67] appendix B.1.
Result<Buffer> tdes() {
    return there_and_back(Cipher::tdes, "0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123",
                          "5468652071756663 6B2062726F776E20 666F78206A756D70");
}

// Spec: [GBT-32907] A.1.
Result<Buffer> sm4() {
    return there_and_back(Cipher::sm4, "0123456789ABCDEFFEDCBA9876543210",
                          "0123456789ABCDEFFEDCBA9876543210");
}

// Spec: [FIPS-180] SHA_All, one block; [GMT-0004] A.1.
Result<Buffer> sha_1() {
    return buffer_of(sha1(bytes_of("abc")));
}
Result<Buffer> sha_256() {
    return buffer_of(sha256(bytes_of("abc")));
}
Result<Buffer> sm3_digest() {
    return buffer_of(sm3(bytes_of("abc")));
}

// Spec: [RFC-4231] 4.3.
Result<Buffer> hmac() {
    return buffer_of(hmac_sha256(bytes_of("Jefe"), bytes_of("what do ya want for nothing?")));
}

// Spec: [SP800-38B] D.1, example 2.
Result<Buffer> cmac_aes() {
    const Buffer key = TRY(from_hex("2B7E151628AED2A6ABF7158809CF4F3C"));
    const Buffer message = TRY(from_hex("6BC1BEE22E409F96E93D7E117393172A"));
    return buffer_of(TRY(cmac(Cipher::aes, key, message)).bytes());
}

// Spec: [ISO-9797-1] B.2, B.4: the MACs under single DES, padding method 1.
constexpr std::string_view mac_text = "Now is the time for all ";
Result<Buffer> mac_algorithm_1() {
    const BlockKey key = TRY(BlockKey::make(Cipher::tdes, TRY(from_hex("0123456789ABCDEF"))));
    return buffer_of(iso9797_alg1(key, bytes_of(mac_text), Padding::zeros).bytes());
}
Result<Buffer> mac_algorithm_3() {
    const Buffer key = TRY(from_hex("0123456789ABCDEFFEDCBA9876543210"));
    return buffer_of(TRY(iso9797_alg3(key, bytes_of(mac_text), Padding::zeros)));
}

// Spec: [GCM-SPEC] B, test case 4. A tag with one bit changed must not open.
Result<Buffer> gcm() {
    const Buffer key = TRY(from_hex("FEFFE9928665731C6D6A8F9467308308"));
    const Buffer nonce = TRY(from_hex("CAFEBABEFACEDBADDECAF888"));
    const Buffer aad = TRY(from_hex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2"));
    const Buffer plain =
        TRY(from_hex("D9313225F88406E5A55909C5AFF5269A86A7A9531534F7DA2E4C303D8A318A72"
                     "1C3C0C95956809532FCF0E2449A6B525B16AEDF5AA0DE657BA637B39"));
    Buffer sealed = TRY(gcm_seal(key, nonce, aad, plain));
    const SecretBytes opened = TRY(gcm_open(key, nonce, aad, sealed));
    Buffer forged = sealed;
    forged.back() ^= 1;
    if (!std::ranges::equal(opened.bytes(), plain) || gcm_open(key, nonce, aad, forged)) {
        return fail(ErrorKind::internal, "self test: does not open, or opens too much");
    }
    return sealed;
}

// Spec: [RFC-5869] A.1.
Result<Buffer> hkdf() {
    const Buffer secret(22, 0x0B);
    const Buffer salt = TRY(from_hex("000102030405060708090A0B0C"));
    const Buffer info = TRY(from_hex("F0F1F2F3F4F5F6F7F8F9"));
    const SecretBytes key = TRY(hkdf_sha256({.secret = secret, .salt = salt, .info = info}, 42));
    return buffer_of(key.bytes());
}

// The PIN key of the first transaction, as host and device compute it. Spec: [X9.24-3] supplement.
Result<Buffer> dukpt() {
    const Buffer bdk = TRY(from_hex("FEDCBA9876543210F1F1F1F1F1F1F1F1"));
    const Buffer id = TRY(from_hex("1234567890123456"));
    const SecretBytes initial = TRY(dukpt_aes_initial_key(bdk, id));
    DukptAesDevice device = TRY(DukptAesDevice::load(initial.bytes(), id));
    const auto step = TRY(device.next(DukptUsage::pin_encryption, DukptKeyKind::aes128));
    const SecretBytes host =
        TRY(dukpt_aes_host_key(bdk, step.ksn, DukptUsage::pin_encryption, DukptKeyKind::aes128));
    if (!std::ranges::equal(host.bytes(), step.key.bytes())) {
        return fail(ErrorKind::internal, "self test: host and device differ");
    }
    return buffer_of(host.bytes());
}

// Example keys have no random filling to ask for.
class NoRandom final : public Random {
public:
    void fill(std::span<std::uint8_t> out) override { std::ranges::fill(out, std::uint8_t{0}); }
};

Result<Buffer> pin_block() {
    NoRandom random;
    const Pin pin = TRY(Pin::parse(bytes_of("1234")));
    const Pan pan = TRY(Pan::parse("43219876543210987"));
    return buffer_of(encode_pin_block(PinFormat::iso0, pin, &pan, random).bytes());
}

// Spec: [RFC-6979] A.2.5: the signature over "sample", which must not hold for "test".
Result<Buffer> ecdsa() {
    Buffer point =
        TRY(from_hex("04"
                     "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
                     "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"));
    const Buffer r =
        TRY(from_hex("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"));
    const Buffer s =
        TRY(from_hex("F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"));
    const Buffer signature = ecdsa_signature_der(r, s);
    TRY_VOID(p256_verify(point, bytes_of("sample"), signature));
    if (p256_verify(point, bytes_of("test"), signature)) {
        return fail(ErrorKind::internal, "self test: a wrong signature holds");
    }
    return Buffer{1};
}

// A fresh pair, as there is no example for what is random: what one signs the other verifies, and
// two agree on one secret.
Result<Buffer> p256_pair() {
    const P256Key one = TRY(P256Key::generate());
    const P256Key other = TRY(P256Key::generate());
    TRY_VOID(p256_verify(one.public_point(), bytes_of("sample"), one.sign(bytes_of("sample"))));
    const SecretBytes here = TRY(one.ecdh(other.public_point()));
    const SecretBytes there = TRY(other.ecdh(one.public_point()));
    return Buffer{static_cast<std::uint8_t>(std::ranges::equal(here.bytes(), there.bytes()))};
}

constexpr std::array<KnownAnswer, 17> cases_of_all = {{
    {"AES-128", "69C4E0D86A7B0430D8CDB78070B4C55A", aes_128},
    {"AES-256", "8EA2B7CA516745BFEAFC49904B496089", aes_256},
    {"TDES", "A826FD8CE53B855FCCE21C8112256FE668D5C05DD9B6B900", tdes},
    {"SM4", "681EDF34D206965E86B3E94F536E4246", sm4},
    {"SHA-1", "A9993E364706816ABA3E25717850C26C9CD0D89D", sha_1},
    {"SHA-256", "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", sha_256},
    {"SM3", "66C7F0F462EEEDD9D1F2D46BDC10E4E24167C4875CF2F7A2297DA02B8F4BA8E0", sm3_digest},
    {"HMAC-SHA-256", "5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843", hmac},
    {"CMAC-AES", "070A16B46B4D4144F79BDD9DD04A287C", cmac_aes},
    {"MAC algorithm 1", "70A30640CC76DD8B", mac_algorithm_1},
    {"MAC algorithm 3", "A1C72E74EA3FA9B6", mac_algorithm_3},
    {"AES-GCM",
     "42831EC2217774244B7221B784D0D49CE3AA212F2C02A4E035C17E2329ACA12E"
     "21D514B25466931C7D8F6A5AAC84AA051BA30B396A0AAC973D58E0915BC94FBC3221A5DB94FAE95AE7121A47",
     gcm},
    {"HKDF-SHA-256",
     "3CB25F25FAACD57A90434F64D0362F2A2D2D0A90CF1A5A4C5DB02D56ECC4C5BF34007208D5B887185865", hkdf},
    {"AES DUKPT", "AF8CB133A78F8DC2D1359F18527593FB", dukpt},
    {"PIN block", "0412AC89ABCDEF67", pin_block},
    {"ECDSA P-256", "01", ecdsa},
    {"P-256 keys", "01", p256_pair},
}};

}  // namespace

std::span<const KnownAnswer> known_answers() {
    return cases_of_all;
}

std::optional<std::string_view> first_wrong_answer(std::span<const KnownAnswer> cases) {
    for (const KnownAnswer& one : cases) {
        const auto computed = one.compute();
        if (!computed || to_hex(*computed) != one.answer) return one.name;
    }
    return std::nullopt;
}

}  // namespace softpos::crypto
