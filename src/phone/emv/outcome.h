// How a tap ends: the outcome parameter set of the EMV contactless books, and, where it did not end
// well, a machine-readable indication of what stopped it.
//
// Spec: [EMV-A] 6.2.
#pragma once

#include "codec/ber_tlv.h"
#include "phone/emv/ui.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace softpos::emv {

enum class OutcomeKind : std::uint8_t {
    none,  // Not decided. No kernel of ours ends so.
    select_next,
    try_again,
    approved,
    declined,
    online_request,
    try_another_interface,
    end_application,
};

enum class StartPoint : std::uint8_t { none, a, b, c, d };
enum class OnlineResponse : std::uint8_t { none, emv_data, any };
enum class Cvm : std::uint8_t { not_applicable, online_pin, confirmation_code, signature, no_cvm };
enum class AlternateInterface : std::uint8_t { none, contact_chip, magnetic_stripe, both };

enum class Cause : std::uint8_t {
    none,
    not_allowed,          // No combination takes this amount and type.
    no_application,       // The card and we have no application in common.
    link_lost,            // The radio failed more often than we try again.
    malformed,            // The card broke its specification; `tag` names the object.
    missing,              // A mandatory object is absent; `tag` names it.
    status_word,          // A command was refused; `sw` says how.
    wrong_template,       // An answer in a form that quick mode has not; `tag` is the template.
    no_ttq_in_pdol,       // The card cannot do the quick path.
    contradiction,        // Two objects of one answer say different things.
    offline_when_online,  // The card approved offline though an online cryptogram was required.
    offline_unsupported,  // The card approved offline, which we do not take.
    reserved_decision,    // The card answered neither yes, no nor online.
    card_declined,        // The card said no.
    cvm_not_possible,     // The cardholder must be verified and nothing both sides know does it.
    see_phone,            // The cardholder has to do something on his device first.
    stopped,              // The caller ended it.
    unexpected_event,     // The caller did not follow the protocol.
    too_many_steps,       // A limit on commands or tries.
    no_kernel,            // A combination names a kernel that is not built in.
    bad_request,          // The transaction data cannot be used with these parameters.
};

std::string_view name_of(OutcomeKind kind);
std::string_view name_of(Cvm cvm);
std::string_view name_of(Cause cause);

// Who stopped, in which of its states, because of what. Kernel 0 is the entry point. Carries no
// card data. The idea is the error indication of kernel 2, for all kernels.
struct ErrorIndication {
    Cause cause = Cause::none;
    std::uint32_t kernel = 0;
    std::uint8_t state = 0;
    std::uint16_t sw = 0;
    codec::Tag tag{};

    friend bool operator==(const ErrorIndication&, const ErrorIndication&) = default;
};

// "kernel 7 state 2: missing 9F10". For logs and people who integrate; allocates.
std::string describe(const ErrorIndication& error);

constexpr std::uint16_t no_field_off = 0xFFFF;

// Trivially copyable. The data record stands in the card data of the machine that ended.
struct Outcome {
    OutcomeKind kind = OutcomeKind::none;
    StartPoint start = StartPoint::none;
    OnlineResponse online_response = OnlineResponse::none;
    Cvm cvm = Cvm::not_applicable;
    bool signature_too = false;  // The CVM policy wants a signature besides the PIN.
    std::optional<UiRequest> ui_on_outcome{};
    std::optional<UiRequest> ui_on_restart{};
    AlternateInterface alternate_interface = AlternateInterface::none;
    bool receipt = false;
    std::uint16_t field_off_100ms = no_field_off;
    std::uint16_t removal_timeout_100ms = 0;
    ErrorIndication error{};

    static Outcome online(Cvm cvm);
    static Outcome declined(const ErrorIndication& error);
    static Outcome ended(const ErrorIndication& error);  // End Application.
    static Outcome next(const ErrorIndication& error);   // Select Next.
    static Outcome again(const ErrorIndication& error, const UiRequest& ui);
    static Outcome other_interface(const ErrorIndication& error);
};

}  // namespace softpos::emv
