// A phone of a simulated fleet: a real trusted core and a real virtual card, without processes and
// readers around them, so that one machine can hold hundreds. What it sends is what a phone sends.
#pragma once

#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "net/http_client.h"
#include "phone/trust/hardware_anchor.h"
#include "phone/trust/trusted_core.h"
#include "phone/trust/trusted_platform.h"
#include "protocol/spa.h"
#include "world/card/virtual_card.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace softpos::sim {

// Where phones call, and by what they recognise it.
using FleetAsk = std::function<Result<net::HttpResponse>(const net::HttpCall& call)>;

struct FleetPlatform {
    std::string host = "127.0.0.1";
    std::uint16_t phone_port = 0;
    std::string ca_pem;
    protocol::Point65 signing_point{};  // By which it signs permits and commands.
    FleetAsk ask = {};                  // Empty: over HTTPS.
    const Clock* clock = nullptr;       // Of the phone; null: the machine's.
};

// How a simulated phone stands. What the app says and what its core sees are set apart, as they
// would be told apart on a real one.
// The customer at a simulated phone's own screen: types that PIN when the pad is shown, or cancels.
struct FleetCustomer {
    std::string pin;    // Empty: presses cancel.
    unsigned pads = 0;  // How often a pad was shown.
    std::function<void()> before_typing = {};
};

struct FleetPosture {
    protocol::Posture app;  // Its time is told anew with each message.
    std::vector<protocol::Finding> core;
    bool tells_time = true;
    std::int64_t clock_off_ms = 0;  // Of the phone's wall clock; the core's own is not touched.
    // What the phone's system brings beside the core's evidence, over SHA-256 of that message.
    std::function<std::vector<protocol::Evidence>(Bytes message)> system = {};
};

class FleetPhone {
public:
    // `number` makes its card's number: up to 999999 different ones. The card is like the one of
    // that name. With a customer's screen the phone takes PINs.
    struct Kind {
        std::string card = "debit";
        bool screen = false;
        trust::HardwareAnchor* chip = nullptr;  // Borrowed.
    };
    static Result<std::unique_ptr<FleetPhone>> make(const std::string& cards_folder,
                                                    std::uint32_t number, Random& random,
                                                    const Kind& kind);
    static Result<std::unique_ptr<FleetPhone>> make(const std::string& cards_folder,
                                                    std::uint32_t number, Random& random) {
        return make(cards_folder, number, random, Kind());
    }
    ~FleetPhone();

    // Takes an activation code to the platform, as the phone services do.
    Result<void> enrol(const FleetPlatform& platform, const std::string& activation_code);
    // What happens on the way, where something does: to the request, to the credential that comes
    // for it, and to the request that goes with the core's answer to that.
    std::function<void(protocol::EnrolEvidence&)> before_request = {};
    std::function<void(protocol::EnrolCredential&)> before_activation = {};
    std::function<void(protocol::EnrolEvidence&)> before_proof = {};

    // One tap with its card, under a permit that it asks for first; the body of
    // POST /v1/phone/payments. denied where there is no permit: last_refusal() says more.
    Result<std::string> tap(std::int64_t amount_minor, const Id128& idempotency_key, Instant now);

    // The body of POST /v1/phone/payments/wallet, under a permit that it asks for first. `code` is
    // a payer's code to scan, or a wallet whose code is to be shown.
    Result<std::string> wallet_body(std::int64_t amount_minor, const Id128& idempotency_key,
                                    protocol::PermitPurpose purpose, std::string_view code);
    struct WalletTap {
        std::int64_t amount_minor = 0;
        Id128 idempotency_key;
        protocol::PermitPurpose purpose{};
        std::string_view code;
    };
    static Result<std::string> wallet_body_under(const protocol::SignedBody& permit,
                                                 const WalletTap& tap);

    // The steps of a tap one by one. What the platform commands is obeyed.
    Result<protocol::PermitAsk> prepare_permit(
        std::int64_t amount_minor, protocol::PermitPurpose purpose = protocol::PermitPurpose::tap);
    Result<protocol::SpaAnswer> ask(const protocol::SpaRequest& request);
    Result<protocol::SignedBody> permit(
        std::int64_t amount_minor, protocol::PermitPurpose purpose = protocol::PermitPurpose::tap);
    Result<std::string> tap_under(protocol::SignedBody permit, std::int64_t amount_minor,
                                  const Id128& idempotency_key, Instant now);
    // What the platform answered to it: the permit, obeying what comes along. denied where it is
    // none.
    Result<protocol::SignedBody> take_permit(const protocol::SpaAnswer& answer);
    Result<void> report();
    Result<protocol::StatusAnswer> status();

    // Somebody who copied all that this phone keeps, core and all.
    Result<std::unique_ptr<FleetPhone>> copy(const std::string& cards_folder,
                                             std::uint32_t card_number) const;

    FleetPosture& posture() { return posture_; }
    const FleetPosture& posture() const { return posture_; }
    // By the core's clock alone, which nobody can set.
    void let_pass(std::chrono::milliseconds time);
    FleetCustomer& customer() { return customer_; }
    const std::optional<protocol::SpaRefused>& last_refusal() const { return refused_; }

    // With the phone's own certificate.
    net::HttpClientConfig client_config() const;

    std::string_view card_pan() const { return card_.profile().pan.clear_digits(); }
    const std::string& terminal() const { return terminal_; }
    const std::string& certificate_pem() const { return certificate_pem_; }

private:
    struct Memory;  // The platform of the trusted core, in memory.
    FleetPhone(card::VirtualCard card, Random& random, const Kind& kind);
    Result<protocol::SpaAnswer> prove(protocol::EnrolEvidence proof);
    Result<std::optional<protocol::SealedPin>> take_pin(std::int64_t amount_minor, Id128& permit);
    Result<void> connect();
    template <typename Answer>
    Result<Answer> ask_core(const protocol::TrustedRequest& request);
    protocol::Posture told() const;
    Result<void> obey(const std::vector<protocol::SignedBody>& commands);

    card::VirtualCard card_;
    FleetPosture posture_;
    FleetCustomer customer_;
    std::unique_ptr<Memory> memory_;
    std::unique_ptr<trust::TrustedCore> core_;
    FleetPlatform platform_;
    std::string key_pem_, certificate_pem_, terminal_;
    std::unique_ptr<net::HttpClient> client_;
    std::optional<protocol::SpaRefused> refused_;
    std::uint32_t trace_ = 0;
};

}  // namespace softpos::sim
