// The record of one payment out of a wallet (Alipay, WeChat Pay, UnionPay QR), or of money given
// back into one.
#pragma once

#include "base/clock.h"
#include "base/ids.h"
#include "base/money.h"
#include "base/refusal.h"
#include "platform/pay/business_date.h"
#include "platform/pay/fees.h"
#include "platform/pay/ledger.h"
#include "platform/pay/payment.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::pay {

// Numbers are stored: never renumber.
enum class WalletChannel : std::uint8_t { alipay = 1, wechat = 2, unionpay = 3 };
inline constexpr std::array wallet_channels{WalletChannel::alipay, WalletChannel::wechat,
                                            WalletChannel::unionpay};

// Who shows and who scans. scan: the merchant scans the payer's payment code (被扫). show: the
// payer scans a code that was made for this one amount (主扫).
enum class WalletWay : std::uint8_t { scan = 1, show = 2 };

// A payment: received -> started -> waiting -> paid | closing; closing -> cancelled | stuck.
// started may also end at once: paid, or failed where the wallet refuses. Money given back:
// received -> started -> waiting -> paid | failed | stuck, where paid says that the wallet did it.
// From closing on a payment never becomes paid: the cancellation wins over whatever comes late.
enum class TradeState : std::uint8_t {
    received = 1,
    started = 2,  // The request is on its way, or nobody knows whether it was.
    waiting = 3,  // The payer must act, or the wallet is being asked what became of it.
    closing = 4,  // Being cancelled until the wallet says that it is.
    paid = 5,
    cancelled = 6,
    failed = 7,
    stuck = 8,  // Given up after trade_ms_max: a person decides.
};

struct WalletTrade {
    Id128 id = {};  // From new_id(): names its shard. Its text is the number that wallets know.
    PaymentKind kind = PaymentKind::purchase;
    WalletChannel channel = WalletChannel::alipay;
    WalletWay way = WalletWay::scan;
    TradeState state = TradeState::received;
    std::uint32_t version = 0;  // Steps taken.

    std::string merchant = {};
    std::string terminal = {};
    std::int64_t amount_minor = 0;
    Currency currency = Currency::cny;
    std::string reference = {};
    Id128 idempotency_key = {};
    std::array<std::uint8_t, 32> body_digest{};
    Id128 original = {};  // The payment that a void or refund is about.

    std::string code = {};          // What the payer scans; of a shown one.
    std::string wallet_trade = {};  // The wallet's own number.
    std::string payer = {};         // The wallet's name for whoever paid; never an account number.
    std::string wallet_code = {};   // Its last word: "10003", "USERPAYING"; for the record.
    Refusal refusal = Refusal::none;
    BusinessDate settlement_date = {};

    FeeSplit fee = {};
    FeeReturn fee_return = FeeReturn::none;
    std::int64_t refunded_minor = 0;
    std::int64_t refunding_minor = 0;  // Voids and refunds under way.
    bool voided = false;

    Instant created_at = {};
    Instant deadline_at = {};  // The payer's time ends: the last question, then the cancellation.
    Instant answered_at = {};
    std::uint32_t attempts = 0;  // Questions in waiting, cancellations in closing, repeats.
    Instant next_at = {};        // Of the next one; zero where none is due.
    bool late_paid = false;      // The wallet spoke of money after we had let go of it.

    friend bool operator==(const WalletTrade&, const WalletTrade&) = default;
};

bool is_open(TradeState state);
bool is_final(TradeState state);  // But for money that comes late: that is given back.
PaymentResult result_of(const WalletTrade& trade);

std::string_view name_of(WalletChannel channel);  // "alipay", "wechat", "unionpay"
std::string_view name_of(WalletWay way);          // "scan", "show"
std::string_view name_of(TradeState state);       // "paid", …
std::optional<WalletChannel> wallet_channel(std::string_view name);
std::optional<WalletChannel> wallet_channel(std::int64_t stored);
std::optional<WalletWay> wallet_way(std::string_view name);
std::optional<WalletWay> wallet_way(std::int64_t stored);
std::optional<TradeState> trade_state(std::int64_t stored);

// The transfers of money that came, and of money that went back.
std::vector<Transfer> post_wallet_sale(const WalletTrade& trade);
std::vector<Transfer> post_wallet_refund(const WalletTrade& refund);

}  // namespace softpos::pay
