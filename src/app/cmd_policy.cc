// softpos policy: check, sign, try out and roll out what the platform trusts phones by.
#include "app/cmd_policy_trial.h"
#include "app/commands.h"
#include "app/console.h"
#include "app/json_api.h"
#include "base/hex.h"
#include "crypto/p256.h"
#include "host/durable_file.h"
#include "phone/device/platform_client.h"
#include "platform/monitor/policy.h"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace softpos::app {
namespace {

namespace json = boost::json;

constexpr std::size_t pem_bytes_max = 64 * 1024;
constexpr std::size_t api_key_bytes_max = 256;

struct PolicyOptions {
    std::string file, key_file, server, ca_file, api_key_file;
    std::int64_t days = 30;
    bool as_json = false;
};

Result<std::string> read_text(const std::string& path, std::size_t bytes_max) {
    const Buffer bytes = TRY(host::read_file(path, bytes_max));
    std::string text(text_of(bytes));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return text;
}

int report_fault(const monitor::PolicyFault& fault) {
    return report("policy: " + std::string(monitor::name_of(fault.kind)) + " " + fault.path);
}

int check(const PolicyOptions& options) {
    const auto text = read_text(options.file, monitor::policy_bytes_max);
    if (!text) return report(text.error());
    const auto policy = monitor::parse_policy(*text);
    if (!policy) return report_fault(policy.error());
    std::printf("%s, version %u, for %s\n  digest %s\n", policy->name.c_str(), policy->version,
                std::string(monitor::name_of(policy->environment)).c_str(),
                to_hex(monitor::digest_of(*policy)).c_str());
    return 0;
}

// The body of POST /v1/policies.
int sign(const PolicyOptions& options) {
    const auto text = read_text(options.file, monitor::policy_bytes_max);
    if (!text) return report(text.error());
    const auto policy = monitor::parse_policy(*text);
    if (!policy) return report_fault(policy.error());
    const auto pem = host::read_secret_file(options.key_file, pem_bytes_max);
    if (!pem) return report(pem.error());
    const auto key = crypto::P256Key::from_private_pem(text_of(pem->bytes()));
    if (!key) return report(key.error());
    const Buffer signature = key->sign(monitor::canonical_bytes(*policy));
    const json::object body{{"policy", *text}, {"signature", to_hex(signature)}};
    std::printf("%s\n", json::serialize(body).c_str());
    return 0;
}

// Of all pages.
struct Trial {
    std::int64_t phones = 0, cut_off = 0, messages = 0, unreadable = 0;
    std::int64_t permits = 0, refused_then = 0, granted_then = 0;
    std::int64_t payments = 0, amount = 0, payments_lost = 0, amount_lost = 0;
    std::vector<std::string> lines;
    json::array changed;

