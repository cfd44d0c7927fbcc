// The entry point's own rules: limits at their edges, what a directory may say, collisions, and
// events out of place.
#include "phone/emv/entry_point.h"

#include "base/hex.h"
#include "phone/emv/made_up_card.h"
#include "phone/emv/preprocessing.h"
#include "phone/emv/toy_kernel.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

#include <string>

namespace softpos::emv {
namespace {

using softpos::testing::unhex;
using testing::MadeUpCard;
using testing::ToyKernel;

TEST(EntryPoint, EveryPhaseHasAnEntryForEveryEvent) {
    for (std::size_t phase = 0; phase < phases; ++phase) {
        for (std::size_t event = 0; event < event_kinds; ++event) {
            EXPECT_NE(action_for(Phase{static_cast<std::uint8_t>(phase)},
                                 EventKind{static_cast<std::uint8_t>(event)}),
                      Action::none)
                << phase << " " << event;
        }
    }
}

Combination row_with(std::int64_t limit) {
    Combination row;
    row.transaction_limit_minor = limit;
    row.floor_limit_minor = limit;
    row.cvm_limit_minor = limit;
    row.ttq = Ttq{0x20, 0xC0, 0, 0};  // What is configured in byte 2 must not survive.
    return row;
}

Indicators at(const Combination& row, std::int64_t amount) {
    TransactionData data;
    data.amount_minor = amount;
    return preprocess(row, data);
}

TEST(Preprocessing, LimitsCountAtAndFloorsAbove) {
    const auto row = row_with(500);
    EXPECT_FALSE(at(row, 499).not_allowed);
    EXPECT_TRUE(at(row, 500).not_allowed);
    EXPECT_TRUE(at(row, 501).not_allowed);
    EXPECT_FALSE(at(row, 499).cvm_limit_exceeded);
    EXPECT_TRUE(at(row, 500).cvm_limit_exceeded);
    EXPECT_FALSE(at(row, 500).floor_limit_exceeded);
    EXPECT_TRUE(at(row, 501).floor_limit_exceeded);
    EXPECT_EQ(*at(row, 499).ttq, (Ttq{0x20, 0x00, 0, 0}));
    EXPECT_EQ(*at(row, 500).ttq, (Ttq{0x20, 0x40, 0, 0}));
    EXPECT_EQ(*at(row, 501).ttq, (Ttq{0x20, 0xC0, 0, 0}));
}

TEST(Preprocessing, AbsentLimitIsNotZero) {
    Combination row;
    row.ttq = Ttq{};
    const auto free = at(row, 999'999'999'999);
    EXPECT_FALSE(free.not_allowed || free.cvm_limit_exceeded || free.floor_limit_exceeded);
    row.transaction_limit_minor = 0;
    EXPECT_TRUE(at(row, 0).not_allowed);
}

TEST(Preprocessing, TerminalFloorCountsOnlyWithoutTheReaders) {
    Combination row;
    row.terminal_floor_limit_minor = 10;
    EXPECT_TRUE(at(row, 11).floor_limit_exceeded);
    row.floor_limit_minor = 100;
    EXPECT_FALSE(at(row, 11).floor_limit_exceeded);
}

TEST(Preprocessing, ZeroAmountNeedsAReaderThatCanGoOnline) {
    Combination row;
    row.ttq = Ttq{0x20, 0, 0, 0};
    EXPECT_TRUE(at(row, 0).zero_amount);
    EXPECT_EQ((*at(row, 0).ttq)[1], 0x80);
    row.ttq = Ttq{0x28, 0, 0, 0};
    EXPECT_TRUE(at(row, 0).not_allowed);
    row.ttq = Ttq{0x20, 0, 0, 0};
    row.zero_amount_allowed = false;
    EXPECT_TRUE(at(row, 0).not_allowed);
}

TEST(Preprocessing, StatusCheckIsOneUnitOfTheCurrency) {
    Combination row;
    row.ttq = Ttq{};
    row.status_check = true;
    EXPECT_FALSE(at(row, 99).status_check_requested);
    EXPECT_TRUE(at(row, 100).status_check_requested);
    EXPECT_FALSE(at(row, 101).status_check_requested);
}

TEST(Candidates, KernelIsRequestedByTheCardOrItsScheme) {
    EXPECT_EQ(requested_kernel(unhex("A000000333010101"), std::nullopt), 7u);
    EXPECT_EQ(requested_kernel(unhex("A0000000031010"), Bytes{}), 3u);
    EXPECT_EQ(requested_kernel(unhex("A0000001523010"), std::nullopt), 6u);
    EXPECT_EQ(requested_kernel(unhex("A0000000151010"), std::nullopt), 0u);
    EXPECT_EQ(requested_kernel(unhex("A0000000031010"), Bytes(unhex("23"))), 0x23u);
    EXPECT_EQ(requested_kernel(unhex("A0000000031010"), Bytes(unhex("810978FF"))), 0x810978u);
    EXPECT_FALSE(requested_kernel(unhex("A0000000031010"), Bytes(unhex("8109"))));
}

TEST(Candidates, LowestPriorityNumberThenTheCardsOrder) {
    CandidateList list;
    constexpr std::uint8_t priorities[] = {16, 2, 1, 1};
    for (const auto priority : priorities) list.items[list.count++].priority = priority;
    EXPECT_EQ(list.best(), 2u);
    list.drop(2);
    EXPECT_EQ(list.best(), 2u);
    list.drop(2);
    EXPECT_EQ(list.best(), 1u);
    list.drop(1);
    EXPECT_EQ(list.best(), 0u);
    list.drop(0);
    EXPECT_FALSE(list.best());
}

class ToyFixture : public ::testing::Test {
protected:
    ToyFixture() : parameters_(testing::made_up_parameters()), entry_(parameters_, kernels_) {
        data_.amount_minor = 100;
    }
    Step start() { return entry_.handle(Event::start(data_)); }
    Step feed(EventKind kind) { return entry_.handle(Event::plain(kind)); }
    Step answer(const std::string& hex) {
        const auto bytes = unhex(hex);
        return entry_.handle(Event::rapdu(bytes));
    }

    static constexpr KernelDescriptor kernels_[] = {{kernel_unionpay, "toy", &ToyKernel::step}};
    ParameterSet parameters_;
    TransactionData data_;
    EntryPoint entry_;
};

TEST_F(ToyFixture, CollisionAsksForOneCardAndGoesOnWithTheOneThatStays) {
    EXPECT_EQ(start().ui->message, Message::present_card);
    auto step = feed(EventKind::collision);
    EXPECT_EQ(step.kind, StepKind::poll);
    EXPECT_EQ(*step.ui, (UiRequest{Message::one_card_only, Status::processing_error}));
    EXPECT_FALSE(feed(EventKind::collision).ui);
    step = feed(EventKind::card_present);
    EXPECT_EQ(step.kind, StepKind::send);
    EXPECT_FALSE(step.ui);
}

TEST_F(ToyFixture, CollisionWithNobodyLeftPollsAgain) {
    start();
    feed(EventKind::collision);
    const auto step = feed(EventKind::all_withdrawn);
    EXPECT_EQ(*step.ui, (UiRequest{Message::one_card_only, Status::ready_to_read}));
    EXPECT_EQ(step.kind, StepKind::poll);
    EXPECT_EQ(feed(EventKind::card_present).kind, StepKind::send);
}

TEST_F(ToyFixture, AllCombinationsRefusedNeverTurnsTheFieldOn) {
    data_.amount_minor = 5'000'000;
    const auto step = start();
    EXPECT_EQ(step.kind, StepKind::done);
    EXPECT_EQ(step.outcome.kind, OutcomeKind::try_another_interface);
    EXPECT_EQ(step.outcome.error.cause, Cause::not_allowed);
}

TEST_F(ToyFixture, EventOutOfPlaceEndsTheTapAndSaysSo) {
    start();
    const auto step = answer("9000");
    EXPECT_EQ(step.outcome.kind, OutcomeKind::end_application);
    EXPECT_EQ(step.outcome.error.cause, Cause::unexpected_event);
    EXPECT_EQ(feed(EventKind::card_present).outcome.error.cause, Cause::unexpected_event);
    EXPECT_EQ(start().kind, StepKind::poll) << "a start always begins anew";
}

TEST_F(ToyFixture, StopEndsTheTap) {
    start();
    EXPECT_EQ(feed(EventKind::stop).outcome.error.cause, Cause::stopped);
}

TEST_F(ToyFixture, ExtendedSelectionIsAppendedToTheName) {
    start();
    feed(EventKind::card_present);
    const auto step = answer(
        "6F2E840E325041592E5359532E4444463031A51CBF0C196117"
        "4F08A000000333010102"
        "870101"
        "9F2A0107"
        "9F2903112233"
        "9000");
    EXPECT_EQ(to_hex(step.command), "00A404000BA00000033301010211223300");
}

TEST_F(ToyFixture, BrokenDirectoryIsAnEmptyOne) {
    for (const char* directory : {"9000",
                                  "6F00"
                                  "9000",
                                  "6F05A503BF0C05"
                                  "9000",
                                  "6A82", ""}) {
        start();
        feed(EventKind::card_present);
        const auto step = answer(directory);
        EXPECT_EQ(step.outcome.kind, OutcomeKind::end_application) << directory;
        EXPECT_EQ(step.outcome.error.cause, Cause::no_application) << directory;
        EXPECT_EQ(step.ui->message, Message::try_another_card);
    }
}

TEST_F(ToyFixture, BadRequestsAreNotStarted) {
    data_.amount_minor = -1;
    EXPECT_EQ(start().outcome.error.cause, Cause::bad_request);
    data_.amount_minor = 1;
    data_.type = 0x30;
    EXPECT_EQ(start().outcome.error.cause, Cause::bad_request);
    EXPECT_EQ(feed(EventKind::start).outcome.error.cause, Cause::bad_request);
}

TEST_F(ToyFixture, RemovalDueSpeaksOnlyAfterAnOnlineRequest) {
    start();
    feed(EventKind::stop);
    EXPECT_EQ(feed(EventKind::removal_due).kind, StepKind::done);
}

TEST_F(ToyFixture, RestartMustNameTheOutcomesPoint) {
    start();
    feed(EventKind::stop);
    const auto step = entry_.handle(Event::restart(StartPoint::b));
    EXPECT_EQ(step.outcome.error.cause, Cause::unexpected_event);
}

TEST(EntryPoint, KernelThatIsNotThereIsNamed) {
    const auto parameters = testing::made_up_parameters();
    EntryPoint entry(parameters, {});
    TransactionData data;
    data.amount_minor = 100;
    entry.handle(Event::start(data, StartPoint::a, CardFinding::by_caller));
    const auto whole = MadeUpCard().transcript();
    entry.handle(Event::rapdu(whole[0].answer));
    EXPECT_EQ(entry.handle(Event::rapdu(whole[1].answer)).outcome.error.cause, Cause::no_kernel);
}

}  // namespace
}  // namespace softpos::emv
