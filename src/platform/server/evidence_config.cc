// Strict: a mistake here would let the wrong phones in.
#include "platform/server/evidence_config.h"

#include "base/hex.h"
#include "codec/base64.h"
#include "codec/strict_json.h"
#include "crypto/certificate.h"
#include "crypto/pem.h"
#include "host/data_files.h"
#include "host/durable_file.h"
#include "platform/attest/jws.h"
#include "platform/attest/tpm_structures.h"

#include <filesystem>

namespace softpos::server {
namespace {

namespace fs = std::filesystem;
using codec::StrictJson;

constexpr std::size_t config_bytes_max = 64 * 1024;
constexpr std::size_t pem_bytes_max = 1024 * 1024;
constexpr std::size_t roots_max = 32;
constexpr std::size_t device_keys_max = 4'096;
constexpr std::size_t secret_text_bytes_max = 256;
constexpr std::size_t words_bytes_max = 8 * 1024;
constexpr std::size_t app_bytes_max = 200;
constexpr std::size_t digest_bytes = 32;

// Words with one blank between, at least one.
std::vector<std::string> take_words(StrictJson& json, std::string_view field) {
    const std::string text = json.text(field, words_bytes_max);
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(' ', begin), text.size());
        if (end == begin) json.fault(Refusal::bad_value, field);
        words.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return words;
}

// Digests in hex with blanks between.
std::vector<Buffer> read_digests(std::string_view words, StrictJson& json, std::string_view field) {
    std::vector<Buffer> digests;
    while (!words.empty()) {
        const std::size_t end = std::min(words.find(' '), words.size());
        auto digest = from_hex(words.substr(0, end));
        if (!digest || digest->size() != digest_bytes) {
            json.fault(Refusal::bad_value, field);
            return {};
        }
        digests.push_back(*std::move(digest));
        words.remove_prefix(std::min(end + 1, words.size()));
    }
    return digests;
}

std::vector<Buffer> take_digests(StrictJson& json, std::string_view field) {
    const std::string text = json.text(field, words_bytes_max);
    return read_digests(text, json, field);
}

attest::ExpectedPcr take_pcr(StrictJson& json, unsigned pcr) {
    const std::string field = std::to_string(pcr);
    const std::string text = json.text(field, words_bytes_max);
    if (text == "measurement") return {.pcr = pcr, .values = {}, .launched = true};
    return {.pcr = pcr, .values = read_digests(text, json, field)};
}

Result<std::vector<attest::TrustAnchor>> roots_in(const std::string& path) {
    const Buffer text = TRY(host::read_file(path, pem_bytes_max));
    std::vector<attest::TrustAnchor> anchors;
    for (const Buffer& der : TRY(crypto::pem_certificates(text_of(text), roots_max))) {
        const auto certificate = TRY(crypto::Certificate::parse(der));
        anchors.push_back({crypto::name_text(certificate.subject()), certificate.key()});
    }
    return anchors;
}

// Of revoked keys, as old as the file. Without one the verifier's word is never better than review.
Result<std::optional<attest::RevocationList>> list_in(const std::string& path) {
    std::error_code missing;
    const auto written = fs::last_write_time(path, missing);
    if (missing) return std::optional<attest::RevocationList>();
    const auto since_epoch = fs::file_time_type::clock::to_sys(written).time_since_epoch();
    const Instant served{
        std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count()};
    const Buffer text = TRY(host::read_file(path, attest::RevocationList::bytes_max));
    return std::optional(TRY(attest::RevocationList::parse(text_of(text), served)));
}

Result<void> load_android(const std::string& folder, attest::EvidenceTrust& trust) {
    const std::string anchors = TRY(host::read_data("attest/android.anchors"));
    trust.android_roots = TRY(attest::parse_anchors(anchors));
    std::error_code missing;
    // Makers whose phones Google does not speak for.
    if (fs::exists(folder + "/android-roots.pem", missing)) {
        for (attest::TrustAnchor& root : TRY(roots_in(folder + "/android-roots.pem"))) {
            if (attest::is_software_root(root.key)) {
                return fail(ErrorKind::denied, "android-roots.pem: a root whose key is published");
            }
            trust.android_roots.push_back(std::move(root));
        }
    }
    trust.revoked = TRY(list_in(folder + "/android-status.json"));
    return {};
}

// As Google's console shows them, in Base64 and PEM.
Result<void> load_play(const std::string& folder, attest::EvidenceTrust::PlayService& play) {
    Buffer text = TRY(host::read_file(folder + "/play-decryption.key", secret_text_bytes_max));
    std::string_view digits = text_of(text);
    while (digits.ends_with('\n')) digits.remove_suffix(1);
    auto key = codec::from_base64(digits);
    wipe(text);
    if (!key || key->size() != attest::token_key_bytes) {
        return fail(ErrorKind::malformed, "play-decryption.key: no key of 32 bytes");
    }
    play.decryption = SecretBytes::copy_of(*key);
    wipe(*key);
    const Buffer pem = TRY(host::read_file(folder + "/play-verification.pem", pem_bytes_max));
    play.verification = TRY(crypto::PublicKey::from_pem(text_of(pem)));
    return {};
}

Result<std::vector<crypto::PublicKey>> keys_in(const std::string& path) {
    const Buffer text = TRY(host::read_file(path, pem_bytes_max));
    std::vector<crypto::PublicKey> keys;
    for (const Buffer& der :
         TRY(crypto::pem_blocks(text_of(text), "PUBLIC KEY", device_keys_max))) {
        keys.push_back(TRY(crypto::PublicKey::from_spki(der)));
    }
    if (keys.empty()) return fail(ErrorKind::malformed, "optee-keys.pem: no key in it");
    return keys;
}

}  // namespace

