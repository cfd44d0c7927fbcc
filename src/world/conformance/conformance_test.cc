// Published cases pass; the same cases with one digit changed do not; and no file, however broken,
// does more than fail.
#include "world/conformance/conformance.h"

#include "base/hex.h"
#include "crypto/cipher.h"
#include "crypto/kcv.h"
#include "host/durable_file.h"
#include "host/scratch_directory.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

namespace softpos::conformance {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::map<std::string, FileResult> by_name(const std::vector<FileResult>& results) {
    std::map<std::string, FileResult> out;
    for (const FileResult& result : results) out[result.file] = result;
    return out;
}

FileResult check_shared(const std::string& file, const std::string& text) {
    const auto path = testing::shared_path(file);
    return Conformance::check(file, text, fs::path(*path).parent_path().string());
}

// A file by content, under the name of a shared one, in a folder of its own.
class Copy {
public:
    Copy(const std::string& file, const std::string& text) : file_(file) {
        const fs::path path = scratch_.file(file);
        fs::create_directories(path.parent_path());
        CHECK(host::write_durably(path.string(), bytes_of(text)).has_value());
    }
    FileResult run() const {
        const auto results = Conformance::run(scratch_.path(), {});
        CHECK(results.has_value());
        return by_name(*results).at(file_);
    }

private:
    host::ScratchDirectory scratch_;
    std::string file_;
};

// Shows: A1, A2, A3, A4, A5, A9, A10, A24, MPOC-1A-CRYPTO, MPOC-3-BASELINE, JRT0156-6.5
// Shows: JRT0156-6.3
TEST(Conformance, EveryUnderstoodFilePasses) {
    const auto folder = testing::shared_path("");
    if (!folder) GTEST_SKIP() << "no shared cases here";
    std::size_t announced = 0;
    const auto results = Conformance::run(*folder, [&](const Progress& now) {
        EXPECT_EQ(now.index, announced++);
        EXPECT_LT(now.index, now.count);
    });
    ASSERT_TRUE(results);
    std::size_t understood = 0;
    for (const FileResult& result : *results) {
        EXPECT_EQ(result.failed, 0U) << result.file << ": " << result.first_failure;
        EXPECT_EQ(result.understood, result.passed > 0) << result.file;
        EXPECT_EQ(result.understood, Conformance::understands(result.file)) << result.file;
        understood += result.understood ? 1 : 0;
    }
    EXPECT_EQ(understood, announced);
    EXPECT_GE(understood, 20U);
    EXPECT_GT(results->size(), understood) << "what is not understood is listed too";
    EXPECT_TRUE(std::ranges::is_sorted(*results, {}, &FileResult::file));
}

// A folder inside the layout does as well, and a slash behind its name changes nothing.
TEST(Conformance, PartOfTheLayoutIsUnderstood) {
    const auto folder = testing::shared_path("crypto/");
    if (!folder) GTEST_SKIP() << "no shared cases here";
    const auto results = Conformance::run(*folder, {});
    ASSERT_TRUE(results);
    const auto found = by_name(*results);
    EXPECT_GT(found.at("mac.json").passed, 0U);
    EXPECT_FALSE(found.at("SOURCES.md").understood);
    EXPECT_EQ(found.at("SOURCES.md").passed, 0U);
}

// Mechanisms that nothing here speaks are counted and not passed.
TEST(Conformance, UnknownMechanismsAreSkipped) {
    const auto text = testing::read_shared("crypto/mac.json");
    if (!text) GTEST_SKIP() << "no shared cases here";
    const FileResult result = check_shared("crypto/mac.json", *text);
    EXPECT_GT(result.passed, 20U);
    EXPECT_GT(result.skipped, 5U);
    const FileResult one = Conformance::check(
        "crypto/mac.json", R"({"vectors":[{"alg":"SM9 TestMAC","key":"00","mac":"00"}]})");
    EXPECT_EQ(one.passed, 0U);
    EXPECT_EQ(one.skipped, 1U);
}

struct Change {
    const char* file;
    const char* from;
    const char* to;
    const char* row;  // What the failure must name.
};

constexpr Change changes[] = {
    {"appattest/attestation-development.json", "\"NmY0NmFhZWIt", "\"NmY0NmFhZWIu",
     "attestation: verdict is FAIL CHALLENGE"},
    {"appattest/attestation-production.json", "\"SC86LZmo", "\"SC86LZmp", "FAIL KEY_MISMATCH"},
    {"appattest/srinivas1729.json", "\"development\"", "\"production\"", "environment"},
    {"appattest/srinivas1729.json", "b4f75c22", "b4f75c23", "assertion: verdict is FAIL SIGNATURE"},
    {"crypto/dukpt_aes.json", "AF8CB133A78F8DC2D1359F18527593FB",
     "AF8CB133A78F8DC2D1359F18527593FC", "KSN 123456789012345600000001: pin_key_aes128"},
    {"crypto/dukpt_aes.json", "A912150391AB65A6", "A912150391AB65A7", "encrypted PIN block"},
    {"crypto/dukpt_aes.json", "4744A5EC", "4744A5ED", "update_key_tdes2_verify"},
    {"crypto/dukpt_tdes.json", "18DC07B94797B466", "18DC07B94797B467",
     "KSN FFFF9876543210E00003: PIN block"},
    {"crypto/dukpt_tdes.json", "BD751E65", "BD751E66", "encrypted data"},
    {"crypto/dukpt_tdes.json", "1B9C1845EB993A7A", "1B9C1845EB993A7B", "counter 00001"},
    {"crypto/mac.json", "A1C72E74", "A1C72E75", "row 0 ISO9797-1 alg3"},
    {"crypto/mac.json", "692c4371", "692c4372", "SM4 TestCMAC"},
    {"crypto/botan_cmac.vec", "BB1D6929", "BB1D6928", "[CMAC(AES-128)] case 0"},
    {"crypto/pinblock.json", "041274EDCBA9876F", "041274EDCBA9876E", "format0_test.c: PIN block"},
    {"crypto/pinblock.json", "\"34111111111111110", "\"35111111111111110",
     "format4_test.c: PAN field"},
    {"crypto/pinblock.json", "041261AAAAEDCBA9", "041261AAAAEDCBA8", "row 0: PIN block"},
    {"crypto/tr31.json", "3F419E1CB7079442AA37474C2EFBF8B8", "3F419E1CB7079442AA37474C2EFBF8B9",
     "block 2 TR-31:2018 A.7.4: key"},
    {"crypto/tr31.json", "\"08793E\"", "\"08793F\"", "block 2 TR-31:2018 A.7.4: check value"},
    {"crypto/tr31.json", "D0112P0AE00E0000B82679114F", "D0112P0AE00E0000B82679115F",
     "block 2 TR-31:2018 A.7.4: import: key block: mac"},
    {"crypto/unionpay_terminal.json", "\"1E80F373\"", "\"1E80F374\"", "mac_sm4_ecb: MAC"},
    {"crypto/unionpay_terminal.json", "861E83E31FAEBF10\"", "861E83E31FAEBF11\"", "pin_sm4"},
    {"crypto/unionpay_terminal.json", "3A13CFDF77DDB259", "3A13CFDF77DDB258", "everonet"},
    {"crypto/emv_ac.json", "\"1DA5\"", "\"1DA6\"", "test_generate_ac_emv_arpc1"},
    {"crypto/emv_ac.json", "55BE45DD2C9E0CBF\"", "55BE45DD2C9E0CBE\"", "EMV_CSK_pad80"},
    {"emv/cryptogram/pyemv_hsm.json", "946DC1A8C78A624519BC4645CB073737",
     "946DC1A8C78A624519BC4645CB073738", "call 0 kd.derive_icc_mk_a"},
    {"emv/cryptogram/unionpay_arqc.json", "81A9DC9310F88856", "81A9DC9310F88857", "ARQC"},
    {"emv/cryptogram/unionpay_arqc.json", "84DD63A221F915CA\"", "84DD63A221F915CB\"", "ARPC"},
    {"emv/entrypoint/cases.jsonl", "00A4040007A000000001000100", "00A4040007A000000001000200",
     "2EA.001.00 case 0: event"},
    {"emv/entrypoint/cases.jsonl", "\"outcome\":\"Approved\"", "\"outcome\":\"Declined\"",
     "outcome approved"},
    {"emv/entrypoint/term_settings.json", "A0000000651010", "A000000065101", "cfg"},
    {"emv/tlv/emv_utils_decode.json", "[3] 22 12 15", "[3] 22 12 16", "object 9A"},
    {"emv/tlv/emv_utils_decode.json", "820259009F15", "820258009F15", "value differs"},
    {"emv/unionpay/ec_get_data.json", "797", "798", "9F79"},
    {"emv/unionpay/iad_samples.json", "\"ac_type\": \"TC\"", "\"ac_type\": \"AAC\"",
     "issuer data 0701010390000001: decision"},
    {"emv/unionpay/parameter_tlvs.json", "\"0010000000\"", "\"0010000001\"", "DF13"},
    {"emv/unionpay/qpboc_offline_gpo.json", "\"7C00\"", "\"7C01\"", "decoded response"},
    {"emv/unionpay/qpboc_online_tap.json", "DF2006000000100000", "DF2006000000000000", "commands"},
    {"emv/unionpay/qpboc_online_tap.json", "AFAD4849F270180", "AFAD4859F270180", "field 55: 9F26"},
    {"emv/unionpay/qpboc_online_tap.json", "00A4040008A00000033301010100",
     "00A4040008A00000033301010200", "commands"},
    {"emv/unionpay/visa_qvsdc_gpo.json", "8006A56A\"", "8006A56B\"", "gpo_values"},
    {"iso8583/unionpay_cups_institution.jsonl", "\"11\": \"863743\"", "\"11\": \"863744\"",
     "row 0 test01: field 11"},
    {"iso8583/unionpay_keys_mac.jsonl", "\"8A9E91B8\"", "\"8A9E91B9\"", "mac-ecb-single: MAC"},
    {"iso8583/unionpay_pos_messages.jsonl", "\"length\": \"0070\"", "\"length\": \"0071\"",
     "sale-magstripe: length"},
    {"qr/alipay.json", "\"invoice_amount\": \"0.10\"", "\"invoice_amount\": \"0.11\"",
     "verdict on the notification"},
    {"qr/auth_codes.json", "\"wechat\"", "\"alipay\"", "code that begins with 13: scheme"},
    {"qr/emv_cpm.json", "584FD385FA234BCC\"", "584FD385FA234BCD\"", "value of 9F26"},
    {"qr/emv_cpm.json", "\"truncated\"", "\"encoding\"", "neg-overrun: refused for"},
    {"qr/emv_mpm.json", "\"23.72\"", "\"23.73\"", "emvco-sample-beijing: object 54"},
    {"qr/emv_mpm.json", "\"expect_error\": \"crc\"", "\"expect_error\": \"truncated\"",
     "neg-bad-crc: refused for"},
    {"tpm/q2.parsed.json", "\"clock\": 1141", "\"clock\": 1142", "clock differs"},
    {"tpm/q2.parsed.json", "ae9375fb", "ae9375fc", "pcrDigest"},
    {"tpm/q2.parsed.json", "\"0xb\"", "\"0xc\"", "bank differs"},
    {"iso8583/unionpay_pos_messages.jsonl", "\"hex\": \"0200703C06C0", "\"hex\": \"0200703C06C1",
     "sale-contactless-2018"},
};

TEST(Conformance, OneChangedDigitIsFoundAndItsRowNamed) {
    if (!testing::shared_path("")) GTEST_SKIP() << "no shared cases here";
    for (const Change& change : changes) {
        SCOPED_TRACE(std::string(change.file) + " " + change.from);
        std::string text = testing::read_shared(change.file).value();
        const auto at = text.find(change.from);
        ASSERT_NE(at, std::string::npos);
        text.replace(at, std::string_view(change.from).size(), change.to);
        const FileResult result = check_shared(change.file, text);
        EXPECT_TRUE(result.understood);
        EXPECT_GE(result.failed, 1U);
        EXPECT_THAT(result.first_failure, HasSubstr(change.row));
    }
}

TEST(Conformance, ChangedFileInAFolderIsFound) {
    auto text = testing::read_shared("crypto/dukpt_tdes.json");
    if (!text) GTEST_SKIP() << "no shared cases here";
    const Copy same("set/crypto/dukpt_tdes.json", *text);
    EXPECT_EQ(same.run().failed, 0U);
    const auto at = text->find("0BC79509D5645DF7");
    ASSERT_NE(at, std::string::npos);
    (*text)[at] = '1';
    const Copy changed("set/crypto/dukpt_tdes.json", *text);
    const FileResult result = changed.run();
    EXPECT_EQ(result.failed, 1U);
    EXPECT_EQ(result.first_failure,
              "KSN FFFF9876543210E00004: PIN block is 0BC79509D5645DF7, expected "
              "1BC79509D5645DF7");
}

TEST(Conformance, GarbageFailsOnceWithTheReason) {
    const FileResult result = Copy("crypto/dukpt_aes.json", "{\"sets\": [,]}").run();
    EXPECT_TRUE(result.understood);
    EXPECT_EQ(result.passed, 0U);
    EXPECT_EQ(result.failed, 1U);
    EXPECT_EQ(result.first_failure, "not JSON at byte 10");
    for (const char* text : {"", "{", "[] []", "\xFF\xFE", "{\"sets\":"}) {
        EXPECT_EQ(Copy("crypto/mac.json", text).run().failed, 1U) << text;
    }
}

// A file without a single row says nothing, and does not look as if it did.
TEST(Conformance, FileWithoutRowsFails) {
    for (const char* text : {"{}", "[]", "null", "1", "{\"vectors\":[]}", "{\"vectors\":{}}"}) {
        const FileResult result = Conformance::check("crypto/mac.json", text);
        EXPECT_EQ(result.failed, 1U) << text;
        EXPECT_EQ(result.first_failure, "no rows in it");
    }
}

TEST(Conformance, RowOfAnUnreadableShapeFails) {
    for (const char* row :
         {R"({"alg":"ISO9797-1 alg3, TDES"})", R"({"alg":"ISO9797-1 alg3","key":1,"msg":"00"})",
          R"({"alg":"ISO9797-1 alg1","key":"0123456789ABCDEF","msg":"0","mac":"00000000"})",
          R"({"alg":"ISO9797-1 alg1","key":"0123456789ABCDEF","msg":"00","mac":""})",
          R"({"alg":"ISO9797-1 alg1","key":"0123456789ABCDEF","msg":"00"})",
          R"({"alg":"SM4 TestCMAC","fields":["00"]})",
          R"({"alg":"SM4 TestEMAC","fields":["00","ascii:","00"]})"}) {
        const FileResult result =
            Conformance::check("crypto/mac.json", "{\"vectors\":[" + std::string(row) + "]}");
        EXPECT_EQ(result.failed, 1U) << row;
        EXPECT_FALSE(result.first_failure.empty());
    }
}

// Two keys of a made-up terminal, of 16 and 8 bytes, as a sign-in brings them.
struct SignIn {
    Buffer master = testing::unhex("11111111111111112222222222222222");
    Buffer pik = testing::unhex("0123456789ABCDEFFEDCBA9876543210");
    Buffer mak = testing::unhex("5BB5C72CD00B7338");

