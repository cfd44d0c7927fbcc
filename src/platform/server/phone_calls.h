// What phones call with the certificate that enrolment gave them: payments. How they enrol and get
// permits stands in spa_calls.h.
#pragma once

#include "net/http_message.h"
#include "net/http_server.h"
#include "platform/merchant/terminal.h"
#include "platform/server/payment_engine.h"
#include "platform/server/terminal_directory.h"
#include "platform/server/wallet_calls.h"
#include "platform/store/store.h"

#include <string>

namespace softpos::server {

class PhoneCalls {
public:
    struct Parts {
        store::Store& store;
        Workers& workers;
        PaymentEngine& engine;
        TerminalDirectory& terminals;
        WalletCalls& wallets;
    };

    explicit PhoneCalls(Parts parts) : parts_(parts) {}

    // On the HTTP thread; whatever waits goes to the workers.
    void handle(net::HttpRequest request, net::Responder respond);

private:
    void payments(const net::HttpRequest& request, net::Responder respond,
                  const merchant::Terminal& terminal);
    void purchase(const net::HttpRequest& request, net::Responder respond,
                  const merchant::Terminal& terminal);
    void follow_up(const net::HttpRequest& request, net::Responder respond,
                   const merchant::Terminal& terminal, std::string_view original,
                   pay::PaymentKind kind);
    void find(const net::HttpRequest& request, net::Responder respond,
              const merchant::Terminal& terminal);
    net::HttpResponse find_now(const std::string& target, const merchant::Terminal& terminal);
    void submit(PaymentOrder order, net::Responder respond);

    Parts parts_;
};

}  // namespace softpos::server
