// What the acquirer's own systems call, with an API key: merchants and terminals, payments, the
// books, and the end of a business day.
//
//   POST /v1/merchants                      an application; checked at once, field by field
//   GET  /v1/merchants/{}                   POST /v1/merchants/{}/approve|activate|suspend|…
//   GET  /v1/merchants/{}/balance           GET  /v1/merchants/{}/payments?after=ID
//   POST /v1/merchants/{}/terminals         a number, an activation code, the key for the network
//                                           or with "classic": a terminal that is no phone
//   POST /v1/terminals/{}/activation        a code for another phone, or the same one again
//   POST /v1/terminals/{}/classic           what a classic terminal may do
//   GET  /v1/payments/{}                    with its history
//   GET  /v1/ledger                         every account, and that the books sum to zero
//   POST /v1/days/{}/settle                 reports every terminal's batch to the network
//   POST /v1/days/{}/clearing               the network's file, as text
//   POST /v1/days/{}/reconcile              three ways, to zero; books the differences
//   POST /v1/days/{}/payouts                what each merchant is paid, and the file for the bank
//   GET  /v1/status
//
// Phones, cases, policies and webhooks are in trust_calls.h.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "net/http_message.h"
#include "net/http_server.h"
#include "platform/keys/key_vault.h"
#include "platform/merchant/activation.h"
#include "platform/server/day_closer.h"
#include "platform/server/number_box.h"
#include "platform/server/settlement_jobs.h"
#include "platform/server/trust_calls.h"
#include "platform/server/upstream.h"
#include "platform/server/worker_pool.h"
#include "platform/store/store.h"

#include <string>
#include <string_view>
#include <utility>

namespace softpos::server {

class AcquirerCalls {
public:
    struct Parts {
        store::Store& store;
        keys::KeyVault& vault;
        Workers& workers;
        Upstream& upstream;
        SettlementJobs& settlement;
        const DayCloser* closer;  // May be none.
        TrustCalls& trust;
        const Clock& clock;
        Random& random;
        const NumberBox& numbers;
        std::string acquirer_code;  // First three characters of every merchant number.
        std::string maker_id;       // First six digits of every serial number.
    };

    explicit AcquirerCalls(Parts parts) : parts_(std::move(parts)) {}

    void handle(net::HttpRequest request, net::Responder respond);

private:
    Refusal authenticate(const net::HttpRequest& request);
    net::HttpResponse answer(const net::HttpRequest& request);
    net::HttpResponse get(const net::HttpRequest& request);
    net::HttpResponse post(const net::HttpRequest& request);
    net::HttpResponse apply(const std::string& body);
    net::HttpResponse act(std::string_view merchant, std::string_view action,
                          const std::string& body);
    net::HttpResponse add_terminal(std::string_view merchant, const std::string& body);
    struct NewTerminal;
    Result<void> number_terminal(NewTerminal& made);
    Result<void> keep_terminal(const NewTerminal& made, const merchant::ActivationCode* code);
    net::HttpResponse finish_phone(NewTerminal& made, const keys::MasterKeyExport& key);
    net::HttpResponse finish_classic(NewTerminal& made, const keys::MasterKeyExport& key);
    net::HttpResponse change_classic(std::string_view terminal, const std::string& body);
    std::pair<std::string, merchant::ActivationCode> new_code(const Id128& terminal,
                                                              const std::string& merchant);
    net::HttpResponse add_activation(std::string_view terminal, const std::string& body);
    net::HttpResponse show_merchant(std::string_view merchant);
    net::HttpResponse show_balance(std::string_view merchant);
    enum class Listed : std::uint8_t { cards, wallets };
    net::HttpResponse list_payments(std::string_view number, const std::string& target,
                                    Listed kind);
    net::HttpResponse show_payment(std::string_view id);
    net::HttpResponse show_ledger();
    net::HttpResponse show_status();

    Parts parts_;
};

}  // namespace softpos::server