    std::string wrapped(Bytes key) const {
        return to_hex(crypto::ecb_encrypt(crypto::Cipher::tdes, master, key).value());
    }
    static std::string kcv(Bytes key) {
        return to_hex(crypto::zero_block_kcv(crypto::Cipher::tdes, key).value());
    }
    std::string field_62() const {
        return wrapped(pik) + kcv(pik) + wrapped(mak) + std::string(16, '0') + kcv(mak);
    }
    FileResult check(const std::string& field_62, const std::string& mak_clear) const {
        return Conformance::check(
            "iso8583/unionpay_keys_mac.jsonl",
            R"({"name":"sign-in","tmk":")" + to_hex(master) + R"(","field62":")" + field_62 +
                R"(","pik":{"clear":")" + to_hex(pik) + R"(","kcv":")" + kcv(pik).substr(0, 6) +
                R"("},"mak_enc":")" + wrapped(mak) + R"(","mak":")" + mak_clear + R"("})");
    }
};

TEST(Conformance, WorkingKeysOfASignInAreChecked) {
    const SignIn keys;
    const FileResult good = keys.check(keys.field_62(), to_hex(keys.mak));
    EXPECT_EQ(good.passed, 1U) << good.first_failure;
    EXPECT_THAT(keys.check(keys.field_62(), "5BB5C72CD00B7339").first_failure,
                HasSubstr("MAC key (mak)"));
    std::string field = keys.field_62();
    field[32] = field[32] == '0' ? '1' : '0';
    EXPECT_THAT(keys.check(field, to_hex(keys.mak)).first_failure,
                HasSubstr("check value of the PIN key"));
    EXPECT_THAT(keys.check(field.substr(2), to_hex(keys.mak)).first_failure,
                HasSubstr("sign-in: field 62"));
}

