// One switch for each of the three questions; a new enumerator without an answer does not compile.
#include "phone/trust/tap_outcome.h"

namespace softpos::trust {
namespace {

using protocol::TapCvm;
using protocol::TapOutcomeKind;

TapOutcomeKind kind_of(emv::OutcomeKind kind) {
    switch (kind) {
        case emv::OutcomeKind::online_request:
            return TapOutcomeKind::online_request;
        case emv::OutcomeKind::select_next:
            return TapOutcomeKind::select_next_exhausted;
        case emv::OutcomeKind::try_again:
            return TapOutcomeKind::try_again;
        case emv::OutcomeKind::try_another_interface:
            return TapOutcomeKind::try_other_interface;
        // A payment that nobody but the card approved cannot be settled by this platform.
        case emv::OutcomeKind::approved:
        case emv::OutcomeKind::declined:
            return TapOutcomeKind::declined;
        case emv::OutcomeKind::none:
        case emv::OutcomeKind::end_application:
            return TapOutcomeKind::end_application;
    }
    return TapOutcomeKind::end_application;
}

TapCvm cvm_of(emv::Cvm cvm) {
    switch (cvm) {
        case emv::Cvm::online_pin:
            return TapCvm::online_pin;
        case emv::Cvm::confirmation_code:
            return TapCvm::confirmation_code;
        case emv::Cvm::signature:
            return TapCvm::signature;
        case emv::Cvm::not_applicable:
        case emv::Cvm::no_cvm:
            return TapCvm::none;
    }
    return TapCvm::none;
}

// Where the cause says nothing, the kind does.
Refusal refusal_of_kind(TapOutcomeKind kind) {
    switch (kind) {
        case TapOutcomeKind::online_request:
        case TapOutcomeKind::approved:
            return Refusal::none;
        case TapOutcomeKind::declined:
            return Refusal::card_declined;
        case TapOutcomeKind::select_next_exhausted:
        case TapOutcomeKind::try_other_interface:
            return Refusal::card_try_other_interface;
        case TapOutcomeKind::try_again:
        case TapOutcomeKind::end_application:
            return Refusal::card_unreadable;
    }
    return Refusal::card_unreadable;
}

}  // namespace

Refusal refusal_of(emv::Cause cause) {
    switch (cause) {
        case emv::Cause::none:
            return Refusal::none;
        case emv::Cause::not_allowed:
            return Refusal::amount_over_limit;
        case emv::Cause::no_application:
        case emv::Cause::no_ttq_in_pdol:
            return Refusal::card_try_other_interface;
        case emv::Cause::link_lost:
            return Refusal::card_removed;
        case emv::Cause::malformed:
        case emv::Cause::missing:
        case emv::Cause::status_word:
        case emv::Cause::wrong_template:
        case emv::Cause::contradiction:
        case emv::Cause::too_many_steps:
            return Refusal::card_unreadable;
        case emv::Cause::offline_when_online:
        case emv::Cause::offline_unsupported:
        case emv::Cause::reserved_decision:
        case emv::Cause::card_declined:
            return Refusal::card_declined;
        // Proof of the holder was demanded, and what the card would have taken is the PIN.
        case emv::Cause::cvm_not_possible:
            return Refusal::pin_required;
        case emv::Cause::see_phone:
            return Refusal::card_see_phone;
        case emv::Cause::stopped:
            return Refusal::no_card_presented;
        case emv::Cause::bad_request:
            return Refusal::bad_value;
        case emv::Cause::unexpected_event:
        case emv::Cause::no_kernel:
            return Refusal::internal;
    }
    return Refusal::internal;
}

protocol::TapUi tell_ui(const emv::UiRequest& ui) {
    return {static_cast<std::uint8_t>(ui.message), static_cast<std::uint8_t>(ui.status),
            std::uint32_t{ui.hold_100ms} * 100};
}

protocol::TapOutcome tell_outcome(const emv::Outcome& outcome, PinAbility pin) {
    protocol::TapOutcome told;
    told.kind = kind_of(outcome.kind);
    told.cvm = cvm_of(outcome.cvm);
    told.signature_too = outcome.signature_too;
    if (outcome.error.cause != emv::Cause::none) told.detail = emv::describe(outcome.error);
    if (told.kind == TapOutcomeKind::online_request) {
        if (told.cvm == TapCvm::online_pin && pin == PinAbility::none) {
            told.kind = TapOutcomeKind::declined;
            told.refusal = Refusal::pin_required;
        } else {
            told.refusal = Refusal::none;
        }
        return told;
    }
    told.refusal = refusal_of(outcome.error.cause);
    if (told.refusal == Refusal::none) told.refusal = refusal_of_kind(told.kind);
    return told;
}

}  // namespace softpos::trust
