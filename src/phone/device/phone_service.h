// Takes payments on this phone: card, core, journal and platform in the one order that neither
// loses a payment nor takes one twice.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "host/durable_file.h"
#include "phone/device/enrolment.h"
#include "phone/device/idempotency_journal.h"
#include "phone/device/platform_client.h"
#include "phone/device/preflight.h"
#include "phone/device/relay.h"
#include "phone/device/service_status.h"
#include "phone/device/trust_relay.h"
#include "phone/device/ui_events.h"

#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace softpos::device {

struct PurchaseOrder {
    std::optional<Id128> key;  // Made here where the app brings none.
    std::int64_t amount_minor = 0;
    std::string reference;
};
struct VoidOrder {
    std::optional<Id128> key;
    std::string payment_id;         // Of the sale,
    std::optional<Id128> sale_key;  // or the key that the sale was made with.
};
struct RefundOrder {
    std::optional<Id128> key;
    std::string payment_id;
    std::int64_t amount_minor = 0;
};

struct WalletOrder {
    std::optional<Id128> key;
    std::int64_t amount_minor = 0;
    std::string reference;
    std::string payment_code;  // Of a payer, that a camera has read; or
    std::string channel;       // whose code is to be shown.
};

// A payment that was begun has a result, also a declined or an unknown one. A refusal means that
// nothing was begun.
using PaymentOutcome = std::expected<Payment, RefusalText>;

struct ServiceConfig {
    std::string state_dir;
    RelayLimits relay = {};
    PlatformLimits platform = {};
    JournalLimits journal = {};
};

// What the service is joined with; all of it outlives the service.
struct ServiceParts {
    const Clock& clock;
    Random& random;
    TrustedClient& core;
    posture::PostureSource& posture;
    EventFeed& feed;
    Pauses& pauses;
    std::function<Result<std::unique_ptr<hw::CardReader>>()> open_reader;
};

// Any thread may call. One payment at a time: a second one gets PAYMENT_IN_PROGRESS at once.
class PhoneService {
public:
    // Reads the state folder; what a crash left half is closed here: a payment of which nothing had
    // left the phone is declined, one that may have left waits for resolve_open().
    static Result<std::unique_ptr<PhoneService>> open(const ServiceConfig& config,
                                                      const ServiceParts& parts);

    // Block until there is a result: up to a minute for the card and as long for the platform.
    PaymentOutcome purchase(const PurchaseOrder& order);
    // A scanned code blocks until the payer has confirmed, or the minute is over. A code to show
    // comes back at once, in a payment that is indeterminate: ask for it until it is not.
    PaymentOutcome take_wallet(const WalletOrder& order);
    // Nobody pays what is shown any more. The payment as it stands then.
    PaymentOutcome give_up(const std::string& payment_id);
    PaymentOutcome void_sale(const VoidOrder& order);
    PaymentOutcome refund(const RefundOrder& order);

    // By the platform's identifier or by idempotency key. Asks the platform where that is needed.
    PaymentOutcome payment(const std::string& id_or_key);
    PaymentOutcome last();

    // True where the payment under way still waited for its card and will end as declined.
    bool cancel();

    std::expected<ServiceStatus, RefusalText> enrol(const EnrolOrder& order);
    ServiceStatus status();

    // Looks at every part with the real keys: the core signs a report, the platform takes it.
    Preflight preflight();

    // Tells the platform how the phone stands, and obeys what it answers. To be called now and
    // then: a phone that is silent is not trusted for long.
    Result<void> report();

    // Asks the platform about each payment of unknown outcome; returns how many stay unknown.
    std::size_t resolve_open();

private:
    enum class Phase : std::uint8_t { idle, tapping, sending };
    class Slot;  // Holds the one place for a payment.
    using Send = std::function<PlatformAnswer(PlatformClient&)>;

    PhoneService(const ServiceConfig& config, const ServiceParts& parts, host::Directory state)
        : config_(config),
          parts_(parts),
          state_(std::move(state)),
          trust_({.core = parts.core, .posture = parts.posture, .clock = parts.clock}) {}
    Result<void> start();

    std::expected<JournalEntry, RefusalText> begin(const JournalRequest& request);
    PaymentOutcome run_without_card(JournalRequest request, const Send& send);
    RelayResult tap(const JournalEntry& entry);
    // A PIN, where the card asks for one; else, or where there is none, `result` says why.
    std::optional<PinCall> take_pin(const JournalEntry& entry, RelayResult& result);
    std::optional<protocol::SealedPin> await_pin(RelayResult& result);
    void close_tap(RelayResult& result);
    std::string reference_from_platform(std::int64_t amount_minor);
    Payment decline(const JournalEntry& entry, RefusalText refusal, std::string state);
    Payment send(const JournalEntry& entry, const Send& send);
    Payment settle(const JournalEntry& entry, PlatformAnswer answer);
    Payment settle_poll(const JournalEntry& entry, PollResult result);
    Payment conclude(const JournalEntry& entry, Payment payment);
    Payment view(const JournalEntry& entry);
    Payment base_payment(const JournalEntry& entry) const;
    std::optional<Payment> stored(const JournalEntry& entry) const;
    void show(std::uint8_t message, const JournalEntry& entry);
    bool is_running(const Id128& key) const;
    std::shared_ptr<PlatformClient> platform() const;
    bool ensure_reader();

    ServiceConfig config_;
    ServiceParts parts_;
    host::Directory state_;
    TrustRelay trust_;
    std::unique_ptr<IdempotencyJournal> journal_;
    std::mutex reader_mutex_;  // Held for a whole tap; taken before mutex_.
    std::unique_ptr<hw::CardReader> reader_;

    mutable std::mutex mutex_;  // Guards what follows.
    Phase phase_ = Phase::idle;
    bool busy_ = false;
    bool cancel_wanted_ = false;
    Relay* relay_ = nullptr;  // While a tap runs; on the stack of its thread.
    std::optional<Id128> running_;
    std::optional<Enrolment> enrolment_;
    // Shared with the calls under way, so that a new enrolment can take its place meanwhile.
    std::shared_ptr<PlatformClient> platform_;
};

}  // namespace softpos::device
