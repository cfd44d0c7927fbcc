// Fuzz: what nobody signed is never believed, and what is signed never names more money than there
// is.
// links: wallet pay crypto codec base
#include "base/check.h"
#include "base/money.h"
#include "platform/channel/wallet/signing.h"
#include "platform/channel/wallet/wallet_dialect.h"

namespace {

using namespace softpos;

struct Sides {
    crypto::RsaKey theirs = crypto::RsaKey::generate(2048).value();
    std::unique_ptr<wallet::WalletDialect> alipay =
        wallet::alipay_dialect({.app_id = "1",
                                .key = crypto::RsaKey::generate(2048).value(),
                                .alipay_key = crypto::PublicKey::from_spki(theirs.spki()).value()});
};

void check(const Result<pay::TradeEvent>& event) {
    if (!event || !event->amount_minor) return;
    CHECK(*event->amount_minor >= 0 && *event->amount_minor <= amount_minor_max);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Sides sides;
    const std::string text(reinterpret_cast<const char*>(data), size);
    const wallet::Headers none;
    const pay::WalletTrade trade;
    const Instant now{1'790'000'000'000};
    CHECK(!sides.alipay->notice({.status = 0, .headers = none, .body = text, .now = now}));
    for (const auto call :
         {pay::WalletCall::pay, pay::WalletCall::query, pay::WalletCall::cancel}) {
        const wallet::WalletOrder order{.call = call, .trade = trade, .now = now, .nonce = "n"};
        CHECK(!sides.alipay->answer(order, {.headers = none, .body = text, .now = now}));
        const std::string_view name = call == pay::WalletCall::pay     ? "pay"
                                      : call == pay::WalletCall::query ? "query"
                                                                       : "cancel";
        const std::string body = "{\"alipay_trade_" + std::string(name) + "_response\":" + text +
                                 ",\"sign\":\"" +
                                 wallet::sign_text(sides.theirs, text).value_or("") + "\"}";
        check(sides.alipay->answer(order, {.headers = none, .body = body, .now = now}));
    }
    return 0;
}
