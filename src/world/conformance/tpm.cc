// What a software TPM wrote: quotes with their signatures and registers, the certificate of its
// endorsement key, and a credential made for one of its keys.
#include "codec/base64.h"
#include "crypto/drbg.h"
#include "crypto/hash.h"
#include "crypto/p256.h"
#include "host/durable_file.h"
#include "platform/attest/chain.h"
#include "platform/attest/tpm_quote.h"
#include "world/conformance/android_files.h"
#include "world/conformance/checkers.h"
#include "world/conformance/conformance.h"

#include <algorithm>

namespace softpos::conformance {
namespace {

constexpr std::size_t pcr_digest_bytes = attest::tpm_pcr_bytes;

Buffer read_beside(Row& row, const Input& in, const std::string& name) {
    auto bytes = host::read_file(in.folder + "/" + name, file_bytes_max);
    if (bytes) return *std::move(bytes);
    row.fail(name, bytes.error());
    return {};
}

// SubjectPublicKeyInfo in PEM.
std::optional<crypto::PublicKey> read_key(Row& row, const Input& in, const std::string& name) {
    const Buffer pem = read_beside(row, in, name);
    std::string digits;
    for (const std::string_view line : lines_of(softpos::text_of(pem))) {
        if (!line.starts_with("-----")) digits += line;
    }
    const auto der = codec::from_base64(digits);
    const auto key = der ? crypto::PublicKey::from_spki(*der)
                         : Result<crypto::PublicKey>(std::unexpected(der.error()));
    if (key) return *key;
    row.fail(name, key.error());
    return std::nullopt;
}

// The registers as tpm2-tools keep them: its own structures in memory, little-endian.
std::vector<Buffer> read_registers(Row& row, Bytes file) {
    constexpr std::size_t selection_bytes = 4 + 16 * 8;
    constexpr std::size_t digest_bytes_max = 64;
    const auto number = [&](std::size_t at) {
        return at + 4 <= file.size() ? static_cast<std::uint32_t>(file[at]) |
                                           static_cast<std::uint32_t>(file[at + 1]) << 8U
                                     : 0U;
    };
    std::vector<Buffer> registers;
    std::size_t at = selection_bytes;
    const std::uint32_t lists = number(at);
    at += 4;
    for (std::uint32_t list = 0; list < lists; ++list) {
        const std::uint32_t count = number(at);
        std::size_t digest = at + 4;
        for (std::uint32_t i = 0; i < count; ++i, digest += 2 + digest_bytes_max) {
            if (digest + 2 + pcr_digest_bytes > file.size()) {
                row.fail("registers are cut short");
                return {};
            }
            const Bytes value = file.subspan(digest + 2, pcr_digest_bytes);
            registers.emplace_back(value.begin(), value.end());
        }
        at += 4 + 8 * (2 + digest_bytes_max);
    }
    return registers;
}

void check_registers(Row& row, const Input& in, const attest::TpmQuote& quote,
                     const std::string& name) {
    const Buffer file = read_beside(row, in, name);
    Buffer all;
    for (const Buffer& one : read_registers(row, file)) append(all, one);
    const auto digest = crypto::sha256(all);
    row.holds("digest of the registers", std::ranges::equal(digest, quote.pcr_digest));
}

std::string hex_number(std::uint64_t number) {
    char text[24];
    const int size =
        std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(number));
    return {text, static_cast<std::size_t>(size)};
}

void check_selection(Row& row, const attest::TpmQuote& quote, const Node& expected) {
    row.holds("banks", quote.selections.size() == expected.size());
    for (std::size_t i = 0; i < std::min(quote.selections.size(), expected.size()); ++i) {
        std::uint32_t pcrs = 0;
        for (const Node& pcr : expected[i]["pcrs"].items()) {
            pcrs |= 1U << static_cast<unsigned>(pcr.number().value_or(0) & 31);
        }
        row.holds("registers", quote.selections[i].pcrs == pcrs);
        row.same_text("bank", hex_number(quote.selections[i].hash), expected[i]["hash"].text());
    }
}

}  // namespace

void check_tpm_quote_parsed(const Input& in, Tally& tally) {
    Row row(tally, std::string(in.file));
    const std::string stem(in.file.substr(0, in.file.find('.')));
    const Buffer message = read_beside(row, in, stem + ".msg");
    const auto quote = attest::parse_tpm_quote(message);
    if (!quote) return row.fail("quote", quote.error());
    row.same("signer", quote->qualified_signer, in.json["qualifiedSigner"]);
    row.same("nonce", quote->extra_data, in.json["extraData"]);
    row.same("digest", quote->pcr_digest, in.json["pcrDigest"]);
    const auto is = [&](std::string_view what, std::uint64_t got) {
        row.holds(what, in.json[what].number() == static_cast<std::int64_t>(got));
    };
    is("clock", quote->clock_ms);
    is("resetCount", quote->reset_count);
    is("restartCount", quote->restart_count);
    is("safe", quote->clock_safe ? 1 : 0);
    row.same_text("firmware", hex_number(quote->firmware_version),
                  in.json["firmwareVersion"].text());
    check_selection(row, *quote, in.json["pcrSelect"]);
    row.holds("written back the same", attest::encode(*quote) == message);
    const auto key = read_key(row, in, "ak.pub");
    if (!key) return;
    Buffer signature = read_beside(row, in, stem + ".sig");
    row.holds("signature",
              key->verify(crypto::SignatureKind::ecdsa_sha256, message, signature).has_value());
    Buffer changed = message;
    changed.back() ^= 1;
    row.holds("another statement is refused",
              !key->verify(crypto::SignatureKind::ecdsa_sha256, changed, signature));
    check_registers(row, in, *quote, stem + ".pcrs");
}

