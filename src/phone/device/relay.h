// Carries one tap between card and trusted core: the decisions as a pure machine, and the loop that
// does what it says. What goes through here is the plain conversation of card and core, which
// anybody with an antenna could hear as well; nothing of it is kept or logged.
#pragma once

#include "phone/device/trust_relay.h"
#include "phone/device/trusted_client.h"
#include "phone/hw/card_reader.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <variant>

namespace softpos::device {

struct RelayLimits {
    unsigned card_wait_ms = 60'000;       // For each card that is asked for,
    unsigned card_wait_ms_min = 3'000;    // and not under a permit that is nearly over.
    unsigned tries_max = 3;               // Cards asked for in one payment.
    unsigned apdus_max = 256;             // Commands in one tap.
    unsigned apdu_timeout_ms_max = 5000;  // Whatever the core asks.
};

// Where `refusal` is none the tap went well: outcome.card is there and is to be sent.
struct RelayResult {
    Refusal refusal = Refusal::none;
    std::string reference = {};  // Of the platform, where it gave no permit.
    bool cancelled = false;
    protocol::TapOutcome outcome = {};
};

// What is to be done next. Each is answered by the call of the same name. A permit is for one tap,
// and there before the customer is asked for a card.
struct GetPermit {};
struct WaitForCard {
    unsigned timeout_ms;
};
struct BeginTap {};
struct Transmit {
    Buffer command;
    unsigned timeout_ms;
};
struct ContinueTap {
    protocol::TapContinueRequest request;
};
struct AbortTap {};
struct RelayStep {
    std::variant<GetPermit, WaitForCard, BeginTap, Transmit, ContinueTap, AbortTap, RelayResult>
        next;
    std::optional<protocol::TapUi> show;  // First.
};

// No I/O, no time.
class RelayMachine {
public:
    explicit RelayMachine(const RelayLimits& limits = {}) : limits_(limits) {}

    RelayStep start();
    RelayStep on_permit(std::expected<unsigned, PermitRefusal> good_ms);  // GetPermit
    RelayStep on_card(const Result<void>& presented);                     // WaitForCard
    RelayStep on_core(Result<protocol::TapStep> step);                    // BeginTap, ContinueTap
    RelayStep on_response(Result<Buffer> rapdu);                          // Transmit
    RelayStep on_aborted();                                               // AbortTap
    void cancel() { cancelled_ = true; }                                  // Before the next on_….

private:
    RelayStep ask_for_card(Refusal if_no_more, std::optional<protocol::TapUi> show);
    RelayStep end(Refusal refusal, std::optional<protocol::TapUi> show = std::nullopt);
    RelayStep abort(Refusal refusal);
    RelayStep on_outcome(protocol::TapOutcome outcome, std::optional<protocol::TapUi> show);

    RelayLimits limits_;
    bool cancelled_ = false;
    unsigned tries_ = 0;
    unsigned wait_left_ms_ = 0;  // For the present card.
    unsigned waiting_ms_ = 0;    // Of it, under the present permit.
    std::optional<protocol::TapUi> ask_;
    unsigned false_cancels_ = 0;
    unsigned apdus_ = 0;
    Refusal abort_refusal_ = Refusal::none;
    std::string reference_;
    protocol::TapOutcome outcome_;
};

// The loop, for one payment. run() blocks; cancel() comes from any other thread, also before run().
//
//     Relay relay(core, [&] { return trust.permit(platform, wish); }, show);
//     const RelayResult result = relay.run(reader, request);
class Relay {
public:
    using Show = std::function<void(const protocol::TapUi&)>;
    using Permits = std::function<std::expected<PermitInHand, PermitRefusal>()>;

    Relay(TrustedClient& core, Permits permits, Show show, const RelayLimits& limits = {})
        : core_(core), permits_(std::move(permits)), show_(std::move(show)), limits_(limits) {}

    // `request` without its permit.
    RelayResult run(hw::CardReader& reader, protocol::TapBeginRequest request);
    void cancel(hw::CardReader& reader);
    bool cancelled() const { return cancelled_; }

private:
    TrustedClient& core_;
    Permits permits_;
    Show show_;
    RelayLimits limits_;
    std::atomic<bool> cancelled_ = false;
};

}  // namespace softpos::device
