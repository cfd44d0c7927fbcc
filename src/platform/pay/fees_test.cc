// Fee tables: what they compute, and what they refuse to be.
#include "platform/pay/fees.h"

#include "testing/prng.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

#include <charconv>
#include <fstream>
#include <sstream>

namespace softpos::pay {
namespace {

constexpr std::string_view head = "fees 3\nvalid-from 20260101\n";

std::string shipped_table() {
    std::ifstream file("data/fees/card.fees");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

Result<FeeTable> parse(std::string_view rows) {
    return FeeTable::parse(std::string(head) + std::string(rows));
}

TEST(Fees, ShippedTableGivesTheExamples) {
    const auto table = FeeTable::parse(shipped_table());
    ASSERT_TRUE(table) << table.error().detail;
    for (const auto& vector : testing::read_vectors("fees.vec")) {
        FeeTable::Case of{
            .product =
                vector.at("Product") == "card" ? FeeProduct::card : FeeProduct::small_contactless,
            .card = vector.at("Card") == "debit" ? CardClass::debit : CardClass::credit};
        const std::string amount = vector.at("Amount");
        std::from_chars(amount.data(), amount.data() + amount.size(), of.amount_minor);
        const auto quote = table->quote(of);
        ASSERT_TRUE(quote) << vector.name;
        std::ostringstream fee;
        fee << quote->fee.merchant_minor << ' ' << quote->fee.issuer_minor << ' '
            << quote->fee.network_minor << ' ' << quote->fee.margin_minor();
        EXPECT_EQ(fee.str(), vector.at("Fee")) << vector.name;
    }
}

TEST(Fees, ARateHasACapAndAFixedPart) {
    const auto table = parse("card debit 0 5000/2000+30 0 0 none");
    ASSERT_TRUE(table);
    EXPECT_EQ(table->version(), 3U);
    EXPECT_EQ(table->quote({FeeProduct::card, CardClass::debit, 1'000})->fee.merchant_minor, 35);
    EXPECT_EQ(table->quote({FeeProduct::card, CardClass::debit, 10'000'000})->fee.merchant_minor,
              2'000);
    EXPECT_EQ(table->quote({FeeProduct::qr, CardClass::debit, 1}).error().kind,
              ErrorKind::not_found);
    EXPECT_EQ(table->quote({FeeProduct::card, CardClass::debit, 0}).error().kind,
              ErrorKind::malformed);
}

TEST(Fees, ABrokenTableIsRefusedWithItsLine) {
    const std::vector<std::string_view> broken{
        "card debit 0 5000 0 0",
        "card debit 0 5000 0 0 none more",
        "card gold 0 5000 0 0 none",
        "card debit 0 1000001 0 0 none",
        "card debit 0 -1 0 0 none",
        "card debit 0 5000/0 0 0 none",
        "card debit 0 5000/10+20 0 0 none",
        "card debit 0 5,000 0 0 none",
        "card debit 0 5000 0 0 some",
        "card debit 0 99999999999999999999 0 0 none",
    };
    for (const auto row : broken) {
        const auto table = parse(row);
        ASSERT_FALSE(table) << row;
        EXPECT_EQ(table.error().detail, 3U) << row;
    }
    EXPECT_FALSE(FeeTable::parse(""));
    EXPECT_FALSE(FeeTable::parse(head));
    EXPECT_FALSE(FeeTable::parse("card debit 0 1 0 0 none"));
    EXPECT_FALSE(parse("card debit 1000 5000 0 0 none"));  // Nothing for any amount.
    EXPECT_FALSE(parse("card debit 0 1 0 0 none\ncard debit 0 2 0 0 none"));
    EXPECT_FALSE(FeeTable::parse(std::string(FeeTable::text_bytes_max + 1, '\n')));
}

TEST(Fees, RefundsInPartsGiveBackExactlyWhatTheRuleSays) {
    testing::Prng prng = testing::Prng::from_environment();
    for (int round = 0; round < 500; ++round) {
        RefundedFee of{.sale_minor = 1 + prng.below(100'000)};
        of.charged.merchant_minor = prng.below(1'000);
        of.charged.issuer_minor = prng.below(500);
        for (const auto rule :
             {FeeReturn::none, FeeReturn::proportional, FeeReturn::full_on_last}) {
            of.rule = rule;
            of.refunded_minor = 0;
            std::int64_t back = 0;
            while (of.refunded_minor < of.sale_minor) {
                const auto left = static_cast<unsigned>(of.sale_minor - of.refunded_minor);
                of.refund_minor = 1 + prng.below(left);
                const std::int64_t part = fee_returned(of).merchant_minor;
                EXPECT_GE(part, 0);
                back += part;
                EXPECT_LE(back, of.charged.merchant_minor) << "SEED=" << prng.seed();
                of.refunded_minor += of.refund_minor;
            }
            const std::int64_t all = rule == FeeReturn::none ? 0 : of.charged.merchant_minor;
            EXPECT_EQ(back, all) << "SEED=" << prng.seed();
        }
    }
}

}  // namespace
}  // namespace softpos::pay