TEST(Conformance, MissingFolderIsAnError) {
    const host::ScratchDirectory scratch;
    const auto results = Conformance::run(scratch.file("none"), {});
    ASSERT_FALSE(results);
    EXPECT_EQ(results.error().kind, ErrorKind::not_found);
    ASSERT_TRUE(host::write_durably(scratch.file("plain"), bytes_of("x")));
    EXPECT_FALSE(Conformance::run(scratch.file("plain"), {}));
    const auto empty = Conformance::run(scratch.path(), {});
    ASSERT_TRUE(empty);
    ASSERT_EQ(empty->size(), 1U);
    EXPECT_FALSE(empty->front().understood);
}

TEST(Conformance, CasesWithoutTheirSettingsFail) {
    const FileResult result = Copy("emv/entrypoint/cases.jsonl", R"({"id":"x","cases":[]})").run();
    EXPECT_EQ(result.failed, 1U);
    EXPECT_THAT(result.first_failure, HasSubstr("term_settings.json"));
}

// Bytes knocked out of real files: rows fail, and nothing worse.
TEST(Conformance, DamagedFilesDoNoHarm) {
    const auto folder = testing::shared_path("");
    if (!folder) GTEST_SKIP() << "no shared cases here";
    auto prng = testing::Prng::from_environment();
    constexpr std::string_view alphabet = "0A9F\"{}[]:,- ";
    for (const auto& entry : fs::recursive_directory_iterator(*folder)) {
        const std::string path = entry.path().string();
        if (!Conformance::understands(path) || entry.file_size() > 100'000) continue;
        const auto bytes = host::read_file(path, file_bytes_max);
        ASSERT_TRUE(bytes);
        const std::string whole(text_of(*bytes));
        for (int round = 0; round < 12; ++round) {
            std::string text = whole;
            for (unsigned i = 0; i <= prng.below(8); ++i) {
                const std::size_t at = prng.below(static_cast<unsigned>(text.size()));
                if (prng.below(3) == 0) {
                    text.erase(at, 1 + prng.below(4));
                } else {
                    text[at] = alphabet[prng.below(alphabet.size())];
                }
            }
            const auto result = Conformance::check(path, text, entry.path().parent_path().string());
            ASSERT_EQ(result.failed == 0, result.first_failure.empty())
                << "SEED=" << prng.seed() << " " << path;
        }
    }
}

}  // namespace
}  // namespace softpos::conformance
