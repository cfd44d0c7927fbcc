// A day compared three ways.
#include "platform/pay/reconciliation.h"

#include "testing/prng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace softpos::pay {
namespace {

using enum ReconciliationKind;

constexpr BusinessDate today{20261122};

ClearingRecord record(std::uint32_t stan, std::int64_t amount) {
    ClearingRecord record;
    record.key = {today, "00000001", stan, "232612000001"};
    record.merchant = "898310058120001";
    record.amount_minor = amount;
    return record;
}

ClearingRecord near(ClearingRecord record) {
    record.near_cut_over = true;
    return record;
}

ClearingSource source(std::vector<ClearingRecord> records) {
    return [records = std::move(records),
            position = std::size_t{0}]() mutable -> Result<std::optional<ClearingRecord>> {
        if (position == records.size()) return std::nullopt;
        return records[position++];
    };
}

struct Outcome {
    Result<ReconciliationReport> report = ReconciliationReport{};
    std::map<std::uint32_t, ReconciliationKind> kinds;
};

Outcome compare(ReconciliationInput input) {
    Outcome outcome;
    input.date = today;
    outcome.report = reconcile(input, Report::everything, [&](const ReconciliationItem& item) {
        outcome.kinds[item.key.stan] = item.kind;
        return Result<void>{};
    });
    return outcome;
}

TEST(Reconciliation, EveryKindIsFoundAndTheSumsProveIt) {
    ReconciliationInput input;
    input.ours = source({record(1, 100), record(2, -50), record(4, 70), record(5, 30),
                         near(record(6, 20)), record(7, 10)});
    input.log = source({record(1, 100), record(2, -50), record(3, 5), record(4, 70), record(5, 30),
                        record(6, 20), record(9, 9)});
    input.file =
        source({record(1, 100), record(2, -50), record(3, 5), record(4, 71), record(7, 10)});
    const Outcome outcome = compare(std::move(input));
    ASSERT_TRUE(outcome.report);
    EXPECT_EQ(outcome.kinds, (std::map<std::uint32_t, ReconciliationKind>{{1, matched},
                                                                          {2, matched},
                                                                          {3, long_item},
                                                                          {4, amount_differs},
                                                                          {5, short_item},
                                                                          {6, cross_day},
                                                                          {7, not_in_log}}));
    const ReconciliationReport& report = *outcome.report;
    EXPECT_EQ(report.file_minor, 136);
    EXPECT_TRUE(report.adds_up());
    // Ours 180; booked: +5 long, +1 differs, -30 short. 20 wait for tomorrow.
    EXPECT_TRUE(clearing_proves(report, 180 + 5 + 1 - 30));
    EXPECT_FALSE(clearing_proves(report, 180));
}

TEST(Reconciliation, WhatCrossedTheDayIsFoundInTheNextFile) {
    ReconciliationItem yesterday{.kind = cross_day, .key = record(8, 0).key, .ours_minor = 20};
    yesterday.key.settlement_date = {20261121};
    ReconciliationInput input;
    input.ours =
        with_carried({carried_record(yesterday)}, today, source({record(1, 100), record(9, 1)}));
    input.log = source({record(1, 100), record(9, 1)});
    input.file = source({record(1, 100), record(8, 20), record(9, 1)});
    const Outcome outcome = compare(std::move(input));
    ASSERT_TRUE(outcome.report);
    EXPECT_EQ(outcome.kinds.at(8), matched);
    EXPECT_EQ(outcome.report->carried_minor, 20);
    EXPECT_TRUE(clearing_proves(*outcome.report, 101));
}

TEST(Reconciliation, WhatIsMissingASecondTimeIsShort) {
    ReconciliationItem yesterday{.kind = cross_day, .key = record(8, 0).key, .ours_minor = 20};
    ReconciliationInput input;
    input.ours = with_carried({carried_record(yesterday)}, today, source({}));
    input.log = source({});
    input.file = source({});
    EXPECT_EQ(compare(std::move(input)).kinds.at(8), short_item);
}

TEST(Reconciliation, InputOutOfOrderOrTwiceProvesNothing) {
    for (const std::uint32_t second : {1U, 2U}) {
        ReconciliationInput input;
        input.ours = source({record(2, 1), record(second, 1)});
        input.log = source({});
        input.file = source({});
        EXPECT_EQ(compare(std::move(input)).report.error().kind, ErrorKind::malformed);
    }
}

TEST(Reconciliation, AnyThreeSidesAddUp) {
    testing::Prng prng = testing::Prng::from_environment();
    for (int round = 0; round < 300; ++round) {
        std::array<std::vector<ClearingRecord>, 3> sides;
        std::int64_t ours = 0, booked = 0, file = 0;
        for (std::uint32_t stan = 1; stan < 40; ++stan) {
            const auto amount = static_cast<std::int64_t>(prng.below(1000)) - 300;
            for (auto& side : sides) {
                if (prng.below(8) != 0) side.push_back(record(stan, amount));
                if (!side.empty()) side.back().near_cut_over = stan > 35;
            }
            if (!sides[2].empty() && prng.below(10) == 0) sides[2].back().amount_minor += 7;
        }
        for (const auto& r : sides[0]) ours += r.amount_minor;
        for (const auto& r : sides[2]) file += r.amount_minor;
        ReconciliationInput input{.date = today, .ours = source(sides[0])};
        input.log = source(sides[1]);
        input.file = source(sides[2]);
        booked = ours;
        const auto report =
            reconcile(input, Report::exceptions, [&](const ReconciliationItem& item) {
                EXPECT_NE(item.kind, matched);
                if (item.kind != cross_day) booked += item.difference_minor();
                return Result<void>{};
            });
        ASSERT_TRUE(report);
        EXPECT_EQ(report->file_minor, file);
        EXPECT_TRUE(report->adds_up()) << "SEED=" << prng.seed();
        EXPECT_TRUE(clearing_proves(*report, booked)) << "SEED=" << prng.seed();
    }
}

}  // namespace
}  // namespace softpos::pay
