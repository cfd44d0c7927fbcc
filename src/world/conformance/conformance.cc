// Which file is which, and the walk through a folder.
#include "world/conformance/conformance.h"

#include "host/durable_file.h"
#include "world/conformance/checkers.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <system_error>

namespace softpos::conformance {
namespace {

namespace fs = std::filesystem;

enum class Form : std::uint8_t { json, text };

struct Checker {
    // The end of a path, from the start of one of its names; '*' is any text, folders included.
    std::string_view path;
    Form form;
    void (*check)(const Input& in, Tally& tally);
};

// The first row that fits counts.
constexpr Checker checkers[] = {
    {"appattest/*.json", Form::json, check_app_attest},
    {"appattest/*.pem", Form::text, check_app_attest_root},
    {"attestation/google-java/*.parsed.json", Form::json, check_android_chain},
    {"attestation/google-kotlin/*.parsed.json", Form::json, check_android_chain},
    {"attestation/google-kotlin/*.json", Form::json, check_android_description},
    {"attestation/roots/*.der", Form::text, check_android_root},
    {"attestation/roots/*.pem", Form::text, check_android_root},
    {"attestation/roots/roots.json", Form::json, check_android_roots},
    {"attestation/status/*.json", Form::text, check_revocation_list},
    {"attestation/synthetic/manifest.json", Form::json, check_android_synthetic},
    {"attestation/synthetic/status_*.json", Form::text, check_revocation_list},
    {"attestation/tampered/manifest.json", Form::json, check_android_tampered},
    {"attestation/warden/*.parsed.json", Form::json, check_android_chain},
    {"attestation/warden/manifest.json", Form::json, check_android_warden},
    {"crypto/botan_cmac.vec", Form::text, check_botan_cmac},
    {"crypto/botan_sm2_invalid.vec", Form::text, check_botan_sm2_invalid},
    {"crypto/botan_sm2_sig.vec", Form::text, check_botan_sm2_signatures},
    {"crypto/botan_sm3.vec", Form::text, check_botan_sm3},
    {"crypto/botan_sm4.vec", Form::text, check_botan_sm4},
    {"crypto/dukpt_aes.json", Form::json, check_dukpt_aes},
    {"crypto/dukpt_tdes.json", Form::json, check_dukpt_tdes},
    {"crypto/emv_ac.json", Form::json, check_module_tests},
    {"crypto/hmac_sm3_gmt0042.txt", Form::text, check_openssl_symmetric},
    {"crypto/mac.json", Form::json, check_mac},
    {"crypto/openhitls_sm2_crypt.json", Form::json, check_hitls_sm2_crypt},
    {"crypto/openhitls_sm2_sign.json", Form::json, check_hitls_sm2_sign},
    {"crypto/openhitls_sm3.json", Form::json, check_hitls_sm3},
    {"crypto/openhitls_sm4.json", Form::json, check_hitls_sm4},
    {"crypto/openssl_evpciph_sm4.txt", Form::text, check_openssl_symmetric},
    {"crypto/openssl_evpmd_sm3.txt", Form::text, check_openssl_symmetric},
    {"crypto/openssl_evppkey_sm2.txt", Form::text, check_openssl_sm2},
    {"crypto/pinblock.json", Form::json, check_pin_blocks},
    {"crypto/sm2_gmt0003_5.json", Form::json, check_sm2_standard},
    {"crypto/tr31.json", Form::json, check_key_blocks},
    {"crypto/unionpay_terminal.json", Form::json, check_terminal_examples},
    {"crypto/wycheproof/aes_cbc_pkcs5_test.json", Form::json, check_wycheproof_cbc},
    {"crypto/wycheproof/aes_gcm_test.json", Form::json, check_wycheproof_gcm},
    {"crypto/wycheproof/aes_wrap_test.json", Form::json, check_wycheproof_key_wrap},
    {"crypto/wycheproof/ecdh_secp256r1_test.json", Form::json, check_wycheproof_ecdh},
    {"crypto/wycheproof/ecdsa_secp256r1_sha256*_test.json", Form::json, check_wycheproof_ecdsa},
    {"crypto/wycheproof/hkdf_sha256_test.json", Form::json, check_wycheproof_hkdf},
    {"crypto/wycheproof/rsa_signature_2048_sha256_test.json", Form::json, check_wycheproof_rsa},
    {"emv/cryptogram/pyemv_hsm.json", Form::json, check_module_calls},
    {"emv/cryptogram/unionpay_arqc.json", Form::json, check_unionpay_cryptogram},
    {"emv/entrypoint/cases.jsonl", Form::text, check_entry_point},
    {"emv/entrypoint/term_settings.json", Form::json, check_terminal_settings},
    {"emv/tlv/emv_utils_decode.json", Form::json, check_tlv_decoding},
    {"emv/unionpay/ec_get_data.json", Form::json, check_get_data},
    {"emv/unionpay/iad_samples.json", Form::json, check_issuer_data},
    {"emv/unionpay/parameter_tlvs.json", Form::json, check_parameter_tlvs},
    {"emv/unionpay/qpboc_offline_gpo.json", Form::json, check_recorded_options},
    {"emv/unionpay/qpboc_online_tap.json", Form::json, check_online_tap},
    {"emv/unionpay/visa_qvsdc_gpo.json", Form::json, check_recorded_options},
    {"iso8583/jpos_packagers.jsonl", Form::text, check_packagers},
    {"iso8583/moov.jsonl", Form::text, check_messages_87},
    {"iso8583/pyiso8583.jsonl", Form::text, check_own_tables},
    {"iso8583/unionpay_cups_institution.jsonl", Form::text, check_institution_messages},
    {"iso8583/unionpay_keys_mac.jsonl", Form::text, check_keys_mac},
    {"iso8583/unionpay_pos_messages.jsonl", Form::text, check_pos_messages},
    {"qr/alipay.json", Form::json, check_alipay},
    {"qr/auth_codes.json", Form::json, check_payment_codes},
    {"qr/emv_cpm.json", Form::json, check_payer_codes},
    {"qr/emv_mpm.json", Form::json, check_merchant_codes},
    {"qr/wechat_v2.json", Form::json, check_wechat_v2},
    {"qr/wechat_v3.json", Form::json, check_wechat_v3},
    {"tpm/*.msg", Form::text, check_tpm_quote},
    {"tpm/*.parsed.json", Form::json, check_tpm_parsed},
    {"tpm/*.pcrs", Form::text, check_tpm_pcrs},
    {"tpm/*.pem", Form::text, check_tpm_authority},
    {"tpm/*.sig", Form::text, check_tpm_signature_file},
    {"tpm/ak.name", Form::text, check_tpm_attestation_key},
    {"tpm/ak.pub", Form::text, check_tpm_attestation_key},
    {"tpm/cred.blob", Form::text, check_tpm_credential},
    {"tpm/ek.der", Form::text, check_tpm_endorsement_key},
    {"tpm/ek.pub", Form::text, check_tpm_endorsement_key},
    {"tpm/secret", Form::text, check_tpm_credential},
};

// Whether the end of the path is `pattern`, from the start of one of the path's names.
bool fits(std::string_view path, std::string_view pattern) {
    const std::size_t star = pattern.find('*');
    const std::string_view head = pattern.substr(0, star);
    const std::string_view tail =
        star == std::string_view::npos ? std::string_view() : pattern.substr(star + 1);
    if (!path.ends_with(tail)) return false;
    path.remove_suffix(tail.size());
    const std::size_t at = path.rfind(head);
    if (at == std::string_view::npos || (at > 0 && path[at - 1] != '/')) return false;
    return star != std::string_view::npos || at + head.size() == path.size();
}

const Checker* checker_for(std::string_view path) {
    for (const Checker& checker : checkers) {
        if (fits(path, checker.path)) return &checker;
    }
    return nullptr;
}

void check_with(const Checker& checker, std::string_view text, const std::string& folder,
                FileResult& result) {
    result.understood = true;
    Tally tally;
    const std::string_view path = result.file;
    Input in{text, {}, folder, path.substr(path.rfind('/') + 1)};
    if (checker.form == Form::json) {
        const auto document = JsonDocument::parse(text);
        if (document) {
            in.json = document->root();
            checker.check(in, tally);
        } else {
            tally.fail("", describe("", document.error()));
        }
    } else {
        checker.check(in, tally);
    }
    // A file in which nothing is a case says nothing, and must not look as if it did.
    if (tally.passed + tally.failed + tally.skipped == 0) tally.fail("", "no rows in it");
    result.passed = tally.passed;
    result.failed = tally.failed;
    result.skipped = tally.skipped;
    result.first_failure = std::move(tally.first_failure);
}

void check_file(const Checker& checker, const fs::path& path, FileResult& result) {
    const auto bytes = host::read_file(path.string(), file_bytes_max);
    if (bytes) {
        return check_with(checker, text_of(*bytes), path.parent_path().string(), result);
    }
    result.understood = true;
    result.failed = 1;
    result.first_failure = describe("", bytes.error());
}

Result<std::vector<fs::path>> files_below(const fs::path& folder) {
    std::error_code error;
    if (!fs::is_directory(folder, error))
        return fail(ErrorKind::not_found, "conformance: no such folder");
    std::vector<fs::path> files;
    fs::recursive_directory_iterator walk(folder, fs::directory_options::skip_permission_denied,
                                          error);
    for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
        if (walk.depth() >= static_cast<int>(folder_depth_max)) walk.disable_recursion_pending();
        std::error_code ignored;
        if (!walk->is_regular_file(ignored)) continue;
        if (files.size() == files_max)
            return fail(ErrorKind::denied, "conformance: too many files", files_max);
        files.push_back(walk->path());
    }
    if (error) return fail(ErrorKind::unavailable, "conformance: folder cannot be read");
    std::ranges::sort(files, {}, [](const fs::path& path) { return path.string(); });
    return files;
}

}  // namespace

bool Conformance::understands(std::string_view file) {
    return checker_for(file) != nullptr;
}

FileResult Conformance::check(std::string_view file, std::string_view text,
                              const std::string& folder) {
    FileResult result;
    result.file = file;
    if (const Checker* checker = checker_for(file)) check_with(*checker, text, folder, result);
    return result;
}

Result<std::vector<FileResult>> Conformance::run(
    const std::string& folder, const std::function<void(const Progress&)>& progress) {
    std::error_code error;
    fs::path root = fs::weakly_canonical(folder, error);
    if (error) root = folder;
    const auto files = TRY(files_below(root));
    Progress now{0, 0, {}};
    for (const auto& path : files) now.count += understands(path.string()) ? 1U : 0U;
    std::vector<FileResult> results;
    for (const auto& path : files) {
        FileResult& result = results.emplace_back();
        result.file = path.lexically_relative(root).string();
        const Checker* checker = checker_for(path.string());
        if (checker == nullptr) continue;
        now.file = result.file;
        if (progress) progress(now);
        check_file(*checker, path, result);
        ++now.index;
    }
    return results;
}

}  // namespace softpos::conformance
