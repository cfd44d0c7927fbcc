// What of a batch is whose, and the keys by which a classic terminal's payments are found.
#include "platform/server/classic_batch.h"

#include "platform/server/classic_door.h"

#include <gtest/gtest.h>

namespace softpos::server {
namespace {

using Traces = std::vector<std::uint32_t>;

OurBatch ours() {
    OurBatch batch;
    batch.totals = {.debit_minor = 600, .debit_count = 3};
    batch.amounts = {{1, 100}, {2, 200}, {3, 300}};
    return batch;
}

TEST(ClassicBatch, TellsWhatOnlyOneSideHasOrHasOtherwise) {
    const std::vector<channel::UploadItem> theirs{{1, 100, ""}, {3, 301, ""}, {9, 900, ""}};
    const auto difference = compare_batch(ours(), theirs, 3);
    EXPECT_EQ(difference.only_ours, Traces{2});
    EXPECT_EQ(difference.only_theirs, Traces{9});
    EXPECT_EQ(difference.other_amount, Traces{3});
    EXPECT_FALSE(difference.incomplete);
    EXPECT_EQ(difference_json(difference, {.number = "00000007", .merchant = "826290058120001"}, 4),
              R"({"terminal_id":"00000007","merchant_id":"826290058120001","batch":4,)"
              R"("only_ours":[2],"only_theirs":[9],"other_amount":[3],"incomplete":false})");
}

// A message of the upload that came twice counts once; one that never came is seen.
TEST(ClassicBatch, CountsEachPaymentOnce) {
    const std::vector<channel::UploadItem> twice{
        {1, 100, ""}, {2, 200, ""}, {3, 300, ""}, {1, 100, ""}};
    const auto same = compare_batch(ours(), twice, 3);
    EXPECT_TRUE(same.only_ours.empty() && same.only_theirs.empty() && same.other_amount.empty());
    EXPECT_FALSE(same.incomplete);
    EXPECT_TRUE(compare_batch(ours(), twice, 4).incomplete);
}

TEST(ClassicBatch, BalancesOnlyWhereEverySumAndCountIsTheSame) {
    codec::BatchTotals totals;
    totals.domestic.debit_amount_minor = 600;
    totals.domestic.debit_count = 3;
    EXPECT_TRUE(balances(ours().totals, totals));
    totals.foreign.debit_count = 1;
    EXPECT_FALSE(balances(ours().totals, totals));
    totals.foreign.debit_count = 0;
    totals.domestic.credit_amount_minor = 1;
    EXPECT_FALSE(balances(ours().totals, totals));
    totals.domestic.credit_amount_minor = 0;
    totals.domestic.debit_count = 2;
    EXPECT_FALSE(balances(ours().totals, totals));
}

TEST(ClassicKeys, ABatchIsARangeAndNoPhonesKeyIsInIt) {
    const auto range = classic_batch_keys("00000007", 4);
    for (const std::uint32_t trace : {1U, 255U, 256U, 999'999U}) {
        const Id128 key = classic_payment_key("00000007", 4, trace);
        EXPECT_TRUE(range.first < key && key < range.last) << trace;
        EXPECT_TRUE(is_classic_payment_key(key));
        EXPECT_FALSE(range.first <= classic_payment_key("00000007", 5, trace) &&
                     classic_payment_key("00000007", 5, trace) <= range.last);
        EXPECT_NE(key, classic_payment_key("00000008", 4, trace));
    }
    SeededRandom random(7);
    for (int i = 0; i < 1'000; ++i) EXPECT_FALSE(is_classic_payment_key(Id128::make(random)));
}

}  // namespace
}  // namespace softpos::server
