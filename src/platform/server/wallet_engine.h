// Runs payments out of wallets: asks the pure machine for each step, makes the step durable, and
// only then talks to the wallet. Restarts lose nothing: what was open is read from the store, and
// what may have left counts as unanswered.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "base/refusal.h"
#include "net/timer.h"
#include "platform/merchant/limits.h"
#include "platform/merchant/terminal.h"
#include "platform/pay/fees.h"
#include "platform/pay/qr_limits.h"
#include "platform/pay/wallet_machine.h"
#include "platform/server/outside.h"
#include "platform/server/payment_engine.h"
#include "platform/server/wallet_config.h"
#include "platform/server/worker_pool.h"
#include "platform/store/store.h"

#include <array>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace softpos::server {

struct TradeOrder {
    merchant::Terminal terminal;
    pay::PaymentKind kind = pay::PaymentKind::purchase;
    Id128 idempotency_key;
    std::array<std::uint8_t, 32> body_digest{};
    std::int64_t amount_minor = 0;  // Of a void: ignored, it is the payment's.
    std::string reference;
    pay::WalletWay way = pay::WalletWay::scan;
    pay::WalletChannel channel{};  // Of a purchase that shows; scan sees it by the code.
    std::string payment_code;      // Of a purchase that scans; it is not kept.
    Id128 permit;                  // Purchase: of purpose qr_scan or qr_show.
    Id128 original;                // Void and refund.
};

// Either the trade as it stands when there is something to say, or why there is none.
struct TradeReply {
    Refusal refusal = Refusal::none;
    std::optional<pay::WalletTrade> trade;
};

class WalletEngine {
public:
    using Reply = std::function<void(TradeReply)>;

    struct Parts {
        store::Store& store;
        Workers& workers;  // Of its own: they wait for wallets.
        net::Timers& timers;
        const Clock& clock;
        Random& random;
        const pay::FeeTable& fees;
        const merchant::LimitTable& limits;
        const pay::QrLimits& qr_limits;
        WalletLines lines;
        WalletAsk ask;
    };
    WalletEngine(Parts parts, pay::TradeRules rules);

    // Replies once: at the outcome, when a code can be shown, when the payer has to confirm, or at
    // once with a refusal. From any thread.
    void submit(TradeOrder order, Reply reply);

    // The cashier does not wait any longer. Replies with the trade as it stands then.
    void give_up(const Id128& trade, Reply reply);

    // Part of a work that suspends a terminal: the payers of all of its trades have no more time.
    Result<PaymentEngine::Abandoned> abandon(store::Tx& tx, std::string_view terminal);

    // What a wallet says unasked. none where it was taken and is durable, or was known.
    void notice(pay::WalletChannel channel, const wallet::Headers& headers, std::string_view body,
                std::function<void(Refusal)> taken);
    // What to answer to a notice that was taken.
    std::string notice_taken(pay::WalletChannel channel) const;

    // Takes up everything that was open when the last process ended. Before the first submit.
    Result<std::size_t> recover();

private:
    struct Step;  // One event on its way through the store.
    Refusal find_channel(TradeOrder& order) const;
    Result<void> admit(store::Tx& tx, const TradeOrder& order, Step& step);
    Result<Refusal> check(store::Tx& tx, const TradeOrder& order);
    Result<pay::WalletTrade> new_trade(const TradeOrder& order,
                                       const std::optional<pay::WalletTrade>& original);
    static Result<void> write(store::Tx& tx, const pay::TradeTransition& to, bool insert);
    void apply(const Id128& trade, pay::TradeEvent event,
               std::function<void(const Result<void>&)> done = {});
    Result<bool> over_limit(store::Tx& tx, const pay::WalletTrade& trade,
                            const pay::TradeEvent& event) const;
    void perform(const Step& step);
    void call(pay::WalletCall what, const pay::WalletTrade& trade,
              std::optional<pay::WalletTrade> original);
    Result<pay::TradeEvent> talk(const wallet::WalletOrder& order, const WalletLine& line);
    void arm(const pay::WalletTrade& trade, Instant at);
    void answer(const pay::WalletTrade& trade);

    Parts parts_;
    pay::TradeRules rules_;
    std::mutex mutex_;  // Guards the two maps.
    std::map<Id128, std::vector<Reply>> waiting_;
    std::map<Id128, std::string> codes_;  // Payment codes, until the request has been sent.
};

}  // namespace softpos::server
