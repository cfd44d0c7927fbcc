// Names, words, and the few outcomes that may be made.
#include "phone/emv/outcome.h"

#include "base/hex.h"

#include <array>

namespace softpos::emv {

std::string_view name_of(OutcomeKind kind) {
    switch (kind) {
        case OutcomeKind::none:
            return "none";
        case OutcomeKind::select_next:
            return "select_next";
        case OutcomeKind::try_again:
            return "try_again";
        case OutcomeKind::approved:
            return "approved";
        case OutcomeKind::declined:
            return "declined";
        case OutcomeKind::online_request:
            return "online_request";
        case OutcomeKind::try_another_interface:
            return "try_another_interface";
        case OutcomeKind::end_application:
            return "end_application";
    }
    return "unknown";
}

std::string_view name_of(Cvm cvm) {
    switch (cvm) {
        case Cvm::not_applicable:
            return "not_applicable";
        case Cvm::online_pin:
            return "online_pin";
        case Cvm::confirmation_code:
            return "confirmation_code";
        case Cvm::signature:
            return "signature";
        case Cvm::no_cvm:
            return "none";
    }
    return "unknown";
}

std::string_view name_of(Cause cause) {
    constexpr std::array<std::string_view, 21> names = {"none",
                                                        "not_allowed",
                                                        "no_application",
                                                        "link_lost",
                                                        "malformed",
                                                        "missing",
                                                        "status_word",
                                                        "wrong_template",
                                                        "no_ttq_in_pdol",
                                                        "contradiction",
                                                        "offline_when_online",
                                                        "offline_unsupported",
                                                        "reserved_decision",
                                                        "card_declined",
                                                        "cvm_not_possible",
                                                        "see_phone",
                                                        "stopped",
                                                        "unexpected_event",
                                                        "too_many_steps",
                                                        "no_kernel",
                                                        "bad_request"};
    static_assert(names.size() == static_cast<std::size_t>(Cause::bad_request) + 1);
    const auto index = static_cast<std::size_t>(cause);
    return index < names.size() ? names[index] : "unknown";
}

std::string describe(const ErrorIndication& error) {
    std::string text = error.kernel == 0 ? "entry point" : "kernel " + hex_number(error.kernel);
    text += " state " + std::to_string(error.state) + ": " + std::string(name_of(error.cause));
    if (error.tag != codec::Tag{}) text += " " + hex_number(static_cast<std::uint32_t>(error.tag));
    if (error.sw != 0) text += " SW " + hex_number(error.sw);
    return text;
}

Outcome Outcome::online(Cvm cvm) {
    Outcome outcome;
    outcome.kind = OutcomeKind::online_request;
    outcome.cvm = cvm;
    outcome.receipt = cvm == Cvm::signature;
    outcome.ui_on_outcome = UiRequest{Message::authorising, Status::card_read_successfully};
    return outcome;
}

Outcome Outcome::declined(const ErrorIndication& error) {
    Outcome outcome;
    outcome.kind = OutcomeKind::declined;
    outcome.ui_on_outcome = UiRequest{Message::not_authorised, Status::card_read_successfully};
    outcome.error = error;
    return outcome;
}

Outcome Outcome::ended(const ErrorIndication& error) {
    Outcome outcome;
    outcome.kind = OutcomeKind::end_application;
    outcome.ui_on_outcome = UiRequest{Message::try_another_card, Status::ready_to_read};
    outcome.error = error;
    return outcome;
}

Outcome Outcome::next(const ErrorIndication& error) {
    Outcome outcome;
    outcome.kind = OutcomeKind::select_next;
    outcome.start = StartPoint::c;
    outcome.error = error;
    return outcome;
}

Outcome Outcome::again(const ErrorIndication& error, const UiRequest& ui) {
    Outcome outcome;
    outcome.kind = OutcomeKind::try_again;
    outcome.start = StartPoint::b;
    outcome.ui_on_outcome = ui;
    outcome.error = error;
    return outcome;
}

Outcome Outcome::other_interface(const ErrorIndication& error) {
    Outcome outcome;
    outcome.kind = OutcomeKind::try_another_interface;
    outcome.ui_on_outcome = UiRequest{Message::insert_or_swipe, Status::processing_error};
    outcome.alternate_interface = AlternateInterface::both;
    outcome.error = error;
    return outcome;
}

}  // namespace softpos::emv
