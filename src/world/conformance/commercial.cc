// The Chinese commercial algorithms: SM2, SM3, SM4 and HMAC-SM3, from the standards' examples, from
// libraries' test data, and ciphertexts that must not open.
#include "base/hex.h"
#include "crypto/block_modes.h"
#include "crypto/cipher.h"
#include "crypto/hash.h"
#include "crypto/mac.h"
#include "crypto/public_key.h"
#include "crypto/sm2.h"
#include "world/conformance/checkers.h"
#include "world/conformance/stanzas.h"

#include <algorithm>
#include <array>

namespace softpos::conformance {
namespace {

using crypto::BlockMode;
using crypto::Cipher;
using crypto::Sm2Key;

// Where a line "Name = value" stands for bytes: hex, or text in quotation marks.
Buffer bytes_in(Row& row, std::string_view value, std::string_view what) {
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        const Bytes text = bytes_of(value.substr(1, value.size() - 2));
        return {text.begin(), text.end()};
    }
    return row.hex(value, what);
}

std::optional<Sm2Key> key_of(Row& row, Bytes scalar) {
    auto key = Sm2Key::from_scalar(scalar);
    if (key) return *std::move(key);
    row.fail("key", key.error());
    return std::nullopt;
}

// ECB has no mode of its own here: it is what the block cipher itself does.
void check_mode(Row& row, std::string_view mode, const Stanza& block) {
    const Buffer key = row.hex(block.value("Key"), "Key");
    const Buffer plain = row.hex(block.value("Plaintext"), "Plaintext");
    const std::string_view text = block.value("Ciphertext");
    if (row.failed()) return;
    if (mode == "ECB") {
        const auto out = crypto::ecb_encrypt(Cipher::sm4, key, plain);
        return out ? row.same("ECB", *out, text) : row.fail("ECB", out.error());
    }
    constexpr std::array<std::pair<std::string_view, BlockMode>, 4> modes = {
        {{"CBC", BlockMode::cbc},
         {"CTR", BlockMode::ctr},
         {"CFB", BlockMode::cfb},
         {"OFB", BlockMode::ofb}}};
    const auto found =
        std::ranges::find(modes, mode, &std::pair<std::string_view, BlockMode>::first);
    if (found == modes.end()) return;  // Of no use here: GCM, CCM, XTS.
    const Buffer iv = row.hex(block.value("IV"), "IV");
    const crypto::ModeKey with{.cipher = Cipher::sm4, .mode = found->second, .key = key, .iv = iv};
    // OpenSSL pads CBC where the text is longer than what it came from.
    const bool padded = mode == "CBC" && text.size() / 2 > plain.size();
    const auto out =
        padded ? crypto::cbc_padded_encrypt(with, plain) : crypto::mode_encrypt(with, plain);
    if (!out) return row.fail(mode, out.error());
    row.same(mode, *out, text);
    const auto back =
        padded ? crypto::cbc_padded_decrypt(with, *out) : crypto::mode_decrypt(with, *out);
    row.holds("and back", back && std::ranges::equal(back->bytes(), plain));
}

// Spec: the SM2 curve, as the files spell it.
constexpr std::string_view sm2_prime =
    "0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF";

Buffer scalar_of(Row& row, std::string_view digits) {
    if (digits.starts_with("0x")) digits.remove_prefix(2);
    return row.hex(digits, "scalar");
}

}  // namespace

void check_botan_sm3(const Input& in, Tally& tally) {
    for (const Stanza& block : stanzas_of(in.text)) {
        if (block.value("Out").empty()) continue;
        Row row(tally, "line " + std::to_string(block.line));
        const Buffer message = row.hex(block.value("In"), "In");
        row.same("digest", crypto::sm3(message), block.value("Out"));
    }
}

void check_botan_sm4(const Input& in, Tally& tally) {
    for (const Stanza& block : stanzas_of(in.text)) {
        if (block.value("Out").empty()) continue;
        Row row(tally, "line " + std::to_string(block.line));
        const Buffer key = row.hex(block.value("Key"), "Key");
        const Buffer plain = row.hex(block.value("In"), "In");
        const auto out = crypto::ecb_encrypt(Cipher::sm4, key, plain);
        if (!out) {
            row.fail("encrypt", out.error());
            continue;
        }
        row.same("text", *out, block.value("Out"));
    }
}

// One kind of file with digests, MACs, ciphers and keys; other algorithms of it are of no use here.
void check_openssl_symmetric(const Input& in, Tally& tally) {
    for (const Stanza& block : stanzas_of(in.text)) {
        const std::string_view cipher = block.value("Cipher");
        Row row(tally, "line " + std::to_string(block.line));
        if (block.value("Digest") == "SM3" && !block.value("Output").empty()) {
            const Buffer message = bytes_in(row, block.value("Input"), "Input");
            row.same("digest", crypto::sm3(message), block.value("Output"));
        } else if (block.value("MAC") == "HMAC" && block.value("Algorithm") == "SM3") {
            const Buffer key = bytes_in(row, block.value("Key"), "Key");
            const Buffer message = bytes_in(row, block.value("Input"), "Input");
            row.same("mac", crypto::hmac_sm3(key, message), block.value("Output"));
        } else if (cipher.starts_with("SM4-")) {
            check_mode(row, cipher.substr(4), block);
        }
    }
}

