// What a message accepts, what it puts on the wire byte by byte, and what it says about bytes that
// do not fit.
#include "codec/iso8583.h"

#include "base/hex.h"
#include "codec/dialect_test_data.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

#include <map>

namespace softpos::codec {
namespace {

using testing::unhex;

Dialect dialect_of(const std::string& fields, const std::string& bitmap = "8",
                   const std::string& mti = "bcd") {
    return Dialect::parse("dialect t\nversion 0\nmti " + mti + "\nbitmap " + bitmap + "\n" + fields)
        .value();
}

std::string packed_hex(const IsoMessage& message) {
    std::array<std::uint8_t, iso_message_bytes_max> out{};
    const auto size = pack(message, out);
    if (!size) return size.error().what.c_str();
    return to_hex(Bytes(out).first(*size));
}

// "field@offset text"
std::string complaint(const Dialect& dialect, std::string_view hex) {
    IsoMessage message(dialect);
    const auto read = unpack(unhex(hex), message);
    if (read) return "none";
    EXPECT_TRUE(message.mti().empty() && !message.has(3));
    return std::to_string(read.error().detail) + "@" + std::to_string(read.error().at) + " " +
           read.error().what.c_str();
}

TEST(Iso8583, PacksEachKindOfField) {
    const Dialect dialect = dialect_of(
        "field 2 n bcd ll_bcd digits 1-19 right0 pan a\n"
        "field 3 n bcd fixed digits 6 none public b\n"
        "field 22 n bcd fixed digits 3 right0 public c\n"
        "field 23 n bcd fixed digits 3 left0 public d\n"
        "field 24 n bcd fixed digits 3 rightF public e\n"
        "field 35 z bcd ll_bcd digits 1-37 right0 track2 f\n"
        "field 37 an ascii fixed characters 2 none public g\n"
        "field 44 an ascii lll_bcd bytes 1-25 none public h\n"
        "field 45 ans ascii ll_ascii bytes 1-25 none public i\n"
        "field 46 b binary lll_ascii bytes 1-25 none public j\n"
        "field 47 b binary lll_bcd digits 1-25 none public k\n"
        "field 48 n bcd ll_bcd bytes 1-26 none public l\n");
    IsoMessage message(dialect);
    ASSERT_TRUE(message.set_mti("0200"));
    EXPECT_TRUE(message.set(2, "62109"));
    EXPECT_TRUE(message.set(3, "200000"));
    EXPECT_TRUE(message.set(22, "072"));
    EXPECT_TRUE(message.set(23, "001"));
    EXPECT_TRUE(message.set(24, "009"));
    EXPECT_TRUE(message.set(35, "621=2D0"));
    EXPECT_TRUE(message.set(37, "Z9"));
    EXPECT_TRUE(message.set(44, "ABC"));
    EXPECT_TRUE(message.set(45, "a~"));
    EXPECT_TRUE(message.set_binary(46, unhex("FF")));
    EXPECT_TRUE(message.set_binary(47, unhex("0A0B")));
    EXPECT_TRUE(message.set(48, "1234"));
    EXPECT_EQ(packed_hex(message), to_hex(unhex("0200 60000700281F0000"
                                                "05 621090  200000 0720 0001 009F"
                                                "07 621D2D00  5A39 0003 414243 3032 617E"
                                                "303031 FF 0004 0A0B 02 1234")));
    EXPECT_EQ(message.text(35), "621=2=0");
    EXPECT_EQ(to_hex(message.binary(47).value()), "0A0B");
}

TEST(Iso8583, BitmapHasTheSizeTheDialectSays) {
    const std::string low = "field 3 n ascii fixed characters 1 none public a\n";
    const std::string high = "field 70 n ascii fixed characters 1 none public b\n";
    const Dialect automatic = dialect_of(low + high, "auto", "ascii");
    const Dialect always = dialect_of(low + high, "16", "ascii");
    IsoMessage one(automatic);
    IsoMessage two(always);
    for (IsoMessage* message : {&one, &two}) {
        ASSERT_TRUE(message->set_mti("0800") && message->set(3, "7"));
    }
    EXPECT_EQ(packed_hex(one),
              "30383030"
              "2000000000000000"
              "37");
    EXPECT_EQ(packed_hex(two),
              "30383030"
              "A000000000000000"
              "0000000000000000"
              "37");
    ASSERT_TRUE(one.set(70, "1"));
    EXPECT_EQ(packed_hex(one),
              "30383030"
              "A000000000000000"
              "0400000000000000"
              "37"
              "31");
    EXPECT_EQ(complaint(automatic, "30383030 A000000000000000 0000000000000000 37"),
              "0@12 iso8583: empty second bitmap");
    EXPECT_EQ(complaint(always, "30383030 2000000000000000 37"),
              "0@4 iso8583: bit 1 of the bitmap");
    EXPECT_EQ(complaint(cup_pos(), "0800 A000000000000000 0000000000000000 000000"),
              "0@2 iso8583: bit 1 of the bitmap");
}

TEST(Iso8583, SetRefusesWhatDoesNotFit) {
    IsoMessage message(cup_pos());
    EXPECT_EQ(message.set_mti("200").error().kind, ErrorKind::malformed);
    EXPECT_EQ(message.set_mti("1200").error().kind, ErrorKind::malformed);
    EXPECT_EQ(message.set_mti("02A0").error().kind, ErrorKind::malformed);
    EXPECT_EQ(message.set(3, "00000").error().detail, 3U);
    EXPECT_EQ(message.set(4, "00000000100A").error().at, 11U);
    EXPECT_EQ(message.set(2, "62109400000000000012").error().kind, ErrorKind::malformed);
    EXPECT_EQ(message.set(44, "").error().kind, ErrorKind::malformed);
    EXPECT_EQ(message.set(41, "1234567\n").error().kind, ErrorKind::malformed);
    EXPECT_EQ(message.set(5, "1").error().kind, ErrorKind::unsupported);
    EXPECT_EQ(message.set(0, "1").error().kind, ErrorKind::unsupported);
    EXPECT_EQ(message.set(129, "1").error().kind, ErrorKind::unsupported);
    EXPECT_EQ(message.set(52, "12345678").error().kind, ErrorKind::unsupported);
    EXPECT_EQ(message.set_binary(3, unhex("000000")).error().kind, ErrorKind::unsupported);
    EXPECT_EQ(message.set_binary(52, unhex("00")).error().kind, ErrorKind::malformed);
    for (unsigned field = 0; field <= 130; ++field) EXPECT_FALSE(message.has(field));
}

TEST(Iso8583, PackRefusesAnEmptyMessageAndASmallBuffer) {
    IsoMessage message(cup_pos());
    std::array<std::uint8_t, 64> out{};
    EXPECT_EQ(pack(message, out).error().kind, ErrorKind::conflict);
    ASSERT_TRUE(message.set_mti("0800"));
    EXPECT_EQ(pack(message, out).error().kind, ErrorKind::conflict);
    ASSERT_TRUE(message.set(11, "000001") && message.set(41, "12345678"));
    const std::size_t size = pack(message, out).value();
    for (std::size_t room = 0; room < size; ++room) {
        EXPECT_EQ(pack(message, std::span(out).first(room)).error().kind, ErrorKind::denied);
    }
    EXPECT_EQ(pack(message, std::span(out).first(size)).value(), size);
}

TEST(Iso8583, ValuesAreReplacedClearedAndReset) {
    IsoMessage message(cup_pos());
    ASSERT_TRUE(message.set(44, "LONGER VALUE"));
    ASSERT_TRUE(message.set(44, "SHORT"));
    EXPECT_EQ(message.text(44), "SHORT");
    ASSERT_TRUE(message.set(44, "LONGEST VALUE OF ALL"));
    EXPECT_EQ(message.text(44), "LONGEST VALUE OF ALL");
    message.clear(44);
    message.clear(44);
    EXPECT_FALSE(message.has(44));
    EXPECT_EQ(message.text(44), std::nullopt);
    ASSERT_TRUE(message.set(44, "X") && message.set_mti("0800"));
    message.reset();
    EXPECT_FALSE(message.has(44));
    EXPECT_TRUE(message.mti().empty());
}

TEST(Iso8583, TheArenaIsUsedAgainAndHasAnEnd) {
    IsoMessage message(cup_pos());
    ASSERT_TRUE(message.set_mti("0200") && message.set(3, "000000"));
    const std::string text(900, 'a');
    for (std::size_t round = 0; round < 100; ++round) {
        for (const unsigned field : {47U, 56U, 57U}) {
            ASSERT_TRUE(message.set(field, text.substr(0, 400 + round * 5)));
        }
        ASSERT_EQ(message.text(3), "000000");
    }
    ASSERT_TRUE(message.set_binary(59, Buffer(999)) && message.set_binary(62, Buffer(999)));
    EXPECT_EQ(packed_hex(message), "iso8583: does not fit");
    for (const unsigned field : {47U, 56U, 57U}) message.clear(field);
    EXPECT_EQ(packed_hex(message).size(), 2U * (10 + 3 + 2 * (2 + 999)));
}

// Every complaint names the field and the byte.
TEST(Iso8583, ErrorsNameTheFieldAndTheByte) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "0@0 iso8583: mti cut short"},
        {"08", "0@1 iso8583: mti cut short"},
        {"0A00 2000000000000000 000000", "0@0 iso8583: mti"},
        {"1800 2000000000000000 000000", "0@0 iso8583: mti of another version"},
        {"0800 2000", "0@4 iso8583: bitmap cut short"},
        {"0800 0000000000000000", "0@2 iso8583: no field"},
        {"0800 2800000000000000 000000", "5@13 iso8583: field is not in the dialect"},
        {"0800 2000000000000000 0000", "3@10 iso8583: value cut short"},
        {"0800 2000000000000000 00A000", "3@11 iso8583: digit"},
        {"0800 2000000000000000 000000 00", "0@13 iso8583: bytes behind the last field"},
        {"0800 4000000000000000", "2@10 iso8583: length cut short"},
        {"0800 4000000000000000 1A", "2@10 iso8583: length is no number"},
        {"0800 4000000000000000 20 62", "2@10 iso8583: length out of range"},
        {"0800 4000000000000000 00", "2@10 iso8583: length out of range"},
        {"0800 4000000000000000 13 62109400000001", "2@17 iso8583: pad"},
        {"0800 4000000000000000 13 621094000000D0", "2@17 iso8583: digit"},
        {"0800 0000040000000000 0721", "22@11 iso8583: pad"},
        {"0800 0000020000000000 1001", "23@10 iso8583: pad"},
        {"0800 0000020000000000 0A01", "23@10 iso8583: digit"},
        {"0800 0000000020000000 03 6E20", "35@11 iso8583: digit"},
        {"0800 0000000000800000 3132333435360738", "41@16 iso8583: character"},
        {"0800 0000000000000100 1000", "56@10 iso8583: length out of range"},
        {"0800 0000000000000100 00A0", "56@10 iso8583: length is no number"},
        {"0800 0000000000000100 0001", "56@12 iso8583: value cut short"},
    };
    for (const auto& [hex, expected] : cases) EXPECT_EQ(complaint(cup_pos(), hex), expected) << hex;
    EXPECT_EQ(complaint(dialect_of("field 47 b binary lll_bcd digits 1-25 none public k\n"),
                        "0800 0000000000020000 0003 0A0B"),
              "47@10 iso8583: half a byte");
}