void check_tpm_quote(const Input& in, Tally& tally) {
    Row row(tally, std::string(in.file));
    const std::string stem(in.file.substr(0, in.file.find('.')));
    const auto quote = attest::parse_tpm_quote(bytes_of(in.text));
    if (!quote) return row.fail("quote", quote.error());
    check_registers(row, in, *quote, stem + ".pcrs");
    const auto key = read_key(row, in, "ak.pub");
    const Buffer file = read_beside(row, in, stem + ".sig");
    if (!key) return;
    // As the TPM gives it, or in DER already.
    const auto parsed = attest::parse_tpm_signature(file);
    const Buffer der = parsed ? crypto::ecdsa_signature_der(parsed->r, parsed->s) : file;
    row.holds("signature",
              key->verify(crypto::SignatureKind::ecdsa_sha256, bytes_of(in.text), der).has_value());
}

void check_tpm_ek(const Input& in, Tally& tally) {
    Row row(tally, std::string(in.file));
    const auto leaf = crypto::Certificate::parse(bytes_of(in.text));
    if (!leaf) return row.fail("certificate", leaf.error());
    row.holds("is of an endorsement key", attest::is_ek_certificate(*leaf));
    const auto issuer = read_chain(row, in.folder, "issuercert.pem");
    const auto root = read_chain(row, in.folder, "rootca.pem");
    if (!issuer || !root) return;
    const std::vector<Bytes> certificates = {leaf->der(), issuer->certificates.front().der()};
    attest::Chain chain;
    const std::vector<attest::TrustAnchor> anchors = {{"local", root->certificates.front().key()}};
    row.holds("chain is read", !attest::read_chain(certificates, chain));
    row.holds("names", !attest::check_names(chain));
    row.holds("signatures", !attest::check_signatures(chain, anchors));
    const auto area = attest::parse_tpm_public(read_beside(row, in, "ek.pub"));
    if (!area) return row.fail("ek.pub", area.error());
    const Bytes spki = leaf->key().spki();
    row.holds("its key is the TPM's", !std::ranges::search(spki, area->modulus).empty());
}

// The credential itself opens in that TPM only; what is compared is the form of ours for the same
// key and name.
void check_tpm_credential(const Input& in, Tally& tally) {
    Row row(tally, std::string(in.file));
    constexpr std::size_t head_bytes = 8;  // Magic number and version of tpm2-tools.
    const Bytes theirs = bytes_of(in.text);
    const auto leaf = crypto::Certificate::parse(read_beside(row, in, "ek.der"));
    const Buffer name = read_beside(row, in, "ak.name");
    const Buffer secret = read_beside(row, in, "secret");
    if (!leaf) return row.fail("ek.der", leaf.error());
    crypto::KeyRandom random;
    const auto ours = attest::make_credential(leaf->key(), name, secret, random);
    if (!ours) return row.fail("credential", ours.error());
    row.holds("size",
              theirs.size() == head_bytes + ours->id_object.size() + ours->encrypted_secret.size());
    const auto size_at = [&](std::size_t at) {
        return at + 2 <= theirs.size() ? theirs[at] * 256U + theirs[at + 1] : 0U;
    };
    row.holds("object", size_at(head_bytes) + 2 == ours->id_object.size());
    row.holds("seed",
              size_at(head_bytes + ours->id_object.size()) + 2 == ours->encrypted_secret.size());
}

// A name is the digest of a key's public part; this key is an attestation key of the usual
// template.
void check_tpm_name(const Input& in, Tally& tally) {
    Row row(tally, std::string(in.file));
    const auto key = read_key(row, in, "ak.pub");
    if (!key) return;
    const Bytes point = key->point();
    if (point.size() != crypto::p256_point_bytes) return row.fail("ak.pub is not on P-256");
    attest::TpmPublic area;
    area.type = attest::tpm::ecc;
    area.name_hash = attest::tpm::sha256;
    area.attributes = attest::tpm::fixed_tpm | attest::tpm::fixed_parent |
                      attest::tpm::sensitive_data_origin | attest::tpm::user_with_auth |
                      attest::tpm::restricted | attest::tpm::sign;
    area.scheme = attest::tpm::ecdsa;
    area.scheme_hash = attest::tpm::sha256;
    area.curve = attest::tpm::nist_p256;
    area.x.assign(point.begin() + 1, point.begin() + 33);
    area.y.assign(point.begin() + 33, point.end());
    const auto name = attest::tpm_name(attest::encode(area));
    if (!name) return row.fail("name", name.error());
    row.holds("name", std::ranges::equal(*name, bytes_of(in.text)));
}

}  // namespace softpos::conformance
