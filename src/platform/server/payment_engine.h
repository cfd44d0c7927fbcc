// Runs payments: asks the pure machine for each step, makes the step durable, and only then does
// what it says. Restarts lose nothing: what was open is read from the store and goes on.
#pragma once

#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/refusal.h"
#include "net/timer.h"
#include "platform/channel/forward_queue.h"
#include "platform/keys/key_vault.h"
#include "platform/merchant/limits.h"
#include "platform/merchant/terminal.h"
#include "platform/pay/fees.h"
#include "platform/pay/payment_machine.h"
#include "platform/server/upstream.h"
#include "platform/server/worker_pool.h"
#include "platform/store/store.h"
#include "protocol/sealed_card.h"
#include "protocol/vault_requests.h"

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace softpos::server {

struct PinOrder {
    protocol::SealedPin pin;
    Id128 permit;  // Of purpose pin.
};

// What stands in for permit and sealed card where the terminal is no phone: its line was believed
// and its policy asked. The card as channel::card_of() gives it; empty of what needs none.
struct ClassicCard {
    SecretBytes card_tlv;
    std::optional<std::array<std::uint8_t, 8>> pin;  // Under the terminal's own working key.
};

struct PaymentOrder {
    merchant::Terminal terminal;
    pay::PaymentKind kind = pay::PaymentKind::purchase;
    Id128 idempotency_key;
    std::array<std::uint8_t, 32> body_digest{};
    std::int64_t amount_minor = 0;  // Of a void: ignored, it is the sale's.
    std::string reference;
    std::string card_method;    // Purchase: how the cardholder was verified.
    protocol::SealedCard card;  // Purchase.
    Id128 permit;               // Purchase: of the tap.
    std::optional<PinOrder> pin;
    Id128 original;                              // Void and refund.
    std::shared_ptr<const ClassicCard> classic;  // Of a classic terminal; else none.
};

// Either the payment as it stands when there is something to say, or why there is none.
struct PaymentReply {
    Refusal refusal = Refusal::none;
    std::optional<pay::Payment> payment;
};

// Who is told that a phone said a serial number that its key did not make. `done` is called once
// that is durable, from any thread.
class SerialGuard {
public:
    virtual ~SerialGuard() = default;
    virtual void serial_refused(const merchant::Terminal& terminal, std::function<void()> done) = 0;
};

struct PurchaseSecrets;

class PaymentEngine {
public:
    using Reply = std::function<void(PaymentReply)>;

    struct Parts {
        store::Store& store;
        keys::KeyVault& vault;
        Workers& workers;
        net::Timers& timers;
        const Clock& clock;
        Random& random;
        const pay::FeeTable& fees;
        const merchant::LimitTable& limits;
    };

    PaymentEngine(Parts parts, pay::PaymentRules rules);

    // The upstream and the engine need each other; the service joins them.
    void connect(Upstream& upstream, SerialGuard& guard) {
        upstream_ = &upstream;
        guard_ = &guard;
    }

    // Replies once: at the outcome, at the deadline, or at once with a refusal. From any thread.
    void submit(PaymentOrder order, Reply reply);

    // A line to the network came up: what waits for it goes now, and not when its time comes.
    void on_network_up();

    // What the network said.
    void on_incoming(Incoming incoming);

    // A classic terminal did not hear what became of a payment and takes it back. `done` is told,
    // once durable, whether nothing is or will be left of it; from any thread. unavailable where it
    // could not be written: ask again.
    void take_back(const Id128& payment, std::function<void(Result<bool>)> done);

    // Part of a work that suspends a terminal: every payment of it that may have left is given up,
    // so that it ends reversed. `after` performs what follows, once the work is durable.
    struct Abandoned {
        std::vector<Id128> payments;
        std::function<void()> after;
    };
    Result<Abandoned> abandon(store::Tx& tx, std::string_view terminal);
    // What else a terminal may have under way, given up in the same work. Before the first submit.
    using AlsoAbandon = std::function<Result<Abandoned>(store::Tx& tx, std::string_view terminal)>;
    void also_abandon(AlsoAbandon other) { also_abandon_ = std::move(other); }

    // Told of each purchase that the network was asked about, once, when it is known whether it was
    // approved; an unknown outcome is none. On the store's writer. Before the first submit.
    using Ended = std::function<void(const pay::Payment& payment, bool approved)>;
    void on_purchase_end(Ended ended) { ended_ = std::move(ended); }

    // Takes up everything that was open when the last process ended. Before the first submit.
    Result<std::size_t> recover();

private:
    struct Step;  // One event on its way through the store.
    void take_order(const std::shared_ptr<PaymentOrder>& order,
                    const std::shared_ptr<PurchaseSecrets>& secrets, Reply reply);
    void open_card(const std::shared_ptr<PaymentOrder>& order, Reply reply);
    Result<void> admit(store::Tx& tx, const PaymentOrder& order, const PurchaseSecrets* secrets,
                       Step& step);
    Result<Refusal> check_merchant(store::Tx& tx, const PaymentOrder& order);
    Result<pay::Payment> new_payment(store::Tx& tx, const PaymentOrder& order,
                                     const keys::OpenedCard* card,
                                     const std::optional<pay::Payment>& original);
    Result<void> write(store::Tx& tx, const pay::PaymentEvent& event, Step& step,
                       bool insert) const;
    void apply(const Id128& payment, pay::PaymentEvent event,
               std::optional<store::NetworkMessage> message = std::nullopt);
    void perform(const Step& step);
    void send(SendKind kind, const pay::Payment& payment, std::optional<pay::Payment> original);
    void not_sent(const pay::Payment& payment, const Error& error);
    void arm(const Id128& payment, Instant at, pay::EventKind kind, std::uint32_t attempt);
    void forward(SendKind kind, const pay::Payment& payment);
    void forward_next(const std::string& terminal);
    void forwarded(const pay::Payment& payment);
    void wait_for(const Id128& payment, Reply reply);
    void answer(const pay::Payment& payment);

    Parts parts_;
    pay::PaymentRules rules_;
    Upstream* upstream_ = nullptr;
    SerialGuard* guard_ = nullptr;
    AlsoAbandon also_abandon_;
    Ended ended_;
    std::mutex mutex_;               // Guards what follows.
    channel::ForwardQueue forward_;  // Reversals and repeats: of one terminal one at a time.
    std::map<Id128, std::vector<Reply>> waiting_;
    std::map<Id128, std::shared_ptr<PurchaseSecrets>> secrets_;  // Until the request has been sent.
};

}  // namespace softpos::server