TEST(Iso8583, AMessageHasALimit) {
    IsoMessage message(cup_pos());
    EXPECT_EQ(unpack(Buffer(iso_message_bytes_max + 1), message).error().kind, ErrorKind::denied);
}

TEST(Iso8583, MacInputEndsInFrontOfField64) {
    const auto with = unhex("0200 2000000000000001 000000 4142434445464748");
    EXPECT_EQ(to_hex(mac_input(with)), "02002000000000000001000000");
    EXPECT_TRUE(mac_input(unhex("0200 2000000000000000 000000")).empty());
    EXPECT_TRUE(mac_input(Bytes(with).first(17)).empty());
}

TEST(Iso8583, DescribesWithoutWhatALogMustNotHold) {
    IsoMessage message(cup_pos());
    ASSERT_TRUE(message.set_mti("0200") && message.set(2, "6210940000000001") &&
                message.set(4, "000000001000") && message.set(35, "6210940000000001=30122010000") &&
                message.set(36, "996210940000000001=1561560000") &&
                message.set_binary(52, unhex("1122334455667788")) &&
                message.set_binary(55, unhex("9F3602002A 5A08 6210940000000001 9C0100")) &&
                message.set_binary(62, Buffer(24, 0xAA)) && message.set(63, "CUP\xD6\xD0") &&
                message.set_binary(64, bytes_of("4A5B6C7D")));
    std::map<unsigned, std::string> rows;
    std::string all;
    for (const auto& row : describe(message)) {
        rows[row.field] = row.name + " " + row.value;
        all += row.value + "\n";
    }
    EXPECT_EQ(rows[0], "message_type 0200");
    EXPECT_EQ(rows[2], "primary_account_number 621094******0001");
    EXPECT_EQ(rows[4], "amount 000000001000");
    EXPECT_EQ(rows[35], "track_2 621094******0001************");
    EXPECT_EQ(rows[36], "track_3 <29 characters>");
    EXPECT_EQ(rows[52], "pin_block <8 bytes>");
    EXPECT_EQ(rows[55], "chip_data 9F36=002A 5A=<8 bytes> 9C=00");
    EXPECT_EQ(rows[62], "keys_and_parameters <24 bytes>");
    EXPECT_EQ(rows[63], "operator_or_scheme hex 435550D6D0");
    EXPECT_EQ(rows[64], "message_authentication_code <8 bytes>");
    for (const char* secret :
         {"6210940000000001", "3012", "1122334455667788", "AAAA", "4A5B6C7D", "3441354236433744"}) {
        EXPECT_EQ(all.find(secret), std::string::npos) << secret;
    }
}