Result<attest::EvidenceTrust> parse_evidence_trust(std::string_view text) {
    StrictJson json(text);
    attest::EvidenceTrust trust;
    if (json.has("android")) {
        StrictJson android = json.object("android");
        attest::EvidenceTrust::AndroidApp app;
        app.package = android.text("package", app_bytes_max);
        app.signers = take_digests(android, "signers");
        trust.android_app = std::move(app);
    }
    if (json.has("harmony")) {
        StrictJson harmony = json.object("harmony");
        attest::EvidenceTrust::HarmonyApp app;
        app.bundle = harmony.text("bundle", app_bytes_max);
        app.app_ids = take_words(harmony, "app_ids");
        trust.harmony_app = std::move(app);
    }
    trust.apple_app = json.optional_text("apple_app", app_bytes_max);
    if (json.has("pcrs")) {
        StrictJson pcrs = json.object("pcrs");
        for (unsigned pcr = 0; pcr < attest::tpm_pcrs; ++pcr) {
            const std::string name = std::to_string(pcr);
            if (pcrs.has(name)) trust.pcrs.push_back(take_pcr(pcrs, pcr));
        }
    }
    if (json.has("play")) {
        StrictJson play = json.object("play");
        trust.play =
            attest::EvidenceTrust::PlayService{{}, std::nullopt, play.boolean("store_required")};
    }
    if (json.finish()) return fail(ErrorKind::malformed, "evidence.json: not what it should be");
    return trust;
}

Result<attest::EvidenceTrust> load_evidence_trust(const std::string& folder) {
    const auto text = host::read_file(folder + "/evidence.json", config_bytes_max);
    if (!text && text.error().kind == ErrorKind::not_found) return attest::EvidenceTrust{};
    if (!text) return std::unexpected(text.error());
    auto trust = TRY(parse_evidence_trust(text_of(*text)));
    if (trust.android_app) TRY_VOID(load_android(folder, trust));
    if (trust.harmony_app) {
        trust.huks_roots = TRY(roots_in(folder + "/huks-roots.pem"));
        trust.huks_revoked = TRY(list_in(folder + "/huks-status.json"));
    }
    if (trust.apple_app) trust.apple_roots = TRY(roots_in(folder + "/apple-roots.pem"));
    if (trust.play) TRY_VOID(load_play(folder, *trust.play));
    const auto is_there = [&folder](const char* name) {
        std::error_code error;
        return fs::exists(folder + "/" + name, error);
    };
    if (is_there("tpm-roots.pem")) trust.tpm_roots = TRY(roots_in(folder + "/tpm-roots.pem"));
    if (is_there("hms-roots.pem")) trust.hms_roots = TRY(roots_in(folder + "/hms-roots.pem"));
    if (is_there("optee-keys.pem")) trust.optee_keys = TRY(keys_in(folder + "/optee-keys.pem"));
    return trust;
}

}  // namespace softpos::server
