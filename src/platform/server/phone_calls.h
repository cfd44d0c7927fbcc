// What phones call: enrolment with an activation code, then payments with the certificate that
// enrolment gave them.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "crypto/x509.h"
#include "net/http_message.h"
#include "net/http_server.h"
#include "platform/keys/key_vault.h"
#include "platform/merchant/activation.h"
#include "platform/merchant/terminal.h"
#include "platform/server/payment_engine.h"
#include "platform/store/store.h"

#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace softpos::server {

class PhoneCalls {
public:
    struct Parts {
        store::Store& store;
        keys::KeyVault& vault;
        WorkerPool& workers;
        PaymentEngine& engine;
        const Clock& clock;
        Random& random;
        const crypto::CertAndKey& ca;
        const std::string& emv_parameters;  // Text handed to each phone's trusted core.
    };

    explicit PhoneCalls(Parts parts) : parts_(parts) {}

    // On the HTTP thread; whatever waits goes to the workers.
    void handle(net::HttpRequest request, net::Responder respond);

    // A terminal was changed by the acquirer: what is remembered of it is read again.
    void forget(const Id128& terminal);

private:
    void enrol(const net::HttpRequest& request, const net::Responder& respond);
    net::HttpResponse enrol_now(const std::string& body);
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
    std::optional<merchant::Terminal> terminal_of(const net::HttpRequest& request);

    Parts parts_;
    std::mutex mutex_;
    std::map<Id128, merchant::Terminal> known_;
    merchant::AttemptLimit attempts_{merchant::AttemptLimit::Rule{}};
};

}  // namespace softpos::server
