// Any card against the entry point, with a toy kernel that obeys it: every tap ends, within the
// limits on commands and tries, and says why.
// links: emv
#include "base/check.h"
#include "phone/emv/entry_point.h"
#include "phone/emv/made_up_card.h"
#include "phone/emv/toy_kernel.h"

namespace {

using namespace softpos;
using namespace softpos::emv;

constexpr std::size_t steps_max = 2000;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto parameters = emv::testing::made_up_parameters();
    static constexpr KernelDescriptor kernels[] = {
        {kernel_unionpay, "toy", &emv::testing::ToyKernel::step}};
    ByteReader input(Bytes(data, size));
    EntryPoint entry(parameters, kernels);
    const auto mode = input.take_byte().value_or(0);
    Step step = entry.handle(Event::start(emv::testing::made_up_request().transaction,
                                          StartPoint{static_cast<std::uint8_t>(mode % 5)},
                                          CardFinding{static_cast<std::uint8_t>(mode >> 7)}));
    std::size_t sent = 0;
    std::size_t restarts = 0;
    for (std::size_t count = 0;; ++count) {
        CHECK(count < steps_max);
        if (step.kind == StepKind::done) {
            if (step.outcome.start == StartPoint::none || ++restarts > 2 * tries_max) break;
            const auto more = input.take(std::min<std::size_t>(input.size(), mode & 0x7F));
            step = entry.handle(Event::restart(step.outcome.start, *more));
            continue;
        }
        if (input.empty()) {
            step = entry.handle(Event::plain(EventKind::stop));
            CHECK(step.kind == StepKind::done);
            break;
        }
        const auto head = *input.take_byte();
        if (step.kind == StepKind::send) {
            ++sent;
            CHECK(step.command.size() >= 5 && step.command.size() <= command_bytes_max);
            CHECK(sent <= commands_per_tap_max);
            const auto answer = *input.take(std::min<std::size_t>(input.size(), head));
            step = entry.handle(head == 0 ? Event::rf(RfError::timeout) : Event::rapdu(answer));
        } else {
            step = entry.handle(Event::plain(EventKind{static_cast<std::uint8_t>(1 + head % 8)}));
        }
    }
    CHECK(entry.state().phase == Phase::ended);
    CHECK(entry.state().tries <= tries_max + 1);
    return 0;
}
