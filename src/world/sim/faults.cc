// Matching and carrying out; no clock and no socket.
#include "world/sim/faults.h"

#include <array>
#include <utility>

namespace softpos::sim {
namespace {

constexpr std::array<std::string_view, 8> names = {
    "none", "no_request", "no_answer", "late_answer", "twice", "garbage", "cut", "wrong_mac"};

}  // namespace

std::optional<FaultAction> fault_action_of(std::string_view word) {
    for (std::size_t i = 1; i < names.size(); ++i) {
        if (names[i] == word) return static_cast<FaultAction>(i);
    }
    return std::nullopt;
}

std::string_view name_of(FaultAction action) {
    return names[static_cast<std::size_t>(action)];
}

bool FaultScript::add(FaultRule rule) {
    if (rules_.size() == rules_max) return false;
    rules_.push_back(std::move(rule));
    return true;
}

FaultRule FaultScript::match(std::string_view mti, std::int64_t amount_minor,
                             std::string_view terminal_id) {
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        FaultRule& rule = rules_[i];
        const bool matches = (rule.mti.empty() || rule.mti == mti) &&
                             (!rule.amount_minor || *rule.amount_minor == amount_minor) &&
                             (rule.terminal_id.empty() || rule.terminal_id == terminal_id);
        if (!matches) continue;
        if (rule.skip > 0) {
            --rule.skip;
            return {};
        }
        FaultRule hit = rule;
        if (rule.times == 1) {
            rules_.erase(rules_.begin() + static_cast<std::ptrdiff_t>(i));
        } else if (rule.times > 1) {
            --rule.times;
        }
        return hit;
    }
    return {};
}

FaultOutcome FaultScript::apply(const FaultRule& rule, Buffer answer) {
    FaultOutcome outcome;
    switch (rule.action) {
        case FaultAction::none:
            outcome.deliveries.push_back({0, std::move(answer)});
            break;
        case FaultAction::no_request:
        case FaultAction::no_answer:
            break;
        case FaultAction::late_answer:
            outcome.deliveries.push_back({rule.delay_ms, std::move(answer)});
            break;
        case FaultAction::twice:
            outcome.deliveries.push_back({0, answer});
            outcome.deliveries.push_back({0, std::move(answer)});
            break;
        case FaultAction::garbage:
            outcome.deliveries.push_back({0, Buffer(answer.size() / 2 + 1, 0xEE)});
            break;
        case FaultAction::cut:
            outcome.close = true;
            break;
        case FaultAction::wrong_mac:
            if (!answer.empty()) answer.back() ^= 0x01;
            outcome.deliveries.push_back({0, std::move(answer)});
            break;
    }
    return outcome;
}

}  // namespace softpos::sim
