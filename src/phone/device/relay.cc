// The table of what follows from what in a tap, then the loop over reader and core.
#include "phone/device/relay.h"

#include "base/log.h"
#include "phone/device/ui_events.h"

#include <algorithm>
#include <utility>

namespace softpos::device {
namespace {

using hw::ReaderFault;
using protocol::TapOutcomeKind;
using protocol::TapUi;

constexpr unsigned apdu_timeout_ms_min = 50;
constexpr std::uint8_t status_ready_to_read = 3;
constexpr std::uint8_t status_processing_error = 6;

constexpr TapUi present_card{ui_message::present_card, status_ready_to_read, 0};
constexpr TapUi present_again{ui_message::present_card_again, status_ready_to_read, 0};
constexpr TapUi failed_ui{ui_message::processing_error, status_processing_error, 0};

protocol::TapRfError rf_error_of(ReaderFault fault) {
    switch (fault) {
        case ReaderFault::timeout:
            return protocol::TapRfError::timeout;
        case ReaderFault::protocol:
            return protocol::TapRfError::protocol;
        default:
            return protocol::TapRfError::transmission;
    }
}

// What the outcome means where the core gave no reason of its own.
Refusal usual_refusal(TapOutcomeKind kind) {
    switch (kind) {
        case TapOutcomeKind::declined:
        case TapOutcomeKind::approved:  // Offline approval is not taken.
            return Refusal::card_declined;
        case TapOutcomeKind::select_next_exhausted:
        case TapOutcomeKind::try_other_interface:
            return Refusal::card_try_other_interface;
        default:
            return Refusal::card_unreadable;
    }
}

}  // namespace

RelayStep RelayMachine::start() {
    return ask_for_card(Refusal::no_card_presented, present_card);
}

// Nobody is asked for a card before the platform agreed; who was asked already hears at once that
// it has to be done again.
RelayStep RelayMachine::ask_for_card(Refusal if_no_more, std::optional<TapUi> show) {
    if (cancelled_ || tries_ >= limits_.tries_max) return end(if_no_more);
    const bool again = ++tries_ > 1;
    apdus_ = 0;
    outcome_ = {};
    wait_left_ms_ = limits_.card_wait_ms;
    if (again) return {GetPermit{}, std::move(show)};
    ask_ = std::move(show);
    return {GetPermit{}, std::nullopt};
}

RelayStep RelayMachine::on_permit(std::expected<unsigned, PermitRefusal> good_ms) {
    if (cancelled_) return end(Refusal::no_card_presented);
    if (!good_ms) {
        reference_ = std::move(good_ms.error().reference);
        return end(good_ms.error().refusal, failed_ui);
    }
    waiting_ms_ = std::min(wait_left_ms_, *good_ms);
    if (waiting_ms_ == 0) return end(Refusal::server_unavailable, failed_ui);  // It came too late.
    return {WaitForCard{waiting_ms_}, std::exchange(ask_, std::nullopt)};
}

RelayStep RelayMachine::end(Refusal refusal, std::optional<TapUi> show) {
    if (cancelled_) {
        return {RelayResult{.refusal = Refusal::no_card_presented, .cancelled = true},
                std::move(show)};
    }
    return {RelayResult{.refusal = refusal,
                        .reference = std::move(reference_),
                        .cancelled = false,
                        .outcome = std::move(outcome_)},
            std::move(show)};
}

RelayStep RelayMachine::abort(Refusal refusal) {
    abort_refusal_ = refusal;
    return {AbortTap{}, std::nullopt};
}

RelayStep RelayMachine::on_aborted() {
    return end(abort_refusal_, failed_ui);
}

RelayStep RelayMachine::on_card(const Result<void>& presented) {
    if (cancelled_) return end(Refusal::no_card_presented);
    if (presented) return {BeginTap{}, std::nullopt};
    switch (hw::fault_of(presented.error())) {
        case ReaderFault::no_card:
            wait_left_ms_ -= waiting_ms_;
            if (wait_left_ms_ < limits_.card_wait_ms_min) return end(Refusal::no_card_presented);
            return {GetPermit{}, std::nullopt};
        case ReaderFault::no_reader:
        case ReaderFault::none:
            return end(Refusal::reader_unavailable, failed_ui);
        case ReaderFault::cancelled:
            // Of an earlier payment: it came when that one no longer waited.
            if (++false_cancels_ > limits_.tries_max) return end(Refusal::reader_unavailable);
            return {WaitForCard{waiting_ms_}, std::nullopt};
        case ReaderFault::card_removed:
        case ReaderFault::timeout:
        case ReaderFault::protocol:
            break;
    }
    return ask_for_card(Refusal::card_unreadable, present_again);
}

RelayStep RelayMachine::on_core(Result<protocol::TapStep> step) {
    if (!step) return end(trusted_refusal_of(step.error()), failed_ui);
    if (auto* outcome = std::get_if<protocol::TapOutcome>(&step->next)) {
        return on_outcome(std::move(*outcome), step->ui);
    }
    auto& send = std::get<protocol::SendApdu>(step->next);
    if (cancelled_) return abort(Refusal::no_card_presented);
    if (++apdus_ > limits_.apdus_max) return abort(Refusal::card_unreadable);
    const unsigned timeout_ms = std::clamp<unsigned>(
        send.timeout_ms, std::min(apdu_timeout_ms_min, limits_.apdu_timeout_ms_max),
        limits_.apdu_timeout_ms_max);
    return {Transmit{std::move(send.command), timeout_ms}, step->ui};
}

RelayStep RelayMachine::on_response(Result<Buffer> rapdu) {
    if (rapdu) return {ContinueTap{{std::move(*rapdu)}}, std::nullopt};
    const ReaderFault fault = hw::fault_of(rapdu.error());
    if (fault == ReaderFault::no_reader) return abort(Refusal::reader_unavailable);
    if (fault == ReaderFault::none) return abort(Refusal::internal);
    return {ContinueTap{{rf_error_of(fault)}}, std::nullopt};
}

RelayStep RelayMachine::on_outcome(protocol::TapOutcome outcome, std::optional<TapUi> show) {
    outcome_ = std::move(outcome);
    if (outcome_.kind == TapOutcomeKind::online_request && outcome_.card) {
        return end(Refusal::none, std::move(show));
    }
    const Refusal why =
        outcome_.kind != TapOutcomeKind::online_request && outcome_.refusal != Refusal::none
            ? outcome_.refusal
            : usual_refusal(outcome_.kind);
    if (outcome_.kind == TapOutcomeKind::try_again && !cancelled_ && tries_ < limits_.tries_max) {
        return ask_for_card(why, show ? show : present_again);
    }
    outcome_.card.reset();
    return end(why, std::move(show));
}

RelayResult Relay::run(hw::CardReader& reader, protocol::TapBeginRequest request) {
    RelayMachine machine(limits_);
    RelayStep step = machine.start();
    for (;;) {
        if (step.show && show_) show_(*step.show);
        if (auto* result = std::get_if<RelayResult>(&step.next)) {
            reader.release();
            return std::move(*result);
        }
        if (std::holds_alternative<GetPermit>(step.next)) {
            reader.release();
            std::expected<unsigned, PermitRefusal> good_ms = 0;
            auto permit = permits_();
            if (permit) {
                request.permit = std::move(permit->permit);
                good_ms = permit->good_ms;
            } else {
                good_ms = std::unexpected(std::move(permit.error()));
            }
            if (cancelled_) machine.cancel();
            step = machine.on_permit(std::move(good_ms));
        } else if (auto* wait = std::get_if<WaitForCard>(&step.next)) {
            Result<void> presented = hw::reader_failure(ReaderFault::cancelled);
            if (!cancelled_) presented = reader.wait_for_card(wait->timeout_ms);
            if (cancelled_) machine.cancel();
            step = machine.on_card(presented);
        } else if (auto* transmit = std::get_if<Transmit>(&step.next)) {
            auto rapdu = reader.transmit(transmit->command, transmit->timeout_ms);
            if (cancelled_) machine.cancel();
            step = machine.on_response(std::move(rapdu));
        } else if (std::holds_alternative<AbortTap>(step.next)) {
            // A core that does not answer has forgotten the tap, or will with the next one.
            (void)core_.tap_abort();
            step = machine.on_aborted();
        } else {
            const auto* onward = std::get_if<ContinueTap>(&step.next);
            auto answered = onward ? core_.tap_continue(onward->request) : core_.tap_begin(request);
            if (!answered) log(LogLevel::warning, "tap failed", answered.error());
            if (cancelled_) machine.cancel();
            step = machine.on_core(std::move(answered));
        }
    }
}

void Relay::cancel(hw::CardReader& reader) {
    cancelled_ = true;
    reader.cancel();
}

}  // namespace softpos::device
