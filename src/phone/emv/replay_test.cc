// Recorded taps played again: real ones of the shared folder, and a made-up one under every kind of
// damage.
#include "phone/emv/replay.h"

#include "base/hex.h"
#include "codec/cup_fields.h"
#include "phone/emv/dictionary.h"
#include "phone/emv/kernel7.h"
#include "phone/emv/made_up_card.h"
#include "phone/emv/parameter_tlvs.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <string>

namespace softpos::emv {
namespace {

namespace json = boost::json;
using softpos::testing::unhex;
using testing::made_up_parameters;
using testing::made_up_request;
using testing::MadeUpCard;

std::string text_at(const json::value& value, const char* name) {
    return std::string(value.at(name).as_string());
}

std::optional<json::value> shared(const std::string& name) {
    const auto text = softpos::testing::read_shared("emv/unionpay/" + name);
    return text ? std::optional(json::parse(*text)) : std::nullopt;
}

std::vector<Exchange> steps_of(const json::value& file) {
    std::vector<Exchange> steps;
    for (const auto& step : file.at("steps").as_array())
        steps.push_back({unhex(text_at(step, "c")), unhex(text_at(step, "r"))});
    return steps;
}

// The terminal of the recorded tap, from its commands and from the field 55 that it sent.
ParameterSet recorded_terminal() {
    ParameterSet set;
    Combination row;
    EXPECT_TRUE(row.aid.assign(unhex("A000000333010101")));
    row.kernel = kernel_unionpay;
    row.types = type_purchase;
    row.floor_limit_minor = 0;
    row.transaction_limit_minor = 100'000;
    row.ttq = Ttq{0x36, 0x00, 0x00, 0x00};
    EXPECT_TRUE(set.add(row));
    const std::pair<std::uint32_t, const char*> values[] = {{0x9F1A, "0156"},
                                                            {0x5F2A, "0156"},
                                                            {0x9F33, "E0E9C8"},
                                                            {0x9F35, "22"},
                                                            {0x9F1E, "4646464646464646"},
                                                            {0x9F09, "0000"}};
    for (const auto& [tag, value] : values) EXPECT_TRUE(set.add(codec::Tag{tag}, unhex(value)));
    return set;
}

TapRequest recorded_request() {
    TapRequest request;
    request.transaction.amount_minor = 1;
    request.transaction.date = {0x17, 0x06, 0x01};
    request.transaction.unpredictable_number = {0x2B, 0x29, 0xEB, 0xE4};
    request.transaction.trace = 5;
    return request;
}

TEST(Replay, RecordedOnlineTapGivesTheSameCommands) {
    const auto file = shared("qpboc_online_tap.json");
    if (!file) GTEST_SKIP() << "no shared cases here";
    const auto parameters = recorded_terminal();
    Tap tap(parameters);
    const auto steps = steps_of(*file);
    const auto result = replay(tap, recorded_request(), steps);
    EXPECT_FALSE(result.differs_at) << to_hex(result.commands.at(*result.differs_at));
    EXPECT_EQ(result.commands.size(), steps.size());
    EXPECT_EQ(result.outcome.kind, OutcomeKind::online_request) << describe(result.outcome.error);
    EXPECT_EQ(result.outcome.cvm, Cvm::no_cvm);
    const auto record = tap.take_record();
    ASSERT_TRUE(record);
    EXPECT_EQ(to_hex(record->track2()), "6299999999999999D20112010123456789");
    EXPECT_EQ(to_hex(record->pan_sequence()), "00");
    EXPECT_EQ(record->expiry_yymm(), 2011);
    EXPECT_EQ(record->pan()->masked(), "629999******9999");
    EXPECT_FALSE(tap.take_record()) << "the machine forgets the card";
}

// The source never fills 9F34: it sends 000000 for a card that asks for nothing, where we send
// 1F0000, no CVM performed. Its 9F09 is empty too, 0000; that one is given as a parameter. Every
// other object is equal byte for byte.
TEST(Replay, RecordedOnlineTapGivesTheSameField55ButForItsCvmResults) {
    const auto file = shared("qpboc_online_tap.json");
    if (!file) GTEST_SKIP() << "no shared cases here";
    const auto parameters = recorded_terminal();
    Tap tap(parameters);
    static_cast<void>(replay(tap, recorded_request(), steps_of(*file)));
    const auto record = tap.take_record();
    ASSERT_TRUE(record);
    auto sent = text_at(*file, "field55_sent");
    const auto at = sent.find("9F3403000000");
    ASSERT_NE(at, std::string::npos);
    sent.replace(at, 12, "9F34031F0000");
    EXPECT_EQ(to_hex(record->field55()), sent);
    const auto as_sent = codec::field_55_for_sale(record->field55());
    ASSERT_TRUE(as_sent);
    EXPECT_EQ(to_hex(*as_sent), sent) << "the host's order and ours are one";
}

TEST(Replay, RecordedOfflineApprovalIsDeclined) {
    const auto file = shared("qpboc_offline_gpo.json");
    if (!file) GTEST_SKIP() << "no shared cases here";
    const auto answer = unhex(text_at(*file, "gpo_response") + "9000");
    for (const std::optional<std::int64_t> floor : {std::optional<std::int64_t>(0), {}}) {
        ParameterSet set;
        auto row = made_up_parameters().combinations()[0];
        row.floor_limit_minor = floor;
        ASSERT_TRUE(set.add(row) && set.add(codec::Tag{0x5F2A}, unhex("0156")));
        auto transcript = MadeUpCard().transcript();
        transcript.back().answer = answer;
        Tap tap(set);
        const auto outcome = replay(tap, made_up_request(), transcript).outcome;
        EXPECT_EQ(outcome.kind, OutcomeKind::declined);
        EXPECT_EQ(outcome.error.cause,
                  floor ? Cause::offline_when_online : Cause::offline_unsupported);
        EXPECT_FALSE(tap.take_record());
    }
}

TEST(Replay, RecordedIssuerDataGiveTheDecision) {
    const auto file = shared("iad_samples.json");
    if (!file) GTEST_SKIP() << "no shared cases here";
    for (const auto& sample : file->at("samples").as_array()) {
        const auto decision = card_decision(unhex(text_at(sample, "iad")));
        ASSERT_TRUE(decision);
        EXPECT_EQ(*decision,
                  text_at(sample, "ac_type") == "TC" ? CardDecision::tc : CardDecision::arqc);
    }
}

TEST(Replay, RecordedAidParametersBecomeACombination) {
    const auto file = shared("parameter_tlvs.json");
    if (!file) GTEST_SKIP() << "no shared cases here";
    const auto parameters = parse_aid_parameters(unhex(text_at(*file, "aid_param")));
    ASSERT_TRUE(parameters) << parameters.error().what.c_str();
    const auto& row = parameters->combination;
    EXPECT_EQ(to_hex(row.aid.bytes()), "A000000333010101");
    EXPECT_EQ(row.kernel, kernel_unionpay);
    EXPECT_EQ(row.version, (std::array<std::uint8_t, 2>{0x00, 0x20}));
    EXPECT_EQ(row.terminal_floor_limit_minor, 1);
    EXPECT_EQ(row.floor_limit_minor, 100'000);
    EXPECT_EQ(row.transaction_limit_minor, 100'000);
    EXPECT_EQ(row.cvm_limit_minor, 100'000);
    EXPECT_EQ(parameters->electronic_cash_limit_minor, 100'000);
    EXPECT_TRUE(parameters->partial_match);
    EXPECT_TRUE(parameters->online_pin);
    EXPECT_EQ(to_hex(parameters->tac_default), "D84000A800");
    EXPECT_EQ(to_hex(parameters->tac_online), "D84004F800");
    EXPECT_EQ(to_hex(parameters->tac_denial), "0010000000");
    EXPECT_EQ(to_hex(parameters->default_ddol.bytes()), "9F3704");
}

// Another scheme's card: its PDOL fills to the recorded command, and kernel 7 does not take its
// issuer data for its own.
TEST(Replay, RecordedVisaCardFillsButIsNotOurs) {
    const auto file = shared("visa_qvsdc_gpo.json");
    if (!file) GTEST_SKIP() << "no shared cases here";
    const auto fci = unhex(text_at(*file, "fci"));
    const auto inner = codec::find_value(fci, codec::Tag{0x6F});
    const auto proprietary = codec::find_value(**inner, codec::Tag{0xA5});
    const auto pdol = codec::find_value(**proprietary, codec::Tag{0x9F38});
    ASSERT_TRUE(pdol && *pdol);
    const auto& values = file->at("decoded").at("gpo_values");
    Buffer filled;
    std::vector<Buffer> kept;
    const auto done = codec::fill_dol(
        **pdol,
        [&](codec::Tag tag) {
            const auto name = hex_number(static_cast<std::uint32_t>(tag));
            kept.push_back(unhex(text_at(values, name.c_str())));
            return std::optional(codec::DolValue{kept.back()});
        },
        filled);
    ASSERT_TRUE(done);
    EXPECT_EQ(
        "80A800001283"
        "10" +
            to_hex(filled) + "00",
        text_at(*file, "c"));
    auto transcript = MadeUpCard().transcript();
    transcript.back().answer = unhex(text_at(*file, "r"));
    const auto parameters = made_up_parameters();
    Tap tap(parameters);
    const auto outcome = replay(tap, made_up_request(), transcript).outcome;
    EXPECT_EQ(outcome.error.cause, Cause::malformed);
    EXPECT_EQ(outcome.error.tag, codec::Tag{0x9F10});
}

void expect_ends(const std::vector<Exchange>& transcript, const std::string& where) {
    const auto parameters = made_up_parameters();
    for (const auto finding : {CardFinding::by_caller, CardFinding::by_steps}) {
        auto request = made_up_request();
        request.finding = finding;
        Tap tap(parameters);
        const auto result = replay(tap, request, transcript);
        ASSERT_TRUE(result.ended) << where;
        ASSERT_NE(result.outcome.kind, OutcomeKind::none) << where;
        ASSERT_LE(result.commands.size(), commands_per_tap_max) << where;
        const bool online = result.outcome.kind == OutcomeKind::online_request;
        ASSERT_EQ(online, result.outcome.error.cause == Cause::none) << where;
        ASSERT_EQ(online, tap.take_record().has_value()) << where;
    }
}

TEST(Replay, EveryTruncationEndsInAnOutcome) {
    const auto whole = MadeUpCard().transcript();
    for (std::size_t step = 0; step < whole.size(); ++step) {
        for (std::size_t size = 0; size < whole[step].answer.size(); ++size) {
            auto cut = whole;
            cut[step].answer.resize(size);
            expect_ends(cut, std::to_string(step) + " cut to " + std::to_string(size));
            if (size < 2) continue;
            cut[step].answer[size - 2] = 0x90;  // Cut by the card, with a good status word.
            cut[step].answer[size - 1] = 0x00;
            expect_ends(cut, std::to_string(step) + " short " + std::to_string(size));
        }
    }
}

TEST(Replay, EveryStatusWordEndsInAnOutcome) {
    const auto whole = MadeUpCard().transcript();
    for (std::size_t step = 0; step < whole.size(); ++step) {
        for (unsigned sw = 0; sw < 0x10000; sw += sw < 0x6000 || sw >= 0x9100 ? 0x101 : 1) {
            auto other = whole;
            auto& answer = other[step].answer;
            answer[answer.size() - 2] = static_cast<std::uint8_t>(sw >> 8);
            answer[answer.size() - 1] = static_cast<std::uint8_t>(sw & 0xFF);
            const auto parameters = made_up_parameters();
            Tap tap(parameters);
            const auto result = replay(tap, made_up_request(), other);
            ASSERT_TRUE(result.ended) << step << " " << sw;
            ASSERT_EQ(result.outcome.kind == OutcomeKind::online_request, sw == 0x9000) << sw;
        }
    }
}

TEST(Replay, EveryFlippedBitEndsInAnOutcome) {
    const auto whole = MadeUpCard().transcript();
    for (std::size_t step = 0; step < whole.size(); ++step) {
        for (std::size_t bit = 0; bit < 8 * whole[step].answer.size(); ++bit) {
            auto other = whole;
            other[step].answer[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
            expect_ends(other, std::to_string(step) + " bit " + std::to_string(bit));
        }
    }
}

TEST(Replay, EveryEventInEveryPhaseEndsInAnOutcome) {
    auto prng = softpos::testing::Prng::from_environment();
    const auto parameters = made_up_parameters();
    const auto whole = MadeUpCard().transcript();
    for (int round = 0; round < 3000; ++round) {
        Tap tap(parameters);
        auto request = made_up_request();
        request.finding = CardFinding{static_cast<std::uint8_t>(prng.below(2))};
        Step step = tap.start(request);
        std::size_t events = 0;
        for (; events < 40 && step.kind != StepKind::done; ++events) {
            const auto kind = EventKind{static_cast<std::uint8_t>(1 + prng.below(8))};
            Event event = Event::plain(kind);
            const auto& answer = whole[prng.below(3)].answer;
            if (kind == EventKind::rapdu) event.bytes = answer;
            if (kind == EventKind::restart)
                event.point = StartPoint{static_cast<std::uint8_t>(prng.below(5))};
            step = tap.handle(event);
        }
        if (step.kind != StepKind::done) step = tap.stop();
        ASSERT_EQ(step.kind, StepKind::done) << "SEED=" << prng.seed();
        ASSERT_NE(step.outcome.kind, OutcomeKind::none) << "SEED=" << prng.seed();
    }
}

// 6985 for the first of two applications: the second one is used, and its name is in field 55.
TEST(Replay, SelectNextTakesTheOtherApplication) {
    auto parameters = made_up_parameters();
    auto debit = parameters.combinations()[0];
    ASSERT_TRUE(debit.aid.assign(unhex("A000000333010101")));
    ASSERT_TRUE(parameters.add(debit));
    auto steps = MadeUpCard().transcript();
    steps[0].answer = unhex(
        "6F37840E325041592E5359532E4444463031A525BF0C22"
        "610D4F08A000000333010101870101"
        "610D4F08A000000333010102870102"
        "0000"
        "0000"
        "9000");
    const auto selected = steps[1];
    const auto options = steps[2];
    steps[1].command = unhex("00A4040008A00000033301010100");
    steps[2].answer = unhex("6985");
    steps.push_back(selected);
    steps.push_back(options);
    Tap tap(parameters);
    const auto result = replay(tap, made_up_request(), steps);
    EXPECT_EQ(result.outcome.kind, OutcomeKind::online_request) << describe(result.outcome.error);
    ASSERT_EQ(result.commands.size(), 5u);
    EXPECT_EQ(result.commands[1], steps[1].command);
    EXPECT_EQ(result.commands[3], steps[3].command);
    EXPECT_EQ(to_hex(tap.take_record()->aid()), "A000000333010102");
}

TEST(Replay, AnotherCurrencyIsABadRequest) {
    const auto parameters = made_up_parameters();
    Tap tap(parameters);
    auto request = made_up_request();
    request.transaction.currency = 840;
    const auto step = tap.start(request);
    EXPECT_EQ(step.kind, StepKind::done);
    EXPECT_EQ(step.outcome.error.cause, Cause::bad_request);
}

TEST(Replay, SnapshotGoesOnWhereItWasTaken) {
    const auto parameters = made_up_parameters();
    const auto whole = MadeUpCard().transcript();
    Tap first(parameters);
    static_cast<void>(first.start(made_up_request()));
    static_cast<void>(first.handle(Event::rapdu(whole[0].answer)));
    const EntryPointState snapshot = first.state();
    Tap second(parameters);
    second.restore(snapshot);
    for (auto* tap : {&first, &second}) {
        auto step = tap->handle(Event::rapdu(whole[1].answer));
        EXPECT_EQ(to_hex(step.command).substr(0, 14), "80A80000238321");
        step = tap->handle(Event::rapdu(whole[2].answer));
        EXPECT_EQ(step.outcome.kind, OutcomeKind::online_request);
    }
}

TEST(Replay, AidParametersAreReadStrictly) {
    EXPECT_EQ(parse_aid_parameters(unhex("DF010100")).error().detail, 0x9F06u);
    EXPECT_EQ(parse_aid_parameters(unhex("9F0605A000000333"
                                         "DF1905000000100000"))
                  .error()
                  .detail,
              0xDF19u);
    EXPECT_EQ(parse_aid_parameters(unhex("9F0605A000000333"
                                         "DF1906000000A00000"))
                  .error()
                  .detail,
              0xDF19u);
    EXPECT_EQ(parse_aid_parameters(unhex("9F0605A000000333"
                                         "DF010100"
                                         "DF010100"))
                  .error()
                  .detail,
              0xDF01u);
    EXPECT_FALSE(parse_aid_parameters(unhex("9F0605A0000003")));
    EXPECT_TRUE(
        parse_aid_parameters(unhex("9F0605A000000333"
                                   "DF7F0100")));
}

}  // namespace
}  // namespace softpos::emv
