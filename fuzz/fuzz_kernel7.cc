// Any card behind a good directory against kernel 7: never more than the commands of the quick
// path, always an outcome, and a card record exactly where the issuer is to be asked.
// links: emv
#include "base/check.h"
#include "phone/emv/made_up_card.h"
#include "phone/emv/track2.h"

namespace {

using namespace softpos;
using namespace softpos::emv;

constexpr std::size_t commands_max = 4;  // PPSE, SELECT, GET DATA, GPO.

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ByteReader input(Bytes(data, size));
    const auto mode = input.take_byte().value_or(0);
    auto parameters = emv::testing::made_up_parameters(
        {static_cast<std::uint8_t>(0x20 | (mode & 0x06)), 0, 0, 0},
        (mode & 1) != 0 ? std::optional<std::int64_t>(0) : std::nullopt);
    parameters.set({.enrolled = (mode & 0x08) != 0,
                    .limit_minor = 1000,
                    .check = (mode & 0x10) != 0 ? DomesticCheck::get_data : DomesticCheck::assumed,
                    .overrule_pin = (mode & 0x20) != 0});
    static const auto good = emv::testing::MadeUpCard().transcript();
    Tap tap(parameters);
    Step step = tap.start(emv::testing::made_up_request());
    std::size_t sent = 0;
    while (step.kind == StepKind::send) {
        CHECK(++sent <= commands_max);
        const bool fuzzed = sent > 2 || (sent == 2 && (mode & 0x40) != 0);
        if (!fuzzed) {
            step = tap.handle(Event::rapdu(good[sent - 1].answer));
            continue;
        }
        const auto length = input.take_byte().value_or(0);
        const auto answer = *input.take(std::min<std::size_t>(input.size(), length));
        step = tap.handle(Event::rapdu(answer));
    }
    CHECK(step.kind == StepKind::done);
    CHECK(step.outcome.kind != OutcomeKind::none && step.outcome.kind != OutcomeKind::approved);
    const bool online = step.outcome.kind == OutcomeKind::online_request;
    CHECK(online == (step.outcome.error.cause == Cause::none));
    const auto record = tap.take_record();
    CHECK(record.has_value() == online);
    if (record) {
        CHECK(record->pan().has_value() && record->expiry_yymm().has_value());
        CHECK(!record->field55().empty());
    }
    return 0;
}