TEST(Iso8583, ChipDataThatIsNoTlvIsNotShown) {
    IsoMessage message(cup_pos());
    ASSERT_TRUE(message.set_mti("0200") && message.set_binary(55, unhex("5A08 621094")));
    EXPECT_EQ(describe(message).back().value, "<5 bytes, not TLV>");
}

// ---- What holds for every message
// ----------------------------------------------------------------

std::string random_text(testing::Prng& prng, const FieldSpec& spec, std::size_t size) {
    std::string_view alphabet = "0123456789";
    if (spec.format == FieldFormat::z) alphabet = "0123456789=";
    if (spec.format == FieldFormat::an) alphabet = "0123456789 ABCabcXYZxyz";
    if (spec.format == FieldFormat::ans) alphabet = "0123456789 Az!#~";
    if (spec.format == FieldFormat::gbk) alphabet = "0 Az~\x80\xD6\xFE";
    std::string text;
    while (text.size() < size) {
        text += alphabet[prng.below(static_cast<unsigned>(alphabet.size()))];
    }
    return text;
}

std::map<unsigned, std::string> fill(testing::Prng& prng, IsoMessage& message) {
    std::map<unsigned, std::string> values;
    const std::string version(1, message.dialect().version());
    EXPECT_TRUE(message.set_mti(version + (prng.below(2) == 0 ? "200" : "810")));
    for (unsigned field = 2; field <= iso_field_max; ++field) {
        const FieldSpec& spec = message.dialect().field(field);
        if (!spec.defined || (field != 11 && prng.below(3) == 0)) continue;
        const unsigned range = std::min(spec.size_max - spec.size_min + 1U, 60U);
        const std::size_t size = spec.size_min + prng.below(range);
        if (spec.encoding == FieldEncoding::binary) {
            const Buffer value = prng.bytes(size);
            EXPECT_TRUE(message.set_binary(field, value));
            values[field] = to_hex(value);
        } else {
            const std::string value = random_text(prng, spec, size);
            EXPECT_TRUE(message.set(field, value));
            values[field] = to_hex(bytes_of(value));
        }
    }
    return values;
}

