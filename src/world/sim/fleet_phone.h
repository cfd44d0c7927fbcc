// A phone of a simulated fleet: a real trusted core and a real virtual card, without processes and
// readers around them, so that one machine can hold hundreds. What it sends is what a phone sends.
#pragma once

#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "net/http_client.h"
#include "phone/trust/trusted_core.h"
#include "phone/trust/trusted_platform.h"
#include "world/card/virtual_card.h"

#include <memory>
#include <string>

namespace softpos::sim {

// Where phones call, and by what they recognise it.
struct FleetPlatform {
    std::string host = "127.0.0.1";
    std::uint16_t phone_port = 0;
    std::string ca_pem;
};

class FleetPhone {
public:
    // `number` makes its card's number: up to 999999 different ones.
    static Result<std::unique_ptr<FleetPhone>> make(const std::string& cards_folder,
                                                    std::uint32_t number, Random& random);
    ~FleetPhone();

    // Takes an activation code to the platform, as the phone services do.
    Result<void> enrol(const FleetPlatform& platform, const std::string& activation_code);

    // One tap with its card; the body of POST /v1/phone/payments.
    Result<std::string> tap(std::int64_t amount_minor, const Id128& idempotency_key, Instant now);

    // With the phone's own certificate.
    net::HttpClientConfig client_config() const;

    std::string_view card_pan() const { return card_.profile().pan.clear_digits(); }
    const std::string& terminal() const { return terminal_; }

private:
    struct Memory;  // The platform of the trusted core, in memory.
    FleetPhone(card::VirtualCard card, Random& random);
    template <typename Answer>
    Result<Answer> ask(const protocol::TrustedRequest& request);

    card::VirtualCard card_;
    std::unique_ptr<Memory> memory_;
    std::unique_ptr<trust::TrustedCore> core_;
    FleetPlatform platform_;
    std::string key_pem_, certificate_pem_, terminal_;
    std::uint32_t trace_ = 0;
};

}  // namespace softpos::sim
