// The loop that every shell around a Tap is, with a list in place of a reader.
#include "phone/emv/replay.h"

#include <algorithm>

namespace softpos::emv {

ReplayResult replay(Tap& tap, const TapRequest& request, std::span<const Exchange> transcript) {
    ReplayResult result;
    Step step = tap.start(request);
    std::size_t next = 0;
    for (std::size_t count = 0; count < replay_steps_max; ++count) {
        if (step.ui) result.ui.push_back(*step.ui);
        if (step.kind == StepKind::done) {
            result.outcome = step.outcome;
            result.ended = true;
            return result;
        }
        if (step.kind != StepKind::send) {
            const bool card_left = next < transcript.size();
            step = tap.handle(Event::plain(card_left ? EventKind::card_present : EventKind::stop));
            continue;
        }
        result.commands.emplace_back(step.command.begin(), step.command.end());
        const auto* exchange = next < transcript.size() ? &transcript[next] : nullptr;
        const bool same =
            exchange != nullptr && std::ranges::equal(exchange->command, result.commands.back());
        if (!same && !result.differs_at) result.differs_at = result.commands.size() - 1;
        ++next;
        const bool lost = exchange == nullptr || exchange->answer.empty();
        step = tap.handle(lost ? Event::rf(RfError::timeout) : Event::rapdu(exchange->answer));
    }
    return result;
}

}  // namespace softpos::emv