    void add(const JsonAnswer& page);
};

std::string line_of(const JsonAnswer& page, const std::string& at) {
    std::array<char, 256> line{};
    std::snprintf(line.data(), line.size(), "%-8s  %-15s  %-9s  %-9s  %-24.24s  %6lld  %13s",
                  page.text(at + "terminal_id").c_str(), page.text(at + "merchant_id").c_str(),
                  page.text(at + "state").c_str(), page.text(at + "state_then").c_str(),
                  page.text(at + "reason").c_str(),
                  static_cast<long long>(page.number(at + "permits_refused_then")),
                  yuan(page.number(at + "turnover_lost.amount_minor")).c_str());
    return line.data();
}

void Trial::add(const JsonAnswer& page) {
    phones += page.number("phones");
    cut_off += page.number("phones_cut_off");
    messages += page.number("messages");
    unreadable += page.number("unreadable");
    permits += page.number("permits");
    refused_then += page.number("permits_refused_then");
    granted_then += page.number("permits_granted_then");
    payments += page.number("turnover.payments");
    amount += page.number("turnover.amount_minor");
    payments_lost += page.number("turnover_lost.payments");
    amount_lost += page.number("turnover_lost.amount_minor");
    for (std::size_t i = 0; i < page.size("changed"); ++i) {
        const std::string at = "changed." + std::to_string(i);
        lines.push_back(line_of(page, at + "."));
        changed.push_back(json::parse(page.text(at)));
    }
}

void show(const Trial& trial, std::int64_t days) {
    if (!trial.lines.empty()) {
        std::printf("%s\n", coloured(Colour::bold,
                                     "terminal  merchant         now        then       reason      "
                                     "              permits      lost yuan")
                                .c_str());
    }
    for (const std::string& line : trial.lines) std::printf("%s\n", line.c_str());
    const auto number = [](std::int64_t value) { return std::to_string(value); };
    std::printf("%s\n", coloured(trial.cut_off == 0 ? Colour::green : Colour::red,
                                 number(trial.cut_off) + " of " + number(trial.phones) +
                                     " phones would be cut off now")
                            .c_str());
    std::printf(
        "last %lld days: %lld of %lld permits refused, %lld more granted; %lld of %lld "
        "sales lost, %s of %s yuan\n",
        static_cast<long long>(days), static_cast<long long>(trial.refused_then),
        static_cast<long long>(trial.permits), static_cast<long long>(trial.granted_then),
        static_cast<long long>(trial.payments_lost), static_cast<long long>(trial.payments),
        yuan(trial.amount_lost).c_str(), yuan(trial.amount).c_str());
    if (trial.unreadable > 0) {
        std::printf("%lld of %lld messages could not be read and are left out\n",
                    static_cast<long long>(trial.unreadable),
                    static_cast<long long>(trial.messages));
    }
}

Result<JsonApi> open_server(const PolicyOptions& options) {
    const auto address = TRY(device::parse_server_url(options.server));
    const std::string ca = TRY(read_text(options.ca_file, pem_bytes_max));
    const auto key = TRY(read_text(options.api_key_file, api_key_bytes_max));
    return JsonApi::make({.host = address.host,
                          .port = address.port,
                          .tls = net::ClientTls{.ca_pem = ca + "\n", .server_name = address.host}},
                         "Bearer " + key);
}

int dry_run(const PolicyOptions& options) {
    const auto text = read_text(options.file, monitor::policy_bytes_max);
    if (!text) return report(text.error());
    const auto policy = monitor::parse_policy(*text);
    if (!policy) return report_fault(policy.error());
    auto api = open_server(options);
    if (!api) return report(api.error());
    Trial trial;
    std::string after;
    do {
        json::object body{{"policy", *text}, {"days", options.days}};
        if (!after.empty()) body["after"] = after;
        const auto page = api->post("/v1/policies/dry-run", json::serialize(body));
        if (!page) return report(page.error());
        if (!page->good()) return report(page->body());
        trial.add(*page);
        after = page->text("next");
        std::fprintf(stderr, "\r%lld phones, %lld messages", static_cast<long long>(trial.phones),
                     static_cast<long long>(trial.messages));
    } while (!after.empty());
    std::fprintf(stderr, "\n");
    if (options.as_json) {
        std::printf("%s\n", json::serialize(json::object{{"phones", trial.phones},
                                                         {"phones_cut_off", trial.cut_off},
                                                         {"turnover_minor", trial.amount},
                                                         {"turnover_lost_minor", trial.amount_lost},
                                                         {"changed", trial.changed}})
                                .c_str());
    } else {
        show(trial, options.days);
    }
    return trial.cut_off == 0 ? 0 : 3;
}

void add_server(CLI::App& command, PolicyOptions& options) {
    command.add_option("--server", options.server, "https://HOST:PORT of the acquirer's door")
        ->required();
    command.add_option("--ca", options.ca_file, "the platform's ca.pem")
        ->required()
        ->check(CLI::ExistingFile);
    command.add_option("--api-key-file", options.api_key_file, "a file with the API key")
        ->required()
        ->check(CLI::ExistingFile);
}

int with_server(const PolicyOptions& options, const std::function<int(JsonApi&)>& call) {
    auto api = open_server(options);
    return api ? call(*api) : report(api.error());
}

// start, show, end, promote.
void add_trial(CLI::App& policy, Chosen& chosen, const std::shared_ptr<PolicyOptions>& options) {
    const auto order = std::make_shared<TrialOptions>();
    CLI::App* trial = policy.add_subcommand(
        "trial", "a policy or release on a part of the phones, that goes back by itself");
    trial->require_subcommand(1);
    const auto command = [&](const char* name, const char* text,
                             const std::function<int(JsonApi&, const TrialOptions&)>& call) {
        CLI::App* one = trial->add_subcommand(name, text);
        add_server(*one, *options);
        one->callback([&chosen, options, order, call] {
            chosen = [options, order, call] {
                return with_server(*options, [&](JsonApi& api) { return call(api, *order); });
            };
        });
        return one;
    };
    CLI::App* start = command("start", "try something on a part of the phones", start_trial);
    CLI::Option* const tried =
        start->add_option("--policy", order->policy_version, "version of an uploaded policy");
    start->add_option("--app", order->app_version, "only phones with this version of the app");
    start->add_option("--sdk", order->sdk_version, "only phones with this version of the SDK");
    start
        ->add_option("--share", order->share_per_mille,
                     "with a policy: so many in a thousand of these phones")
        ->needs(tried)
        ->check(CLI::Range(1, 999));
    start->add_flag("--promote", order->promotes, "put the policy in force once it is as good")
        ->needs(tried);
    command("show", "how trials stand (exit code 3: it went back)", show_trial)
        ->add_option("trial", order->trial, "its number; without one: all trials");
    command("end", "end it; nobody has it any more",
            [](JsonApi& api, const TrialOptions& one) { return end_trial(api, one, false); })
        ->add_option("trial", order->trial, "its number")
        ->required();
    command("promote", "give it to everybody now",
            [](JsonApi& api, const TrialOptions& one) { return end_trial(api, one, true); })
        ->add_option("trial", order->trial, "its number")
        ->required();
}

}  // namespace

void add_policy(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<PolicyOptions>();
    CLI::App* policy = app.add_subcommand("policy", "what the platform trusts phones by");
    policy->require_subcommand(1);
    const auto with_file = [&](const char* name, const char* text) {
        CLI::App* command = policy->add_subcommand(name, text);
        command->add_option("file", options->file, "a policy, such as trust-sandbox.policy.json")
            ->required()
            ->check(CLI::ExistingFile);
        return command;
    };
    with_file("check", "is it a policy, and for whom")->callback([&chosen, options] {
        chosen = [options] { return check(*options); };
    });
    CLI::App* signing = with_file("sign", "print the body of POST /v1/policies");
    signing->add_option("--key", options->key_file, "policy.key of whoever signs policies")
        ->required()
        ->check(CLI::ExistingFile);
    signing->callback([&chosen, options] { chosen = [options] { return sign(*options); }; });
    CLI::App* trying =
        with_file("dry-run", "who would be cut off, and how much turnover (exit code 3: somebody)");
    add_server(*trying, *options);
    trying->add_option("--days", options->days, "how far back sales count")
        ->check(CLI::Range(1, 366))
        ->capture_default_str();
    trying->add_flag("--json", options->as_json, "print JSON");
    trying->callback([&chosen, options] { chosen = [options] { return dry_run(*options); }; });
    add_trial(*policy, chosen, options);
}

}  // namespace softpos::app
