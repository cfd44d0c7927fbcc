// The parts between the dots, and a header of which little is listened to.
#include "platform/attest/jws.h"

#include "codec/base64.h"
#include "codec/json_tree.h"
#include "crypto/aead.h"
#include "crypto/key_wrap.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

namespace softpos::attest {
namespace {

constexpr std::size_t es256_bytes = 64;  // Two numbers of 32.
constexpr std::size_t header_values_max = 64;

struct AlgorithmRow {
    JwsAlgorithm algorithm;
    std::string_view name;
    crypto::SignatureKind kind;
};
constexpr AlgorithmRow algorithms[] = {
    {JwsAlgorithm::es256, "ES256", crypto::SignatureKind::ecdsa_sha256},
    {JwsAlgorithm::rs256, "RS256", crypto::SignatureKind::rsa_pkcs1_sha256},
    {JwsAlgorithm::ps256, "PS256", crypto::SignatureKind::rsa_pss_sha256},
};

const AlgorithmRow& row_of(JwsAlgorithm algorithm) {
    return *std::ranges::find(algorithms, algorithm, &AlgorithmRow::algorithm);
}

template <std::size_t count>
Result<std::array<std::string_view, count>> split(std::string_view token) {
    if (token.size() > token_bytes_max) {
        return fail(ErrorKind::denied, "token: too long", token_bytes_max);
    }
    std::array<std::string_view, count> parts;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t dot = token.find('.');
        const bool last = i + 1 == count;
        if ((dot == std::string_view::npos) != last) {
            return fail(ErrorKind::malformed, "token: number of parts");
        }
        parts[i] = token.substr(0, dot);
        token.remove_prefix(last ? token.size() : dot + 1);
    }
    return parts;
}

Result<codec::JsonTree> read_header(std::string_view part) {
    const Buffer bytes = TRY(codec::from_base64url(part));
    auto header = TRY(codec::JsonTree::parse(
        text_of(bytes), {.bytes_max = token_bytes_max, .values_max = header_values_max}));
    if (!header.root().is_object()) return fail(ErrorKind::malformed, "token: header");
    // Whoever reads on without understanding what is critical is fooled by it.
    if (header.root()["crit"]) return fail(ErrorKind::unsupported, "token: critical header");
    return header;
}

// The two numbers of ES256 in the form of certificates.
Result<Buffer> der_signature(Bytes raw) {
    if (raw.size() != es256_bytes) return fail(ErrorKind::malformed, "token: signature size");
    return crypto::ecdsa_signature_der(raw.first(es256_bytes / 2), raw.last(es256_bytes / 2));
}

Result<void> take_certificates(const codec::JsonTree& header, Jws& token) {
    const auto x5c = header.root()["x5c"];
    if (!x5c) return {};
    const auto texts = x5c.texts();
    if (!texts || texts->empty()) return fail(ErrorKind::malformed, "token: x5c");
    if (texts->size() > token_certificates_max) {
        return fail(ErrorKind::denied, "token: too many certificates", token_certificates_max);
    }
    for (const std::string_view text : *texts) {
        token.certificates.push_back(TRY(codec::from_base64(text)));
    }
    return {};
}

}  // namespace

std::string_view name_of(JwsAlgorithm algorithm) {
    return row_of(algorithm).name;
}

Result<Jws> parse_jws(std::string_view token) {
    const auto parts = TRY(split<3>(token));
    const auto header = TRY(read_header(parts[0]));
    const auto name = header.root()["alg"].text();
    const auto* row = std::ranges::find(algorithms, name.value_or(""), &AlgorithmRow::name);
    if (row == std::end(algorithms)) return fail(ErrorKind::unsupported, "token: algorithm");
    Jws out;
    out.algorithm = row->algorithm;
    TRY_VOID(take_certificates(header, out));
    out.payload = TRY(codec::from_base64url(parts[1]));
    out.signature = TRY(codec::from_base64url(parts[2]));
    if (out.signature.empty()) return fail(ErrorKind::malformed, "token: no signature");
    if (out.algorithm == JwsAlgorithm::es256) out.signature = TRY(der_signature(out.signature));
    const Bytes text = bytes_of(token.substr(0, parts[0].size() + 1 + parts[1].size()));
    out.signed_text.assign(text.begin(), text.end());
    return out;
}

Result<void> check_jws(const Jws& token, const crypto::PublicKey& key) {
    if (token.algorithm == JwsAlgorithm::es256 && key.family() != crypto::KeyFamily::p256) {
        return fail(ErrorKind::denied, "token: key of another kind");
    }
    return key.verify(row_of(token.algorithm).kind, token.signed_text, token.signature);
}

bool is_jwe(std::string_view token) {
    return std::ranges::count(token, '.') == 4;
}

Result<SecretBytes> open_jwe(std::string_view token, Bytes key) {
    if (key.size() != token_key_bytes) return fail(ErrorKind::malformed, "token: key size");
    const auto parts = TRY(split<5>(token));
    const auto header = TRY(read_header(parts[0]));
    if (header.root()["alg"].text() != "A256KW" || header.root()["enc"].text() != "A256GCM" ||
        header.root()["zip"]) {
        return fail(ErrorKind::unsupported, "token: encryption");
    }
    const Buffer wrapped = TRY(codec::from_base64url(parts[1]));
    const SecretBytes content_key = TRY(crypto::aes_key_unwrap(key, wrapped));
    if (content_key.size() != token_key_bytes) return fail(ErrorKind::denied, "token: key inside");
    const Buffer nonce = TRY(codec::from_base64url(parts[2]));
    Buffer sealed = TRY(codec::from_base64url(parts[3]));
    const Buffer tag = TRY(codec::from_base64url(parts[4]));
    // Shorter tags are easier to guess.
    if (tag.size() != crypto::gcm_tag_bytes) return fail(ErrorKind::malformed, "token: tag size");
    append(sealed, tag);
    return crypto::gcm_open(content_key.bytes(), nonce, bytes_of(parts[0]), sealed);
}

}  // namespace softpos::attest