std::map<unsigned, std::string> contents(const IsoMessage& message) {
    std::map<unsigned, std::string> values;
    message.for_each([&](unsigned field) {
        const auto text = message.text(field);
        values[field] = to_hex(text ? bytes_of(*text) : message.binary(field).value());
    });
    return values;
}

TEST(Iso8583, ABitmapInTextIsUpperCaseHex) {
    const Dialect dialect = Dialect::parse(
                                "dialect t\nversion 0\nmti ascii\nbitmap auto hex\n"
                                "field 11 n ascii fixed characters 6 none public trace\n"
                                "field 70 n ascii fixed characters 3 none public code\n")
                                .value();
    IsoMessage message(dialect);
    const std::string text = "080080200000000000000400000000000000000123301";
    ASSERT_TRUE(unpack(bytes_of(text), message));
    EXPECT_EQ(message.text(11), "000123");
    EXPECT_EQ(message.text(70), "301");
    EXPECT_EQ(unhex(packed_hex(message)), Buffer(text.begin(), text.end()));
    // Where it is no hex, or not the hex that would be written, the digit is named.
    for (const char wrong : {'g', 'G', 'a', ' ', '/', ':', '@'}) {
        std::string bad = text;
        bad[9] = wrong;
        const auto read = unpack(bytes_of(bad), message);
        ASSERT_FALSE(read) << wrong;
        EXPECT_EQ(read.error().at, 9U);
        EXPECT_EQ(read.error().detail, 0U);
    }
    EXPECT_EQ(unpack(bytes_of(text.substr(0, 30)), message).error().at, 30U);
}

