// Project Wycheproof's cases, most of which must be refused. A case says "valid", "invalid" or
// "acceptable", the last of which leaves the choice.
#include "base/hex.h"
#include "crypto/aead.h"
#include "crypto/block_modes.h"
#include "crypto/kdf.h"
#include "crypto/key_wrap.h"
#include "crypto/p256.h"
#include "crypto/public_key.h"
#include "world/conformance/checkers.h"

#include <algorithm>
#include <functional>

namespace softpos::conformance {
namespace {

using crypto::PublicKey;
using crypto::SignatureKind;

// Hex that may be empty.
Buffer bytes_at(Row& row, const Node& from, std::string_view key) {
    if (!from[key]) {
        row.fail(key);
        return {};
    }
    const std::string digits = from[key].text();
    return digits.empty() ? Buffer() : row.hex(digits, key);
}

void judge(Row& row, const Node& test, bool good) {
    const std::string result = test["result"].text();
    if (result == "acceptable") return row.holds("either way", true);
    row.holds(result == "valid" ? "a valid case is taken" : "an invalid case is refused",
              good == (result == "valid"));
}

using CheckTest = std::function<void(Row& row, const Node& group, const Node& test)>;

void each_test(const Input& in, Tally& tally, const CheckTest& check) {
    for (const Node& group : in.json["testGroups"].items()) {
        for (const Node& test : group["tests"].items()) {
            Row row(tally, "tcId " + std::to_string(test["tcId"].number().value_or(0)) + " " +
                               test["comment"].text());
            check(row, group, test);
        }
    }
}

// SEC 1 around a scalar, the way private keys are read. Spec: [RFC-5915] 3.
std::optional<crypto::P256Key> private_key(Row& row, std::string digits) {
    if (digits.size() % 2 != 0) digits.insert(0, "0");
    Buffer scalar = row.hex(digits, "private");
    while (scalar.size() > 32 && scalar.front() == 0) scalar.erase(scalar.begin());
    if (scalar.size() > 32) return std::nullopt;
    scalar.insert(scalar.begin(), 32 - scalar.size(), 0);
    Buffer der = {0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20};
    append(der, scalar);
    const std::uint8_t curve[] = {0xA0, 0x0A, 0x06, 0x08, 0x2A, 0x86,
                                  0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
    append(der, Bytes(curve));
    auto key = crypto::P256Key::from_private_der(der);
    if (!key) {
        row.fail("private key", key.error());
        return std::nullopt;
    }
    return *std::move(key);
}

}  // namespace

void check_wycheproof_gcm(const Input& in, Tally& tally) {
    each_test(in, tally, [](Row& row, const Node& group, const Node& test) {
        // Ours is a nonce of 12 bytes and a whole tag; anything else must not be taken.
        const bool ours = group["ivSize"].number() == 96 && group["tagSize"].number() == 128;
        const Buffer key = bytes_at(row, test, "key");
        const Buffer iv = bytes_at(row, test, "iv");
        const Buffer aad = bytes_at(row, test, "aad");
        const Buffer message = bytes_at(row, test, "msg");
        Buffer sealed = bytes_at(row, test, "ct");
        append(sealed, bytes_at(row, test, "tag"));
        const auto opened = crypto::gcm_open(key, iv, aad, sealed);
        if (!ours) return row.holds("another size is refused", !opened);
        const bool good = opened && std::ranges::equal(opened->bytes(), message);
        judge(row, test, good);
        if (test["result"].text() != "valid") return;
        const auto again = crypto::gcm_seal(key, iv, aad, message);
        row.holds("seals to the same", again && *again == sealed);
    });
}

void check_wycheproof_cbc(const Input& in, Tally& tally) {
    each_test(in, tally, [](Row& row, const Node&, const Node& test) {
        const Buffer key = bytes_at(row, test, "key");
        const Buffer iv = bytes_at(row, test, "iv");
        const Buffer text = bytes_at(row, test, "ct");
        const Buffer message = bytes_at(row, test, "msg");
        const auto plain = crypto::cbc_padded_decrypt(
            {.cipher = crypto::Cipher::aes, .mode = crypto::BlockMode::cbc, .key = key, .iv = iv},
            text);
        judge(row, test, plain && std::ranges::equal(plain->bytes(), message));
    });
}

void check_wycheproof_ecdh(const Input& in, Tally& tally) {
    each_test(in, tally, [](Row& row, const Node&, const Node& test) {
        const auto own = private_key(row, test["private"].text());
        if (!own) return;
        const auto peer = PublicKey::from_spki(bytes_at(row, test, "public"));
        const bool p256 = peer && peer->family() == crypto::KeyFamily::p256;
        const auto shared = p256 ? own->ecdh(peer->point())
                                 : Result<SecretBytes>(fail(ErrorKind::denied, "no such key"));
        const Buffer expected = bytes_at(row, test, "shared");
        judge(row, test, shared && std::ranges::equal(shared->bytes(), expected));
    });
}

void check_wycheproof_ecdsa(const Input& in, Tally& tally) {
    each_test(in, tally, [](Row& row, const Node& group, const Node& test) {
        const auto key = PublicKey::from_spki(row.hex(group, "publicKeyDer"));
        if (!key) return row.fail("key", key.error());
        const Buffer message = bytes_at(row, test, "msg");
        Buffer signature = bytes_at(row, test, "sig");
        if (group["type"].text() == "EcdsaP1363Verify") {
            // Two numbers of 32 bytes and nothing else.
            const Bytes both(signature);
            signature = both.size() == 64
                            ? crypto::ecdsa_signature_der(both.first(32), both.subspan(32))
                            : Buffer();
        }
        judge(row, test, key->verify(SignatureKind::ecdsa_sha256, message, signature).has_value());
    });
}

void check_wycheproof_rsa(const Input& in, Tally& tally) {
    each_test(in, tally, [](Row& row, const Node& group, const Node& test) {
        const auto key = PublicKey::from_spki(row.hex(group, "publicKeyDer"));
        if (!key) return row.fail("key", key.error());
        const Buffer message = bytes_at(row, test, "msg");
        const Buffer signature = bytes_at(row, test, "sig");
        judge(row, test,
              key->verify(SignatureKind::rsa_pkcs1_sha256, message, signature).has_value());
    });
}

void check_wycheproof_hkdf(const Input& in, Tally& tally) {
    each_test(in, tally, [](Row& row, const Node&, const Node& test) {
        const Buffer secret = bytes_at(row, test, "ikm");
        const Buffer salt = bytes_at(row, test, "salt");
        const Buffer info = bytes_at(row, test, "info");
        const Buffer expected = bytes_at(row, test, "okm");
        const auto size = static_cast<std::size_t>(test["size"].number().value_or(0));
        const auto made = crypto::hkdf_sha256({.secret = secret, .salt = salt, .info = info}, size);
        judge(row, test, made && std::ranges::equal(made->bytes(), expected));
    });
}

// Longer texts than any key of ours are left out.
void check_wycheproof_key_wrap(const Input& in, Tally& tally) {
    each_test(in, tally, [](Row& row, const Node&, const Node& test) {
        const Buffer kek = bytes_at(row, test, "key");
        const Buffer key = bytes_at(row, test, "msg");
        const Buffer wrapped = bytes_at(row, test, "ct");
        if (wrapped.size() > crypto::wrapped_key_bytes_max) return;
        const auto unwrapped = crypto::aes_key_unwrap(kek, wrapped);
        const auto again = crypto::aes_key_wrap(kek, key);
        judge(
            row, test,
            unwrapped && std::ranges::equal(unwrapped->bytes(), key) && again && *again == wrapped);
    });
}

}  // namespace softpos::conformance