void check_openssl_sm2(const Input& in, Tally& tally) {
    constexpr std::string_view begin = "-----BEGIN PRIVATE KEY-----";
    constexpr std::string_view end = "-----END PRIVATE KEY-----";
    const std::size_t from = in.text.find(begin);
    const std::size_t to = in.text.find(end);
    if (from == std::string_view::npos || to == std::string_view::npos) {
        return tally.fail("", "no key in it");
    }
    const auto key = Sm2Key::from_private_pem(in.text.substr(from, to + end.size() - from));
    if (!key) return tally.fail("key", describe("", key.error()));
    for (const Stanza& block : stanzas_of(in.text.substr(to))) {
        Row row(tally, "line " + std::to_string(block.line));
        const bool other_digest =
            !block.value("Ctrl").empty() && block.value("Ctrl") != "digest:SM3";
        if (block.value("Decrypt").empty() || other_digest) continue;
        const auto plain = key->decrypt(row.hex(block.value("Input"), "Input"));
        if (!plain) {
            row.fail("decrypt", plain.error());
            continue;
        }
        row.same("text", plain->bytes(), to_hex(bytes_in(row, block.value("Output"), "Output")));
    }
}

void check_botan_sm2_invalid(const Input& in, Tally& tally) {
    Buffer scalar;
    for (const Stanza& block : stanzas_of(in.text)) {
        Row row(tally, "line " + std::to_string(block.line));
        if (!block.value("Key").empty()) scalar = scalar_of(row, block.value("Key"));
        if (!block.has("Ctext")) continue;
        const auto key = key_of(row, scalar);
        if (!key) continue;
        const std::string_view text = block.value("Ctext");
        const Buffer ciphertext = text.empty() ? Buffer() : row.hex(text, "Ctext");
        row.holds("refused", !key->decrypt(ciphertext));
    }
}

// Only what is on the SM2 curve and signed with SM3: the rest is of other curves.
void check_botan_sm2_signatures(const Input& in, Tally& tally) {
    bool our_curve = false;
    for (const Stanza& block : stanzas_of(in.text)) {
        if (!block.value("P").empty()) our_curve = block.value("P") == sm2_prime;
        if (block.value("Signature").empty()) continue;
        Row row(tally, "line " + std::to_string(block.line));
        if (!our_curve || block.value("Hash") != "SM3") continue;
        const auto key = key_of(row, scalar_of(row, block.value("x")));
        const Buffer message = row.hex(block.value("Msg"), "Msg");
        const Buffer signature = row.hex(block.value("Signature"), "Signature");
        if (!key || signature.size() != 64) continue;
        const Bytes both(signature);
        const Buffer der = crypto::ecdsa_signature_der(both.first(32), both.subspan(32));
        const auto point = key->public_point();
        row.holds("verifies",
                  crypto::sm2_verify(point, message, block.value("Ident"), der).has_value());
        row.holds("another identity does not",
                  !crypto::sm2_verify(point, message, "somebody else", der));
    }
}

void check_sm2_standard(const Input& in, Tally& tally) {
    {
        Row row(tally, "sign");
        const Node sign = in.json["sign"];
        const auto key = key_of(row, row.hex(sign, "d"));
        const std::string id = row.text(sign, "id");
        const std::string message = row.text(sign, "msg_ascii");
        if (key) {
            const Buffer point = key->public_point();
            row.same("point", Bytes(point).subspan(1), row.text(sign, "px") + row.text(sign, "py"));
            const Buffer der = crypto::ecdsa_signature_der(row.hex(sign, "r"), row.hex(sign, "s"));
            row.holds("verifies",
                      crypto::sm2_verify(point, bytes_of(message), id, der).has_value());
            row.holds("ours verifies as well", crypto::sm2_verify(point, bytes_of(message), id,
                                                                  key->sign(bytes_of(message), id))
                                                   .has_value());
        }
    }
    Row row(tally, "encrypt");
    const Node encrypt = in.json["encrypt"];
    const auto key = key_of(row, row.hex(encrypt, "d"));
    Buffer parts = row.hex(encrypt, "c1");
    append(parts, row.hex(encrypt, "c3"));
    append(parts, row.hex(encrypt, "c2"));
    const auto der = crypto::sm2_ciphertext_der(parts);
    if (!key || !der) return row.fail("ciphertext");
    const auto plain = key->decrypt(*der);
    if (!plain) return row.fail("decrypt", plain.error());
    row.same_text("text", softpos::text_of(plain->bytes()), row.text(encrypt, "msg_ascii"));
    // The key agreement of the standard has no use here, and no interface in the library.
    Row agreement(tally, "key exchange");
}

}  // namespace softpos::conformance
