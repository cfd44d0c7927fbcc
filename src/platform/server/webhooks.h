// Tells acquirers what happened, as it happens: each event is posted to every address that wants
// it, signed, again and again until it was taken or a day is over.
//
// An event was written in the commit of what it tells, so none is lost and none is told of what did
// not happen. It may come twice: `softpos-event-id` stays the same.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "platform/server/number_box.h"
#include "platform/store/store.h"

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace softpos::server {

// Where an event goes. https anywhere; plain http to this machine only.
struct WebhookUrl {
    bool tls = true;
    std::string host;
    std::uint16_t port = 443;
    std::string target = "/";

    friend bool operator==(const WebhookUrl&, const WebhookUrl&) = default;
};
std::optional<WebhookUrl> parse_webhook_url(std::string_view url);

// "t=1790000000,v1=" and 64 hex digits: HMAC-SHA256 under the address's secret over the seconds, a
// full stop and the body. Whoever takes events compares it, and refuses old seconds.
std::string webhook_signature(Bytes secret, Instant at, std::string_view body);

// How long to wait in front of the next attempt; nullopt: it is given up.
std::optional<std::int64_t> webhook_pause_ms(std::uint32_t attempts);

class Webhooks {
public:
    struct Parts {
        store::Store& store;
        const NumberBox& numbers;
        const Clock& clock;
        Random& random;
        std::string ca_bundle;  // PEM: whom https addresses are proven by. Empty: none is.
        bool rounds = true;     // False: events stay in the outbox.
    };
    explicit Webhooks(Parts parts);
    ~Webhooks();
    Webhooks(const Webhooks&) = delete;
    Webhooks& operator=(const Webhooks&) = delete;

    struct Added {
        Id128 id;
        std::string secret;  // 64 hex digits, shown once.
    };
    // `topics`: "incident.opened device.state", or empty for all.
    Result<Added> add(std::string_view url, std::string_view topics);
    Result<void> disable(const Id128& id);  // not_found where there is none.

    // Something was written: do not wait for the next round. Does nothing once stopped.
    void nudge();

    // Ends the rounds, in front of the store's end. Nothing else of this may be called any more.
    void stop();

private:
    void run();
    Result<void> fan_out();
    Result<void> send_due();
    Result<void> send(store::DeliveryRow& delivery);

    Parts parts_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool nudged_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace softpos::server
