// Keys and cryptograms: against the published example, and card against issuer.
#include "world/card/cryptogram.h"

#include "base/hex.h"
#include "codec/ber_tlv.h"
#include "testing/vectors.h"
#include "world/card/test_cards.h"

#include <gtest/gtest.h>

namespace softpos::card {
namespace {

using codec::Tag;
using testing::unhex;

// The text of one member of the shared example; it is flat enough for this.
std::string member(const std::string& json, const std::string& name) {
    const std::size_t key = json.find('"' + name + '"');
    CHECK(key != std::string::npos);
    const std::size_t start = json.find('"', json.find(':', key)) + 1;
    return json.substr(start, json.find('"', start) - start);
}

// [["9F02","000000000000"], ...]: the values behind one another.
Buffer listed_values(const std::string& json) {
    Buffer values;
    std::size_t at = json.find('[', json.find("\"data\""));
    for (int depth = 0; at < json.size(); ++at) {
        if (json[at] == '[') ++depth;
        if (json[at] == ']' && --depth == 0) break;
        if (json[at] != '"' || depth != 2) continue;
        const std::size_t tag_end = json.find('"', at + 1);
        const std::size_t start = json.find('"', tag_end + 1) + 1;
        const std::size_t end = json.find('"', start);
        append(values, unhex(json.substr(start, end - start)));
        at = end;
    }
    return values;
}

TEST(Cryptogram, KeysOfThePublishedExampleHold) {
    const auto json = testing::read_shared("emv/cryptogram/unionpay_arqc.json");
    if (!json) GTEST_SKIP() << "no shared cases";
    // The example gives PAN and sequence number as one number of 16 digits.
    const std::string y = member(*json, "y");
    IssuerProfile issuer{.name = "example",
                         .bin = "201100",
                         .dki = 1,
                         .mdk = SecretBytes::copy_of(unhex(member(*json, "mdk_ac")))};
    CardProfile card = test::profile("debit");
    card.pan = Pan::parse(y.substr(0, 14)).value();
    card.psn = y.substr(14);
    issuer.bin = y.substr(0, 6);
    const CardData data = personalise(std::move(card), issuer).value();
    EXPECT_EQ(to_hex(data.card_key.bytes()), member(*json, "udk"));

    const auto atc = unhex(member(*json, "atc"));
    const auto session_key = crypto::unionpay_session_key(
        data.card_key.bytes(), static_cast<std::uint16_t>(atc[0] << 8 | atc[1]));
    EXPECT_EQ(to_hex(session_key.value().bytes()), member(*json, "sk"));
}

// The example's list does not name 95 and 5F2A, but its cryptogram is over both: no result of the
// verification and CNY, which is what its terminal in China has.
TEST(Cryptogram, CryptogramOfThePublishedExampleHolds) {
    const auto json = testing::read_shared("emv/cryptogram/unionpay_arqc.json");
    if (!json) GTEST_SKIP() << "no shared cases";
    const Buffer values = listed_values(*json);
    ASSERT_EQ(values.size(), 30U);
    const Buffer tvr(5), currency = unhex("0156");
    ByteReader in(values);
    CryptogramInput input{};
    input.amount = *in.take(6);
    input.amount_other = *in.take(6);
    input.terminal_country = *in.take(2);
    input.tvr = tvr;
    input.currency = currency;
    input.date = *in.take(3);
    input.type = *in.take(1);
    input.unpredictable = *in.take(4);
    input.aip = *in.take(2);
    const Bytes atc = *in.take(2);
    input.atc = static_cast<std::uint16_t>(atc[0] << 8 | atc[1]);
    input.cvr = *in.take(4);
    EXPECT_EQ(to_hex(compute_cryptogram(unhex(member(*json, "udk")), input).value()),
              member(*json, "arqc"));
}

// Field 55 as a terminal would send it for a cryptogram of this card.
class Field55 : public ::testing::Test {
protected:
    Field55() {
        const CardData data = personalise(test::profile("debit"), issuer_).value();
        const auto iad = make_iad(1, CryptogramType::arqc);
        const Buffer amount = unhex("000000012345"), zeros(6), country = unhex("0156"), tvr(5),
                     date = unhex("261122"), type(1), un = unhex("11223344"), aip = unhex("0800");
        const auto cryptogram =
            compute_cryptogram(data.card_key.bytes(), {.amount = amount,
                                                       .amount_other = zeros,
                                                       .terminal_country = country,
                                                       .tvr = tvr,
                                                       .currency = country,
                                                       .date = date,
                                                       .type = type,
                                                       .unpredictable = un,
                                                       .aip = aip,
                                                       .cvr = Bytes(iad).subspan(3, 4),
                                                       .atc = 0x0102});
        put(0x9F26, cryptogram.value());
        put(0x9F27, unhex("80"));
        put(0x9F10, iad);
        put(0x9F37, un);
        put(0x9F36, unhex("0102"));
        put(0x95, tvr);
        put(0x9A, date);
        put(0x9C, type);
        put(0x9F02, amount);
        put(0x5F2A, country);
        put(0x82, aip);
        put(0x9F1A, country);
        put(0x9F03, zeros);
    }

