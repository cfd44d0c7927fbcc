// Drives a trade with a wallet until it is paid or cancelled, never both: asks every few seconds,
// asks once more when the payer's time is over and cancels right behind that answer, and goes on
// cancelling until the wallet says that it is done.
//
// Pure, and write-ahead by contract like payment_machine.h: effects are performed only after what
// the step gave is durable. An event that comes twice changes nothing.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "platform/pay/wallet_trade.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace softpos::pay {

struct TradeRules {
    std::int64_t poll_ms = 4'000;     // Between questions. Spec: [ALIPAY-OPEN] 3 to 5 s.
    std::int64_t scan_ms = 60'000;    // For the payer to confirm on their phone.
    std::int64_t show_ms = 120'000;   // For a shown code to be paid.
    std::int64_t answer_ms = 40'000;  // A call that is silent for so long counts as lost.
    std::int64_t cancel_ms = 2'000;   // To the first repeat of a cancellation; doubles.
    std::int64_t cancel_ms_max = 300'000;
};
constexpr std::int64_t trade_ms_max = 24LL * 60 * 60 * 1000;
constexpr std::uint32_t trade_attempts_max = 4'000;  // Where the clock was set back.

// give_back is a refund, or of a void the cancellation of what was paid.
enum class WalletCall : std::uint8_t { pay = 1, make_code, query, cancel, give_back };

// What an answer of a wallet, or the lack of one, says.
enum class WalletWord : std::uint8_t {
    paid,       // Of pay and query: the money moved.
    done,       // Of make_code, cancel and give_back: what was asked for is so.
    waiting,    // The payer has still to act.
    unknown,    // No answer, none that can be believed, or "system error".
    refused,    // Final, and no money moved.
    closed,     // Of query: closed at the wallet, and the payer has the money.
    not_found,  // Of query and cancel: the wallet has no such trade.
};

enum class TradeEventKind : std::uint8_t {
    submit = 1,
    answered = 2,  // To `call`.
    notified = 3,  // The wallet says unasked that it was paid; its signature is right.
    due = 4,       // `attempt` is the number that the next question or repeat would have.
    give_up = 5,   // The cashier does not wait any longer.
};

struct TradeEvent {
    TradeEventKind kind{};
    Instant at = {};
    WalletCall call{};                              // answered
    WalletWord word = WalletWord::unknown;          // answered
    std::uint32_t attempt = 0;                      // due; answered: of the question it answers.
    std::optional<std::int64_t> amount_minor = {};  // Where the wallet named one.
    std::string wallet_trade = {};
    std::string wallet_code = {};
    std::string payer = {};
    std::string code = {};  // answered make_code
    // Where it says paid: with it the payer paid more than codes may carry in a day, so that it is
    // given back. The caller knows, and sees it in the work that makes the step durable.
    bool over_limit = false;
    Refusal refusal = Refusal::none;  // answered refused: what the cashier is told.
};

struct TradeEffect {
    enum class Kind : std::uint8_t {
        call,           // Send `call`; feed its answer back in, unknown where none comes.
        arm,            // Feed due{attempt = next.attempts + 1} in at `at`.
        answer_caller,  // There is a result, or a code to show.
        call_operator,
    };
    Kind kind{};
    WalletCall call{};
    Instant at = {};
    friend bool operator==(const TradeEffect&, const TradeEffect&) = default;
};

struct TradeContext {
    WalletTrade trade = {};
    std::optional<WalletTrade> original = {};  // Of a void or refund.
    TradeRules rules = {};
};

struct TradeTransition {
    bool changed = false;
    WalletTrade next = {};
    std::optional<WalletTrade> original = {};  // Set where the payment changed too.
    std::vector<TradeEffect> effects = {};
    std::vector<Transfer> postings = {};
};

// conflict: the event does not fit the state. Nothing changes then.
Result<TradeTransition> step(const TradeContext& context, const TradeEvent& event);

// Refusal::none, or why not. step() asks it too when a void or refund is submitted.
Refusal may_give_back(const WalletTrade& trade, const WalletTrade& original, Instant now);

// After a restart: what to feed an open trade; nullopt where it is not open.
std::optional<TradeEvent> recovery_event(const WalletTrade& trade, Instant now);

}  // namespace softpos::pay
