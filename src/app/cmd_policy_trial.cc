// What the calls under /v1/trials say, for people.
#include "app/cmd_policy_trial.h"

#include "app/console.h"

#include <boost/json.hpp>

#include <array>
#include <cstdio>

namespace softpos::app {
namespace {

namespace json = boost::json;

constexpr int went_back = 3;

std::string per_cent(std::int64_t per_mille) {
    return std::to_string(per_mille / 10) + "." + std::to_string(per_mille % 10) + " %";
}

void print_side(const JsonAnswer& answer, const std::string& at, const std::string& name) {
    const auto count = [&](const char* what) {
        return static_cast<long long>(answer.number(at + name + what));
    };
    std::printf("  %-9s  %8lld of %8lld approved  %8lld of %8lld permits refused\n", name.c_str(),
                count(".approved"), count(".payments"), count(".permits_refused"),
                count(".permits_asked"));
}

// `at`: "" or "trials.3.".
void print_trial(const JsonAnswer& answer, const std::string& at) {
    std::string what;
    for (const char* name : {"policy_version", "app_version", "sdk_version"}) {
        const std::int64_t version = answer.number(at + name);
        if (version > 0) what += std::string(name) + " " + std::to_string(version) + "  ";
    }
    const std::string state = answer.text(at + "state");
    const Colour colour = state == "rolled_back" ? Colour::red : Colour::green;
    std::printf("%s  %s  %sof %s\n", answer.text(at + "trial_id").c_str(),
                coloured(colour, state).c_str(), what.c_str(),
                per_cent(answer.number(at + "share_per_mille")).c_str());
    print_side(answer, at, "canaries");
    print_side(answer, at, "others");
    if (state == "running") {
        std::printf("  now: %s, %s\n", answer.text(at + "step").c_str(),
                    answer.text(at + "step_reason").c_str());
    } else {
        std::printf("  ended %s: %s\n", answer.text(at + "ended_at").c_str(),
                    answer.text(at + "reason").c_str());
    }
}

int print_one(const Result<JsonAnswer>& answer) {
    if (!answer) return report(answer.error());
    if (!answer->good()) return report(answer->body());
    print_trial(*answer, "");
    return answer->text("state") == "rolled_back" ? went_back : 0;
}

}  // namespace

int start_trial(JsonApi& api, const TrialOptions& options) {
    json::object body;
    const auto put = [&](std::string_view name, std::uint32_t value) {
        if (value != 0) body[name] = value;
    };
    put("policy_version", options.policy_version);
    put("app_version", options.app_version);
    put("sdk_version", options.sdk_version);
    put("share_per_mille", options.share_per_mille);
    if (options.promotes) body["promotes"] = true;
    return print_one(api.post("/v1/trials", json::serialize(body)));
}

int show_trial(JsonApi& api, const TrialOptions& options) {
    if (!options.trial.empty()) return print_one(api.get("/v1/trials/" + options.trial));
    const auto answer = api.get("/v1/trials");
    if (!answer) return report(answer.error());
    if (!answer->good()) return report(answer->body());
    if (answer->size("trials") == 0) std::puts("no trial was ever started");
    for (std::size_t i = 0; i < answer->size("trials"); ++i) {
        print_trial(*answer, "trials." + std::to_string(i) + ".");
    }
    return 0;
}

int end_trial(JsonApi& api, const TrialOptions& options, bool promote) {
    return print_one(
        api.post("/v1/trials/" + options.trial + (promote ? "/promote" : "/end"), "{}"));
}

}  // namespace softpos::app
