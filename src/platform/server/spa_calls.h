// POST /v1/spa: how phones enrol, get permits and report, in SPA/1. Every answer is a message of
// SPA/1, refusals too: a phone learns that it was refused and where to ask, never why.
#pragma once

#include "base/clock.h"
#include "net/http_message.h"
#include "net/http_server.h"
#include "platform/merchant/activation.h"
#include "platform/server/enrolment.h"
#include "platform/server/permit_desk.h"
#include "platform/server/terminal_directory.h"
#include "platform/server/worker_pool.h"

#include <mutex>

namespace softpos::server {

class SpaCalls {
public:
    struct Parts {
        Workers& workers;
        Enrolment& enrolment;
        PermitDesk& permits;
        TerminalDirectory& terminals;
        const Clock& clock;
    };
    explicit SpaCalls(Parts parts) : parts_(parts) {}

    // On the HTTP thread; everything else on workers.
    void handle(net::HttpRequest request, net::Responder respond);

private:
    void answer(const net::HttpRequest& request, const net::Responder& respond);
    void enrol(const protocol::SpaRequest& message, const net::HttpRequest& request,
               const net::Responder& respond);

    Parts parts_;
    std::mutex mutex_;
    merchant::AttemptLimit attempts_{merchant::AttemptLimit::Rule{}};
};

}  // namespace softpos::server
