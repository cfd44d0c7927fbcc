// The part of the acquirer's API that is about phones:
//
//   GET  /v1/terminals?state=SUSPENDED&after=N    phones, by terminal number
//   GET  /v1/terminals/{}                         state, grade, findings, filing, commands
//   GET  /v1/terminals/{}/evidence?after=N        what it showed, each row chained to the last
//   POST /v1/terminals/{}/suspend|resume|release|retire
//   POST /v1/terminals/{}/commands                {"action": "collect"}
//   GET  /v1/incidents?after=ID                   newest first
//   GET  /v1/incidents/{}                         POST /v1/incidents/{}/close
//   GET  /v1/policies                             POST /v1/policies {"policy", "signature"}
//   POST /v1/policies/{}/activate
//   POST /v1/policies/dry-run {"policy"}          what it would have done so far
//   GET  /v1/trials                               newest first; GET /v1/trials/{}
//   POST /v1/trials {"policy_version", "app_version", "sdk_version", "share_per_mille", "promotes"}
//   POST /v1/trials/{}/end|promote
//   GET  /v1/webhooks                             POST /v1/webhooks {"url", "topics"}
//   POST /v1/webhooks/{}/disable
#pragma once

#include "base/clock.h"
#include "net/http_message.h"
#include "platform/attest/evidence.h"
#include "platform/server/device_desk.h"
#include "platform/server/policy_shelf.h"
#include "platform/server/trial_desk.h"
#include "platform/server/webhooks.h"
#include "platform/store/store.h"

#include <optional>
#include <string>
#include <string_view>

namespace softpos::server {

// Everything here may wait: on a worker.
class TrustCalls {
public:
    struct Parts {
        store::Store& store;
        DeviceDesk& devices;
        PolicyShelf& policies;
        TrialDesk& trials;
        Webhooks& webhooks;
        const attest::EvidenceTrust& evidence;
        const Clock& clock;
    };
    explicit TrustCalls(Parts parts) : parts_(parts) {}

    // nullopt for a path that is none of these.
    std::optional<net::HttpResponse> answer(const net::HttpRequest& request);

private:
    std::optional<net::HttpResponse> get(const net::HttpRequest& request, std::string_view path);
    std::optional<net::HttpResponse> post(const net::HttpRequest& request, std::string_view path);
    net::HttpResponse list_devices(const std::string& target);
    net::HttpResponse show_device(std::string_view terminal);
    net::HttpResponse list_evidence(std::string_view terminal, const std::string& target);
    net::HttpResponse act(std::string_view terminal, monitor::DeviceEventKind kind,
                          const std::string& body);
    net::HttpResponse command(std::string_view terminal, const std::string& body);
    net::HttpResponse list_incidents(const std::string& target);
    net::HttpResponse show_incident(std::string_view id);
    net::HttpResponse close_incident(std::string_view id, const std::string& body);
    net::HttpResponse list_policies();
    net::HttpResponse upload_policy(const std::string& body);
    net::HttpResponse dry_run(const std::string& body);
    net::HttpResponse activate_policy(std::string_view version, const std::string& body);
    net::HttpResponse list_trials();
    net::HttpResponse show_trial(std::string_view id);
    net::HttpResponse start_trial(const std::string& body);
    net::HttpResponse end_trial(std::string_view id, bool promote, const std::string& body);
    net::HttpResponse list_webhooks();
    net::HttpResponse add_webhook(const std::string& body);
    net::HttpResponse disable_webhook(std::string_view id, const std::string& body);

    Parts parts_;
};

}  // namespace softpos::server
