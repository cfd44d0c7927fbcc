// What the issuers approve, and every reason not to.
#include "world/sim/issuer.h"

#include "testing/prng.h"
#include "world/sim/sim_test_support.h"

#include <gtest/gtest.h>

namespace softpos::sim {
namespace {

using card::CryptogramType;
using test::TestCard;

constexpr std::int64_t balance = 100'000;
constexpr std::int64_t amount = 12'800;

class IssuerTest : public ::testing::Test {
protected:
    IssuerTest() {
        CHECK(load_issuers(host::data_path("cards"), issuer_).has_value());
        issuer_.open_account(card_.pan(), balance);
    }

    std::string ask(Bytes field55, std::int64_t asked = amount) {
        return ask(card_, field55, asked);
    }
    std::string ask(const TestCard& card, Bytes field55, std::int64_t asked,
                    std::string_view psn = "00") {
        const std::string pan = card.pan();
        return issuer_.authorise({.pan = pan,
                                  .psn = psn,
                                  .expiry_yymm = card.profile().expiry,
                                  .business_date = test::today,
                                  .amount_minor = asked,
                                  .field55 = field55});
    }

    Issuer issuer_;
    TestCard card_{"debit"};
};

TEST_F(IssuerTest, TakesAnApprovedAmountFromTheAccount) {
    EXPECT_EQ(ask(card_.tap(amount)), "00");
    EXPECT_EQ(issuer_.balance_minor(card_.pan()), balance - amount);
    EXPECT_EQ(issuer_.total_minor(), balance - amount);
}

TEST_F(IssuerTest, ApprovesTheCardsOfBothIssuers) {
    TestCard credit("credit");
    issuer_.open_account(credit.pan(), balance);
    EXPECT_EQ(ask(credit, credit.tap(amount), amount, "01"), "00");
    EXPECT_EQ(issuer_.total_minor(), 2 * balance - amount);
}

TEST_F(IssuerTest, GivesBackWhatIsCredited) {
    ASSERT_EQ(ask(card_.tap(amount)), "00");
    issuer_.credit(card_.pan(), amount);
    EXPECT_EQ(issuer_.balance_minor(card_.pan()), balance);
}

TEST_F(IssuerTest, KnowsNoCardWithoutAnAccount) {
    TestCard other("credit");
    EXPECT_EQ(ask(other, other.tap(amount), amount), "14");
    issuer_.credit(other.pan(), amount);
    EXPECT_EQ(issuer_.balance_minor(other.pan()), 0);
}

TEST_F(IssuerTest, ServesNoForeignBin) {
    issuer_.open_account("4111111111111111", balance);
    EXPECT_EQ(issuer_.authorise({.pan = "4111111111111111",
                                 .psn = "00",
                                 .expiry_yymm = "3012",
                                 .business_date = test::today,
                                 .amount_minor = amount,
                                 .field55 = card_.tap(amount)}),
              "15");
}

TEST_F(IssuerTest, DeclinesAnExpiredCard) {
    TestCard expired("expired");
    issuer_.open_account(expired.pan(), balance);
    EXPECT_EQ(ask(expired, expired.tap(amount), amount), "54");
    EXPECT_EQ(issuer_.balance_minor(expired.pan()), balance);
}

TEST_F(IssuerTest, ApprovesUntilTheLastFenAndNoFurther) {
    EXPECT_EQ(ask(card_.tap(balance), balance), "00");
    EXPECT_EQ(ask(card_.tap(1), 1), "51");
    EXPECT_EQ(issuer_.balance_minor(card_.pan()), 0);
}

// What the card signed and what is asked for must be the same money.
TEST_F(IssuerTest, DeclinesAnotherAmountThanTheCardSigned) {
    EXPECT_EQ(ask(card_.tap(amount), amount + 1), "63");
    EXPECT_EQ(issuer_.balance_minor(card_.pan()), balance);
}

TEST_F(IssuerTest, DeclinesAChangedAmountInTheChipData) {
    Buffer field55 = card_.tap(amount);
    const Buffer signed_amount = test::bcd_amount(amount);
    const Buffer more = test::bcd_amount(amount * 2);
    const auto at = std::ranges::search(field55, signed_amount).begin();
    ASSERT_NE(at, field55.end());
    std::ranges::copy(more, at);
    EXPECT_EQ(ask(field55, amount * 2), "63");
}

TEST_F(IssuerTest, DeclinesEveryBitFlipInTheCryptogram) {
    const Buffer field55 = card_.tap(amount);
    constexpr std::size_t cryptogram_at = 3;  // Behind 9F26 08.
    for (std::size_t bit = 0; bit < 64; ++bit) {
        Buffer changed = field55;
        changed[cryptogram_at + bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        ASSERT_EQ(ask(changed), "63") << bit;
    }
    EXPECT_EQ(ask(field55), "00");
}

TEST_F(IssuerTest, DeclinesTheCryptogramOfAnotherCard) {
    TestCard other("pin");
    ASSERT_NE(other.pan(), card_.pan());
    EXPECT_EQ(ask(other.tap(amount)), "63");
}

TEST_F(IssuerTest, DeclinesWhatTheCardItselfDeclined) {
    EXPECT_EQ(ask(card_.tap(amount, CryptogramType::aac)), "63");
}

TEST_F(IssuerTest, TakesEachTapOnce) {
    const Buffer field55 = card_.tap(amount);
    EXPECT_EQ(ask(field55), "00");
    EXPECT_EQ(ask(field55), "94");
    EXPECT_EQ(issuer_.balance_minor(card_.pan()), balance - amount);
}

TEST_F(IssuerTest, LetsTheCountersOfACardOnlyRise) {
    EXPECT_EQ(ask(card_.tap_with(amount, 7, CryptogramType::arqc)), "00");
    EXPECT_EQ(ask(card_.tap_with(amount, 6, CryptogramType::arqc)), "94");
    EXPECT_EQ(ask(card_.tap_with(amount, 8, CryptogramType::arqc)), "00");
}

// A declined tap was used all the same.
TEST_F(IssuerTest, CountsATapThatHadNoMoneyBehindIt) {
    const Buffer field55 = card_.tap(balance * 2);
    EXPECT_EQ(ask(field55, balance * 2), "51");
    issuer_.open_account(card_.pan(), balance * 3);
    EXPECT_EQ(ask(field55, balance * 2), "94");
}

TEST_F(IssuerTest, WantsEveryObjectThatTheCryptogramIsOver) {
    const Buffer whole = card_.tap(amount);
    for (const std::uint32_t missing :
         {0x9F26U, 0x9F10U, 0x9F37U, 0x9F36U, 0x95U, 0x9AU, 0x9CU, 0x9F02U, 0x5F2AU, 0x82U}) {
        Buffer rest;
        codec::TlvReader reader(whole);
        for (auto object = reader.next(); object && *object; object = reader.next()) {
            if ((*object)->tag == codec::Tag{missing}) continue;
            codec::TlvWriter(rest).put((*object)->tag, (*object)->value);
        }
        EXPECT_EQ(ask(rest), "99") << missing;
    }
    EXPECT_EQ(ask(whole), "00") << "nothing above used the tap up";
}

// Whatever is changed in it, one tap never takes more than its amount, once.
TEST_F(IssuerTest, TakesAtMostTheAmountForRandomlyChangedChipData) {
    auto prng = testing::Prng::from_environment();
    const Buffer whole = card_.tap(amount);
    std::int64_t approved = 0;
    for (int round = 0; round < 2'000; ++round) {
        Buffer field55 = whole;
        for (unsigned changes = 1 + prng.below(4); changes > 0; --changes) {
            field55[prng.below(static_cast<unsigned>(field55.size()))] ^=
                static_cast<std::uint8_t>(1 + prng.below(255));
        }
        if (prng.below(4) == 0) field55.resize(prng.below(static_cast<unsigned>(field55.size())));
        if (ask(field55) == "00") ++approved;
    }
    EXPECT_LE(approved, 1) << "SEED=" << prng.seed();
    EXPECT_EQ(issuer_.balance_minor(card_.pan()), balance - approved * amount)
        << "SEED=" << prng.seed();
}

TEST(LoadIssuers, NeedsAFolderWithIssuers) {
    Issuer issuer;
    EXPECT_FALSE(load_issuers("/nonexistent", issuer).has_value());
    EXPECT_FALSE(load_issuers(host::data_path("fees"), issuer).has_value());
}

}  // namespace
}  // namespace softpos::sim
