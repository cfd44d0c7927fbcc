// The calls about trials. Split from trust_calls.cc for its size only.
#include "base/log.h"
#include "codec/strict_json.h"
#include "platform/server/answers.h"
#include "platform/server/trust_calls.h"

namespace softpos::server {
namespace {

net::HttpResponse refuse_trial(const Error& error) {
    log(LogLevel::warning, "trial call failed", error);
    if (error.kind == ErrorKind::not_found) return refuse(Refusal::not_found);
    if (error.kind == ErrorKind::conflict) return refuse(Refusal::bad_value, {}, "state");
    return refuse(refusal_of(error));
}

net::HttpResponse answer_trial(const Result<TrialView>& view, unsigned status) {
    if (!view) return refuse_trial(view.error());
    return {.status = status, .body = trial_text(*view)};
}

}  // namespace

net::HttpResponse TrustCalls::list_trials() {
    const auto views = parts_.trials.list();
    if (!views) return refuse_trial(views.error());
    std::string body = "{\"trials\":[";
    for (const TrialView& view : *views) {
        if (body.back() == '}') body += ',';
        body += trial_text(view);
    }
    return {.status = 200, .body = body + "]}"};
}

net::HttpResponse TrustCalls::show_trial(std::string_view text) {
    const auto id = Id128::parse(text);
    if (!id) return refuse(Refusal::not_found);
    const auto view = parts_.trials.show(*id);
    if (!view) return refuse_trial(view.error());
    if (!*view) return refuse(Refusal::not_found);
    return {.status = 200, .body = trial_text(**view)};
}

net::HttpResponse TrustCalls::start_trial(const std::string& body) {
    codec::StrictJson fields(body);
    const auto number = [&](std::string_view name, std::int64_t max) {
        return static_cast<std::uint32_t>(fields.optional_integer(name, 1, max).value_or(0));
    };
    TrialOrder order;
    order.policy_version = number("policy_version", UINT32_MAX);
    order.app_version = number("app_version", UINT32_MAX);
    order.sdk_version = number("sdk_version", UINT32_MAX);
    order.share_per_mille = number("share_per_mille", 999);
    order.promotes = fields.optional_boolean("promotes").value_or(false);
    const bool of_release = order.app_version != 0 || order.sdk_version != 0;
    if (order.policy_version == 0 && !of_release) {
        fields.fault(Refusal::missing_field, "policy_version");
    }
    // Of a release nothing can be promoted, and everybody who has it is looked at.
    if (order.policy_version == 0 && order.promotes) fields.fault(Refusal::bad_value, "promotes");
    if (order.policy_version == 0 && order.share_per_mille != 0) {
        fields.fault(Refusal::bad_value, "share_per_mille");
    }
    if (const auto fault = fields.finish()) return refuse(*fault);
    return answer_trial(parts_.trials.start(order), 201);
}

net::HttpResponse TrustCalls::end_trial(std::string_view text, bool promote,
                                        const std::string& body) {
    codec::StrictJson fields(body.empty() ? "{}" : std::string_view(body));
    if (const auto fault = fields.finish()) return refuse(*fault);
    const auto id = Id128::parse(text);
    if (!id) return refuse(Refusal::not_found);
    return answer_trial(promote ? parts_.trials.promote(*id) : parts_.trials.end(*id), 200);
}

}  // namespace softpos::server