TEST(Iso8583, WhatIsPackedIsUnpacked) {
    auto prng = testing::Prng::from_environment();
    for (const Dialect* dialect : shipped_dialects()) {
        IsoMessage message(*dialect);
        IsoMessage read(*dialect);
        for (int round = 0; round < 400; ++round) {
            message.reset();
            const auto values = fill(prng, message);
            ASSERT_EQ(contents(message), values) << "SEED=" << prng.seed();
            std::array<std::uint8_t, iso_message_bytes_max> out{};
            const std::size_t size = pack(message, out).value();
            ASSERT_TRUE(unpack(Bytes(out).first(size), read)) << "SEED=" << prng.seed();
            ASSERT_EQ(contents(read), values) << "SEED=" << prng.seed();
            ASSERT_EQ(read.mti(), message.mti());
            ASSERT_EQ(packed_hex(read), to_hex(Bytes(out).first(size)));
        }
    }
}

// Whatever a flipped bit makes of a message, it is refused or it packs to the same bytes.
TEST(Iso8583, FlippedBitsAreRefusedOrKept) {
    auto prng = testing::Prng::from_environment();
    unsigned refused = 0;
    for (const Dialect* dialect : shipped_dialects()) {
        IsoMessage message(*dialect);
        for (int round = 0; round < 8; ++round) {
            message.reset();
            fill(prng, message);
            Buffer bytes = unhex(packed_hex(message));
            for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
                const auto mask = static_cast<std::uint8_t>(1U << (bit % 8));
                bytes[bit / 8] ^= mask;
                if (unpack(bytes, message)) {
                    ASSERT_EQ(packed_hex(message), to_hex(bytes)) << "SEED=" << prng.seed();
                } else {
                    ++refused;
                }
                bytes[bit / 8] ^= mask;
            }
        }
    }
    EXPECT_GT(refused, 1000U);
}

}  // namespace
}  // namespace softpos::codec
