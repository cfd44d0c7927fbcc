// The private fields of cup-pos: read, written, and refused where they do not fit.
#include "codec/cup_fields.h"

#include "base/hex.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

namespace softpos::codec {
namespace {

using testing::unhex;

// In no order that any host wants, with things that no host wants.
const Buffer kernel_data = unhex(
    "5A08 6210940000000001 57 01 AA 9F1E08 3132333435363738 8407 A0000003330101 9F3303 E0F8C8"
    "9F2608 0011223344556677 9F2701 80 9F1008 0701010300000001 9F3704 01020304 9F3602 002A"
    "9505 0000000000 9A03 261122 9C01 00 9F0206 000000001000 5F2A02 0156 8202 7C00 9F1A02 0156"
    "DF3105 2000000000 5F3401 01");

TEST(CupField55, SaleHasTheOrderHostsExpect) {
    EXPECT_EQ(to_hex(field_55_for_sale(kernel_data).value()),
              to_hex(unhex("9F2608 0011223344556677 9F2701 80 9F1008 0701010300000001"
                           "9F3704 01020304 9F3602 002A 9505 0000000000 9A03 261122 9C01 00"
                           "9F0206 000000001000 5F2A02 0156 8202 7C00 9F1A02 0156"
                           "9F0306 000000000000 9F3303 E0F8C8 9F1E08 3132333435363738"
                           "8407 A0000003330101")));
}

TEST(CupField55, SaleWithoutACryptogramIsRefused) {
    const auto error = field_55_for_sale(unhex("9F2701 80 9F3602 002A")).error();
    EXPECT_EQ(error.kind, ErrorKind::malformed);
    EXPECT_EQ(error.detail, 0x9F26U);
    EXPECT_EQ(field_55_for_sale(unhex("9F2608 00")).error().kind, ErrorKind::malformed);
}

TEST(CupField55, ReversalRepeatsLittle) {
    const std::string repeated =
        "9505 0000000000 9F1008 0701010300000001 9F1E08 3132333435363738"
        "DF3105 2000000000";
    EXPECT_EQ(to_hex(field_55_for_reversal(kernel_data, ChipEnd::unknown).value()),
              to_hex(unhex(repeated)));
    EXPECT_EQ(to_hex(field_55_for_reversal(kernel_data, ChipEnd::card_declined).value()),
              to_hex(unhex(repeated + "9F3602 002A")));
    EXPECT_TRUE(field_55_for_reversal({}, ChipEnd::unknown).value().empty());
}

TEST(CupField55, TooMuchIsRefused) {
    Buffer data = kernel_data;
    append(data, unhex("9F6381F0"));
    data.resize(data.size() + 0xF0);
    EXPECT_EQ(field_55_for_sale(data).error().kind, ErrorKind::denied);
    EXPECT_EQ(field_55_for_reversal(unhex("9F1E 82 0100" + std::string(512, '0')), ChipEnd::unknown)
                  .error()
                  .kind,
              ErrorKind::denied);
}

TEST(CupField55, AnswerCarriesIssuerDataAndScripts) {
    const Buffer value = unhex("910A 00112233445566773030 7206 8604 84240000 9F3602 002A");
    const auto answer = parse_field_55_answer(value).value();
    EXPECT_EQ(to_hex(answer.authentication_data.value()), "00112233445566773030");
    EXPECT_FALSE(answer.script_before);
    EXPECT_EQ(to_hex(answer.script_after.value()), "860484240000");
    EXPECT_FALSE(parse_field_55_answer(Bytes(value).first(5)));
}

TEST(CupField59, IsBuiltAndRead) {
    Field59 field;
    field.terminal = TerminalInformation{.device_type = "08",
                                         .serial = "00000202SN123456",
                                         .factor = "000001",
                                         .proof = "1A2B3C4D",
                                         .app_version = "000100  "};
    field.place =
        TerminalPlace{.longitude = "+116.39723", .latitude = "+39.908", .system = "GCJ02"};
    const Buffer value = build_field_59(field).value();
    EXPECT_EQ(text_of(value),
              "A20650100208020160000020"
              "2SN12345603006000001"
              "040081A2B3C4D"
              "05008000100  "
              "A503701010+116.3972302007+39.90805005GCJ02");
    const Field59 read = parse_field_59(value).value();
    EXPECT_FALSE(read.sm4_pin_block);
    EXPECT_EQ(read.terminal->device_type, "08");
    EXPECT_EQ(read.terminal->serial, "00000202SN123456");
    EXPECT_EQ(read.terminal->app_version, "000100  ");
    EXPECT_EQ(read.place->longitude, "+116.39723");
    EXPECT_EQ(read.place->system, "GCJ02");
}

TEST(CupField59, TheWholeOfATerminalWithItsProof) {
    Field59 field;
    field.terminal = {.device_type = "08",
                      .serial = "00000801P20000000001",
                      .factor = "036819",
                      .proof = "4EC6E8EC",
                      .app_version = "1.0.0   "};
    const Buffer value = build_field_59(field).value();
    EXPECT_EQ(text_of(value),
              "A206901002080202000000801P2000000000103006036819040084EC6E8EC050081.0.0   ");
    EXPECT_EQ(parse_field_59(value).value().terminal->proof, "4EC6E8EC");
}

TEST(CupField59, PinBlockOfSm4HasSixteenBytes) {
    Field59 field;
    field.sm4_pin_block.emplace().fill(0xAB);
    const Buffer value = build_field_59(field).value();
    EXPECT_EQ(parse_field_59(value).value().sm4_pin_block, field.sm4_pin_block);
    EXPECT_EQ(parse_field_59(bytes_of("A1002XY")).error().kind, ErrorKind::malformed);
}

TEST(CupField59, BrokenObjectsAreRefused) {
    for (const char* text : {"A", "A2", "A20", "A2001", "A20x1a", "A20060100208"}) {
        EXPECT_EQ(parse_field_59(bytes_of(text)).error().kind, ErrorKind::malformed) << text;
    }
    EXPECT_TRUE(parse_field_59(bytes_of("Z9003abc")));  // Somebody else's object.
    Field59 field;
    field.terminal = TerminalInformation{.serial = std::string(100, '1')};
    EXPECT_EQ(build_field_59(field).error().kind, ErrorKind::denied);
}

TEST(CupField60, EachKnownLengthIsReadAndWritten) {
    for (const char* digits : {"22000001", "00000001003", "220000010006", "2200000100060",
                               "22000024000600", "22000024000600123"}) {
        const auto field = parse_field_60(digits);
        ASSERT_TRUE(field) << digits;
        EXPECT_EQ(build_field_60(*field).value(), digits);
    }
    const Field60 sale = parse_field_60("22000024000601").value();
    EXPECT_EQ(sale.kind, "22");
    EXPECT_EQ(sale.batch, "000024");
    EXPECT_EQ(sale.network_code, "000");
    EXPECT_EQ(sale.reader, '6');
    EXPECT_EQ(sale.chip_condition, '0');
    EXPECT_EQ(sale.partial_approval, '1');
    EXPECT_FALSE(sale.account_type);
}

TEST(CupField60, OtherLengthsAndGapsAreRefused) {
    EXPECT_EQ(parse_field_60("220000010").error().kind, ErrorKind::unsupported);
    EXPECT_EQ(parse_field_60("2200000A").error().kind, ErrorKind::malformed);
    Field60 gap{.kind = "22", .batch = "000001", .reader = '6'};
    EXPECT_EQ(build_field_60(gap).error().kind, ErrorKind::malformed);
    gap.reader.reset();
    gap.batch = "1";
    EXPECT_EQ(build_field_60(gap).error().kind, ErrorKind::malformed);
}

TEST(CupField61, EachKnownLengthIsReadAndWritten) {
    for (const char* digits : {"000024000105", "0000240001051122", "000024000105112201",
                               "00002400010511220112345678901"}) {
        const auto field = parse_field_61(digits);
        ASSERT_TRUE(field) << digits;
        EXPECT_EQ(build_field_61(*field).value(), digits);
    }
    EXPECT_EQ(parse_field_61("0000240001051122").value().trace, "000105");
    EXPECT_EQ(parse_field_61("00002400010").error().kind, ErrorKind::unsupported);
    EXPECT_EQ(parse_field_61("00002400010x").error().kind, ErrorKind::malformed);
    EXPECT_FALSE(build_field_61({"", "000105", "", "", ""}));
    EXPECT_FALSE(build_field_61({"000024", "000105", "", "01", ""}));
}

TEST(CupField62, KeysOfEachForm) {
    struct Form {
        std::size_t bytes;
        std::size_t key;
        bool track;
    };
    for (const Form form :
         {Form{24, 8, false}, {40, 16, false}, {56, 24, false}, {60, 16, true}, {84, 24, true}}) {
        const Buffer value(form.bytes, 0x5A);
        const auto keys = parse_working_keys(value).value();
        EXPECT_EQ(keys.pin_key.cryptogram.size(), form.key);
        EXPECT_EQ(keys.mac_key.cryptogram.data(), value.data() + form.key + 4);
        EXPECT_EQ(keys.mac_key.check_value.size(), 4U);
        EXPECT_EQ(keys.track_key.has_value(), form.track);
    }
}

TEST(CupField62, AShortKeyStandsInFrontOfZeros) {
    const Buffer value = unhex(
        "807A23AD32B36D457AE91FDF927570EA 8D0A74B8"
        "5BB5C72CD00B7338 0000000000000000 AB7153CA");
    const auto keys = parse_working_keys(value).value();
    EXPECT_EQ(to_hex(keys.pin_key.cryptogram), "807A23AD32B36D457AE91FDF927570EA");
    EXPECT_EQ(to_hex(keys.pin_key.check_value), "8D0A74B8");
    EXPECT_EQ(to_hex(keys.mac_key.cryptogram), "5BB5C72CD00B7338");
    EXPECT_EQ(to_hex(keys.mac_key.check_value), "AB7153CA");
}

TEST(CupField62, OtherFormsAndEmptyKeysAreRefused) {
    for (std::size_t size = 0; size < 120; ++size) {
        const bool known = size == 24 || size == 40 || size == 56 || size == 60 || size == 84;
        const auto keys = parse_working_keys(Buffer(size, 0x11));
        EXPECT_EQ(keys.has_value(), known) << size;
        if (!keys) {
            EXPECT_EQ(keys.error().kind, ErrorKind::unsupported);
        }
    }
    EXPECT_EQ(parse_working_keys(Buffer(40)).error().kind, ErrorKind::malformed);
}

TEST(CupField62, SignInSaysWhoAsks) {
    const Buffer value = build_sign_in_identity({"3100", "00000202SN1"}).value();
    EXPECT_EQ(text_of(value), "Sequence No15310000000202SN1");
    const auto read = parse_sign_in_identity(value).value();
    EXPECT_EQ(read.certification, "3100");
    EXPECT_EQ(read.serial, "00000202SN1");
    for (std::size_t cut = 0; cut < value.size(); ++cut) {
        EXPECT_FALSE(parse_sign_in_identity(Bytes(value).first(cut))) << cut;
    }
    EXPECT_FALSE(build_sign_in_identity({"310", "1"}));
    EXPECT_FALSE(build_sign_in_identity({"3100", ""}));
    EXPECT_FALSE(build_sign_in_identity({"3100", std::string(51, '1')}));
}

TEST(CupField48, TotalsAreReadAndWritten) {
    const BatchTotals totals{{123456, 7, 1000, 1, BatchVerdict::unanswered},
                             {999'999'999'999, 999, 0, 0, BatchVerdict::balanced}};
    const std::string digits = build_batch_totals(totals).value();
    EXPECT_EQ(digits,
              "0000001234560070000000010000010"
              "9999999999999990000000000000001");
    EXPECT_EQ(parse_batch_totals(digits).value(), totals);
    EXPECT_FALSE(parse_batch_totals(digits.substr(1)));
    EXPECT_FALSE(parse_batch_totals(digits.substr(1) + "x"));
    EXPECT_EQ(parse_batch_totals(std::string(61, '0') + "9").value().foreign.verdict,
              BatchVerdict::error);
}

TEST(CupField48, TotalsThatDoNotFitAreDenied) {
    BatchTotals totals;
    totals.domestic.debit_count = 1000;
    EXPECT_EQ(build_batch_totals(totals).error().kind, ErrorKind::denied);
    totals.domestic.debit_count = 0;
    totals.foreign.credit_amount_minor = -1;
    EXPECT_EQ(build_batch_totals(totals).error().kind, ErrorKind::denied);
    totals.foreign.credit_amount_minor = 1'000'000'000'000;
    EXPECT_EQ(build_batch_totals(totals).error().kind, ErrorKind::denied);
}

TEST(CupField63, AnswerNamesSchemeAndSpeakers) {
    const auto text = parse_answer_text(
                          "CUP"
                          "issuer says         "
                          "centre says         "
                          "acquirer")
                          .value();
    EXPECT_EQ(text.scheme, "CUP");
    EXPECT_EQ(text.issuer, "issuer says");
    EXPECT_EQ(text.centre, "centre says");
    EXPECT_EQ(text.acquirer, "acquirer");
    EXPECT_TRUE(parse_answer_text("CUP").value().issuer.empty());
    EXPECT_FALSE(parse_answer_text("CU"));
}

}  // namespace
}  // namespace softpos::codec