    void put(std::uint32_t tag, Bytes value) {
        objects_.push_back({tag, Buffer(value.begin(), value.end())});
    }

    Result<IssuerCheck> check(std::string_view psn = "00") const {
        Buffer field55;
        for (const auto& [tag, value] : objects_) codec::TlvWriter(field55).put(Tag{tag}, value);
        return check_field55(issuer_, Pan::parse("6210948000000003").value(), psn, field55);
    }

    IssuerProfile issuer_ = parse_issuer(test::read_data("bank-a.issuer")).value();
    std::vector<std::pair<std::uint32_t, Buffer>> objects_;
};

TEST_F(Field55, GenuineCryptogramIsFoundSo) {
    const IssuerCheck found = check().value();
    EXPECT_TRUE(found.genuine);
    EXPECT_EQ(found.type, CryptogramType::arqc);
    EXPECT_EQ(found.atc, 0x0102);
    EXPECT_FALSE(check("01").value().genuine);
}

TEST_F(Field55, EveryBitOfEveryCheckedObjectCounts) {
    for (auto& [tag, value] : objects_) {
        if (tag == 0x9F27 || tag == 0x9F10) continue;  // Not under the cryptogram; see below.
        for (std::size_t bit = 0; bit < value.size() * 8; ++bit) {
            value[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
            const auto found = check();
            ASSERT_TRUE(found);
            EXPECT_FALSE(found->genuine) << std::hex << tag << " bit " << std::dec << bit;
            value[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        }
    }
}

TEST_F(Field55, DecisionCannotBeTurnedAround) {
    objects_[2].second = unhex("0701010390000001");  // TC instead of ARQC.
    EXPECT_FALSE(check().value().genuine);
    objects_[2].second = unhex("07010103B0000001");  // RFU.
    EXPECT_EQ(check().error().kind, ErrorKind::malformed);
}

TEST_F(Field55, IssuersOwnBytesBehindTheSchemesAreAllowed) {
    append(objects_[2].second, unhex("0A010000038787868FD1FC"));
    EXPECT_TRUE(check().value().genuine);
}

TEST_F(Field55, MissingObjectIsNamed) {
    for (std::size_t i = 0; i < objects_.size(); ++i) {
        auto whole = objects_;
        const std::uint32_t tag = objects_[i].first;
        objects_.erase(objects_.begin() + static_cast<std::ptrdiff_t>(i));
        const auto found = check();
        if (tag == 0x9F27) {
            EXPECT_TRUE(found->genuine);  // Built by the terminal; nothing hangs on it.
        } else {
            ASSERT_FALSE(found) << std::hex << tag;
            EXPECT_EQ(found.error().detail, tag);
        }
        objects_ = std::move(whole);
    }
}

TEST_F(Field55, OtherKeyIndexOrVersionIsUnsupported) {
    for (const char* iad : {"07020103A0000001", "07011703A0000001", "07010103A0000004"}) {
        objects_[2].second = unhex(iad);
        EXPECT_EQ(check().error().kind, ErrorKind::unsupported) << iad;
    }
    for (const char* iad : {"06010103A00001", "07010103A00000", "07010102A0000001"}) {
        objects_[2].second = unhex(iad);
        EXPECT_EQ(check().error().kind, ErrorKind::malformed) << iad;
    }
}

}  // namespace
}  // namespace softpos::card
