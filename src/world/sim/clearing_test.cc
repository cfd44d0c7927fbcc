// The network's clearing file, read back as the platform reads it.
#include "world/sim/clearing.h"

#include "platform/channel/clearing_file.h"
#include "world/sim/sim_test_support.h"

#include <gtest/gtest.h>

#include <sstream>

namespace softpos::sim {
namespace {

using channel::ClearingColumn;
using channel::ClearingRow;
using test::Sale;
using test::TestCard;
using test::TestTerminal;

class ClearingTest : public ::testing::Test {
protected:
    ClearingTest() {
        CHECK(load_issuers(host::data_path("cards"), issuer_).has_value());
        issuer_.open_account(debit_.pan(), 10'000'000);
        issuer_.open_account(credit_.pan(), 10'000'000);
        CHECK(terminal_.register_at_host().has_value());
        CHECK(terminal_.sign_in().code == "00");
    }
    Sale sell(TestCard& card, std::int64_t amount) {
        Sale sale;
        EXPECT_EQ(terminal_.purchase(card, amount, &sale).code, "00");
        return sale;
    }
    std::vector<ClearingRow> rows(std::uint32_t date) {
        std::istringstream file(write_clearing(host_, date, fees_).value());
        std::vector<ClearingRow> found;
        for (std::string line; std::getline(file, line);) {
            const auto row =
                channel::parse_clearing_line(line, static_cast<std::uint32_t>(found.size() + 1));
            EXPECT_TRUE(row.has_value()) << line;
            if (row) found.push_back(*row);
        }
        return found;
    }

    pay::FeeTable fees_ = pay::FeeTable::parse(host::read_data("fees/card.fees").value()).value();
    Issuer issuer_;
    SeededRandom random_{7};
    NetworkHost host_{test::dialect(), {.business_date = test::today}, issuer_, random_};
    TestCard debit_{"debit"}, credit_{"credit"};
    TestTerminal terminal_{host_, "10000001", "826290058120001"};
};

TEST_F(ClearingTest, IsEmptyWhereNothingWasSold) {
    EXPECT_TRUE(write_clearing(host_, test::today, fees_).value().empty());
}

TEST_F(ClearingTest, HasALineWithEverythingAboutASale) {
    const Sale sale = sell(debit_, 12'800);
    const auto lines = rows(test::today);
    ASSERT_EQ(lines.size(), 1U);
    const ClearingRow& row = lines[0];
    EXPECT_EQ(row.at(ClearingColumn::trace), "000002") << "the sign-in was 1";
    EXPECT_EQ(row.at(ClearingColumn::pan), debit_.pan());
    EXPECT_EQ(row.amount_minor(), 12'800);
    EXPECT_FALSE(row.gives_back());
    EXPECT_EQ(row.at(ClearingColumn::mti), "0200");
    EXPECT_EQ(row.at(ClearingColumn::processing), "000000");
    EXPECT_EQ(row.at(ClearingColumn::terminal), "10000001");
    EXPECT_EQ(row.at(ClearingColumn::merchant), "826290058120001");
    EXPECT_EQ(row.at(ClearingColumn::reference), sale.rrn);
    EXPECT_EQ(row.at(ClearingColumn::approval), sale.auth);
    EXPECT_EQ(row.at(ClearingColumn::response), "00");
    EXPECT_EQ(row.at(ClearingColumn::transmission_time), "1122120000");
    // A small one without PIN: issuer 0.273 % = 34.94 fen, network 0.0195 % = 2.50 fen.
    EXPECT_EQ(row.fee_minor(ClearingColumn::fee_payable), -(35 + 2));
}

TEST_F(ClearingTest, ChargesACreditCardByItsOwnRates) {
    sell(credit_, 100'100);  // Above what is small.
    const auto lines = rows(test::today);
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0].at(ClearingColumn::pan), credit_.pan()) << "19 digits fill the column";
    // 0.45 % and 0.0325 %.
    EXPECT_EQ(lines[0].fee_minor(ClearingColumn::fee_payable), -(450 + 33));
}

TEST_F(ClearingTest, GivesTheFeeOfAVoidedSaleBack) {
    const Sale sale = sell(debit_, 12'800);
    ASSERT_EQ(terminal_.void_sale(debit_, sale).code, "00");
    const auto lines = rows(test::today);
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_TRUE(lines[1].gives_back());
    EXPECT_EQ(lines[1].at(ClearingColumn::processing), "200000");
    EXPECT_EQ(lines[1].at(ClearingColumn::original_trace), lines[0].at(ClearingColumn::trace));
    EXPECT_EQ(lines[0].fee_minor(ClearingColumn::fee_payable) +
                  lines[1].fee_minor(ClearingColumn::fee_receivable),
              0);
}

TEST_F(ClearingTest, ListsARefundOnTheDayItWasMade) {
    const Sale sale = sell(debit_, 12'800);
    host_.cut_over();
    ASSERT_EQ(terminal_.sign_in().code, "00");
    ASSERT_EQ(terminal_.refund(debit_, sale, 3'000).code, "00");
    EXPECT_EQ(rows(test::today).size(), 1U);
    const auto lines = rows(next_date(test::today));
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_TRUE(lines[0].gives_back());
    EXPECT_EQ(lines[0].at(ClearingColumn::mti), "0220");
    EXPECT_EQ(lines[0].amount_minor(), 3'000);
    EXPECT_EQ(lines[0].fee_minor(ClearingColumn::fee_payable), 0);
}

TEST_F(ClearingTest, LeavesOutWhatWasReversedOrDeclined) {
    const Sale sale = sell(debit_, 12'800);
    ASSERT_EQ(terminal_.reverse(debit_, sale).code, "00");
    ASSERT_EQ(terminal_.purchase(debit_, 1'051).code, "51");
    EXPECT_TRUE(rows(test::today).empty());
}

// Each day by itself, together everything; the sums are those of the records.
TEST_F(ClearingTest, SumsToTheRecordsOfEachDay) {
    std::uint32_t date = test::today;
    for (int day = 0; day < 3; ++day) {
        const Sale first = sell(debit_, 1'000 + 100 * day);
        sell(credit_, 20'000);
        const Sale third = sell(debit_, 3'000);
        ASSERT_EQ(terminal_.void_sale(debit_, first).code, "00");
        ASSERT_EQ(terminal_.refund(debit_, third, 500).code, "00");
        std::int64_t amount_minor = 0, back_minor = 0;
        const std::vector<ClearingRow> lines = rows(date);
        for (const ClearingRow& row : lines) {
            (row.gives_back() ? back_minor : amount_minor) += row.amount_minor();
        }
        EXPECT_EQ(lines.size(), 5U);
        EXPECT_EQ(amount_minor, 1'000 + 100 * day + 20'000 + 3'000);
        EXPECT_EQ(back_minor, 1'000 + 100 * day + 500);
        host_.cut_over();
        ASSERT_EQ(terminal_.sign_in().code, "00");
        date = next_date(date);
    }
    EXPECT_TRUE(rows(date).empty());
}

}  // namespace
}  // namespace softpos::sim
