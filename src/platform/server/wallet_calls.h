// Payments out of wallets, as phones ask for them and as wallets tell of them.
//
// A phone posts either of
//   {"idempotency_key", "amount_minor", "currency", "permit", "reference"?, "way": "scan",
//    "payment_code"}
//   {..., "way": "show", "channel": "alipay"}
#pragma once

#include "net/http_message.h"
#include "net/http_server.h"
#include "platform/merchant/terminal.h"
#include "platform/server/wallet_engine.h"
#include "platform/store/store.h"

#include <string_view>

namespace softpos::server {

constexpr std::string_view wallet_payments_path = "/v1/phone/payments/wallet";

class WalletCalls {
public:
    struct Parts {
        store::Store& store;
        Workers& workers;
        WalletEngine& engine;
    };
    explicit WalletCalls(Parts parts) : parts_(parts) {}

    void purchase(const net::HttpRequest& request, net::Responder respond,
                  const merchant::Terminal& terminal);

    struct GiveBack {
        const merchant::Terminal& terminal;
        Id128 original;
        pay::PaymentKind kind = pay::PaymentKind::refund;
        Id128 idempotency_key;
        std::int64_t amount_minor = 0;
    };
    void give_back(const GiveBack& wanted, net::Responder respond);
    void give_up(std::string_view trade, net::Responder respond,
                 const merchant::Terminal& terminal);

    // Whether this is one of ours rather than a card's.
    bool knows(const Id128& trade);

    // What comes to /v1/wallets/CHANNEL: no key, the wallet's signature speaks for it.
    void notice(const net::HttpRequest& request, net::Responder respond);

private:
    void submit(TradeOrder order, net::Responder respond);
    std::optional<pay::WalletTrade> find(const Id128& trade);

    Parts parts_;
};

}  // namespace softpos::server
