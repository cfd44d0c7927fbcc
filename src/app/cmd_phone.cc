// softpos phone: what an acquirer's app would ask of the phone services, by hand.
#include "app/commands.h"
#include "app/console.h"
#include "app/json_api.h"
#include "base/money.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

namespace softpos::app {
namespace {

struct PhoneOptions {
    std::string socket;
    bool json = false;
    std::int64_t amount_minor = 0;
    std::string reference, payment, key, code, server, ca_file;
};
using Options = std::shared_ptr<PhoneOptions>;

int show_preflight(const JsonAnswer& answer) {
    for (std::size_t i = 0; i < answer.size("checks"); ++i) {
        const std::string at = "checks." + std::to_string(i) + ".";
        const bool passed = answer.flag(at + "passed");
        const char* mark = passed ? "ok" : answer.flag(at + "tried") ? "no" : "..";
        std::printf("%s  %-11s %s\n", coloured(passed ? Colour::green : Colour::red, mark).c_str(),
                    answer.text(at + "name").c_str(), answer.text(at + "remedy_en").c_str());
    }
    const bool cards = answer.flag("card_no_pin");
    const char* word = answer.flag("card_pin") ? "takes cards, with PIN"
                       : cards                 ? "takes cards that need no PIN"
                                               : "takes no cards";
    std::printf("%s\n", coloured(cards ? Colour::green : Colour::red, word).c_str());
    return cards ? 0 : 1;
}

int show(const Result<JsonAnswer>& answer, const PhoneOptions& options) {
    if (!answer) return report(answer.error());
    if (!options.json && answer->size("checks") > 0) return show_preflight(*answer);
    if (options.json || answer->text("result").empty()) {
        std::printf("%s\n", answer->pretty().c_str());
        return answer->good() ? 0 : 1;
    }
    const std::string result = answer->text("result");
    const bool approved = result == "approved";
    const Colour colour = approved                    ? Colour::green
                          : result == "indeterminate" ? Colour::yellow
                                                      : Colour::red;
    std::printf("%s  %s yuan  %s %s\n", coloured(colour, result).c_str(),
                yuan(answer->number("amount_minor")).c_str(), answer->text("kind").c_str(),
                answer->text("payment_id").c_str());
    for (const char* field : {"state", "masked_pan", "response_code", "trace", "rrn", "auth_code",
                              "settlement_date", "refusal.code", "refusal.message_en"}) {
        const std::string value = answer->text(field);
        if (!value.empty()) std::printf("  %-20s %s\n", field, value.c_str());
    }
    return approved ? 0 : 1;
}

Result<JsonAnswer> call(const PhoneOptions& options, const std::string& target,
                        const std::optional<std::string>& body) {
    JsonApi api = TRY(JsonApi::make({.unix_path = options.socket}));
    return body ? api.post(target, *body) : api.get(target);
}

void add(CLI::App& phone, Chosen& chosen, const Options& options, const char* name,
         const char* text, const std::function<void(CLI::App&)>& arguments,
         std::function<Result<JsonAnswer>(const PhoneOptions&)> action) {
    CLI::App* command = phone.add_subcommand(name, text);
    arguments(*command);
    command->callback([&chosen, options, action = std::move(action)] {
        chosen = [options, action] { return show(action(*options), *options); };
    });
}

// Adds the idempotency key where one was given: the same key is the same payment.
std::string with_key(std::string body, const PhoneOptions& options) {
    if (options.key.empty()) return body;
    const std::string key = json_object({{"idempotency_key", std::string_view(options.key)}});
    body.pop_back();
    return body + (body.size() > 1 ? "," : "") + key.substr(1);
}

Result<JsonAnswer> enrol(const PhoneOptions& options) {
    std::ifstream file(options.ca_file);
    std::ostringstream ca;
    ca << file.rdbuf();
    return call(options, "/v1/enrol",
                json_object({{"activation_code", std::string_view(options.code)},
                             {"server", std::string_view(options.server)},
                             {"ca_pem", std::string_view(ca.str())}}));
}

void add_money_commands(CLI::App& phone, Chosen& chosen, const Options& options) {
    const auto key = [options](CLI::App& command) {
        command.add_option("--key", options->key,
                           "idempotency key, 32 hex digits: the same key is the same payment");
    };
    add(
        phone, chosen, options, "purchase", "take a payment by card",
        [&](CLI::App& command) {
            command.add_option("amount", options->amount_minor, "in fen")
                ->required()
                ->check(CLI::Range(std::int64_t{1}, amount_minor_max));
            command.add_option("--reference", options->reference, "your own text, up to 64 bytes");
            key(command);
        },
        [](const PhoneOptions& o) {
            return call(o, "/v1/purchase",
                        with_key(json_object({{"amount_minor", o.amount_minor},
                                              {"reference", std::string_view(o.reference)}}),
                                 o));
        });
    add(
        phone, chosen, options, "void", "undo a sale of the same settlement day, whole",
        [&](CLI::App& command) {
            command.add_option("payment", options->payment, "payment id")->required();
            key(command);
        },
        [](const PhoneOptions& o) {
            return call(o, "/v1/void",
                        with_key(json_object({{"payment_id", std::string_view(o.payment)}}), o));
        });
    add(
        phone, chosen, options, "refund", "give a sale of an earlier day back, whole or in part",
        [&](CLI::App& command) {
            command.add_option("payment", options->payment, "payment id")->required();
            command.add_option("amount", options->amount_minor, "in fen")->required();
            key(command);
        },
        [](const PhoneOptions& o) {
            return call(o, "/v1/refund",
                        with_key(json_object({{"payment_id", std::string_view(o.payment)},
                                              {"amount_minor", o.amount_minor}}),
                                 o));
        });
}

}  // namespace

void add_phone(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<PhoneOptions>();
    CLI::App* phone = app.add_subcommand("phone", "use the phone services on this machine");
    phone->require_subcommand(1);
    phone->add_option("--socket", options->socket, "the local API's socket")->capture_default_str();
    phone->add_flag("--json", options->json, "print the whole answer");
    const auto nothing = [](CLI::App&) {};
    add(*phone, chosen, options, "status", "is it enrolled, for whom, is everything there", nothing,
        [](const PhoneOptions& o) { return call(o, "/v1/status", std::nullopt); });
    add(*phone, chosen, options, "preflight", "can it take cards now, and if not, what to do",
        nothing, [](const PhoneOptions& o) { return call(o, "/v1/preflight", "{}"); });
    add(*phone, chosen, options, "readers", "which card readers there are", nothing,
        [](const PhoneOptions& o) { return call(o, "/v1/readers", std::nullopt); });
    add(*phone, chosen, options, "last", "the last payment", nothing,
        [](const PhoneOptions& o) { return call(o, "/v1/last", std::nullopt); });
    add(*phone, chosen, options, "cancel", "stop waiting for a card", nothing,
        [](const PhoneOptions& o) { return call(o, "/v1/cancel", "{}"); });
    add(
        *phone, chosen, options, "show", "one payment",
        [&](CLI::App& command) {
            command.add_option("payment", options->payment, "payment id")->required();
        },
        [](const PhoneOptions& o) { return call(o, "/v1/payments/" + o.payment, std::nullopt); });
    add(
        *phone, chosen, options, "enrol", "become a merchant's terminal",
        [&](CLI::App& command) {
            command.add_option("code", options->code, "activation code")->required();
            command.add_option("--server", options->server, "https://HOST:PORT")->required();
            command.add_option("--ca", options->ca_file, "the platform's ca.pem")
                ->required()
                ->check(CLI::ExistingFile);
        },
        enrol);
    add_money_commands(*phone, chosen, options);
}

}  // namespace softpos::app
