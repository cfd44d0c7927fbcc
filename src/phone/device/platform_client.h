// The phone's calls to the platform, and what each possible answer means for the payment.
#pragma once

#include "base/clock.h"
#include "base/ids.h"
#include "net/http_client.h"
#include "phone/device/payment.h"
#include "protocol/spa.h"
#include "protocol/trusted_call.h"

#include <expected>
#include <memory>
#include <mutex>
#include <string>

namespace softpos::device {

struct ServerAddress {
    std::string host;
    std::uint16_t port = 443;
};
// "https://pay.example:8443" and nothing behind it. denied for anything but https.
Result<ServerAddress> parse_server_url(std::string_view url);

struct PlatformIdentity {
    ServerAddress address;
    std::string ca_pem;    // What the platform's certificate must be under.
    std::string cert_pem;  // The phone's own; empty only while it is being enrolled.
    std::string key_pem;
};

struct PlatformLimits {
    std::uint32_t answer_ms = 60'000;  // For a payment: longer than the platform waits itself.
    std::uint32_t status_ms = 10'000;
    std::uint32_t spa_ms = 15'000;      // The customer holds the card already.
    std::uint32_t poll_first_ms = 500;  // Then twice as long each time.
    std::uint32_t poll_pause_ms_max = 5'000;
    std::int64_t poll_total_ms = 60'000;
    // A request that was given up may still lie in a queue on its way. Only when the platform does
    // not know the key so long afterwards was it never taken.
    std::int64_t not_found_grace_ms = 120'000;
};

// Waits between polls, so that tests need not. False where the program stops.
class Pauses {
public:
    virtual ~Pauses() = default;
    virtual bool pause(std::uint32_t ms) = 0;
};

// payment: the platform knows it (its result may still be indeterminate). refused: it did not take
// it. not_sent: nothing left this phone. unknown: anything may have happened; ask. not_found: only
// for status, the platform has no such payment.
enum class AnswerKind : std::uint8_t { payment, refused, not_sent, unknown, not_found };
struct PlatformAnswer {
    AnswerKind kind = AnswerKind::unknown;
    Payment payment;      // With payment.
    RefusalText refusal;  // With the rest.
};

// What was asked for: an answer about something else counts as none.
struct Expected {
    PaymentKind kind = PaymentKind::purchase;
    std::int64_t amount_minor = 0;  // Not looked at for a void.
};
PlatformAnswer judge_payment(const Result<net::HttpResponse>& answered, const Expected& expected);
PlatformAnswer judge_status(const Result<net::HttpResponse>& answered);

// A PIN as the trusted core gave it, and the permit under which it was asked for.
struct PinCall {
    protocol::SealedPin pin;
    Id128 permit;
};

struct PurchaseCall {
    Id128 key;
    std::int64_t amount_minor = 0;
    std::string reference;
    protocol::SealedCard card;
    protocol::TapCvm cvm = protocol::TapCvm::none;
    Id128 permit;  // That the tap ran under.
    std::optional<PinCall> pin = {};
};
std::string purchase_json(const PurchaseCall& call);

// A payment out of a wallet: a payer's code that was scanned, or a wallet whose code is to be
// shown.
struct WalletCall {
    Id128 key;
    std::int64_t amount_minor = 0;
    std::string reference;
    std::string payment_code;  // To scan; or
    std::string channel;       // "alipay", to show.
    Id128 permit;
};
std::string wallet_json(const WalletCall& call);

// Any thread may call: payments wait for each other, and so do status queries and what SPA/1 has to
// say, on three connections.
class PlatformClient {
public:
    static Result<std::unique_ptr<PlatformClient>> make(const PlatformIdentity& identity,
                                                        const PlatformLimits& limits = {});

    PlatformAnswer purchase(const PurchaseCall& call);
    PlatformAnswer wallet(const WalletCall& call);
    // The payment as it stands then.
    PlatformAnswer give_up(const std::string& payment_id);
    PlatformAnswer void_sale(const std::string& payment_id, const Id128& key);
    PlatformAnswer refund(const std::string& payment_id, const Id128& key,
                          std::int64_t amount_minor);

    PlatformAnswer status_by_key(const Id128& key);
    PlatformAnswer status(const std::string& payment_id);

    // One message of SPA/1 and the answer to it, whatever it is. unavailable where none came,
    // malformed where it cannot be read. The same message again is safe.
    Result<protocol::SpaAnswer> spa(const protocol::SpaRequest& request);

    const PlatformLimits& limits() const { return limits_; }

private:
    struct Line {
        std::mutex mutex;
        std::unique_ptr<net::HttpClient> http;
    };
    explicit PlatformClient(const PlatformLimits& limits) : limits_(limits) {}
    Result<net::HttpResponse> post(const std::string& target, std::string body);
    Result<net::HttpResponse> get(const std::string& target);

    PlatformLimits limits_;
    Line payments_;
    Line queries_;
    Line spa_;
};

// Asks for the status by key until the outcome is known, the time is over or the program stops.
// declined with SERVER_UNAVAILABLE where the platform never took it; indeterminate otherwise.
struct PollRequest {
    Id128 key;
    Expected expected;
    Instant sent_at;
};
enum class Settled : std::uint8_t { known, never_taken, still_unknown };
struct PollResult {
    Settled settled = Settled::still_unknown;
    Payment payment;  // With known; with still_unknown what was last heard, where anything was.
};
PollResult ask_once(PlatformClient& platform, const PollRequest& request, Instant now);
PollResult poll_until_known(PlatformClient& platform, const PollRequest& request,
                            const Clock& clock, Pauses& pauses);

}  // namespace softpos::device
