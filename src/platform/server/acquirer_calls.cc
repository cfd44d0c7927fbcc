// Routes by path, answers in JSON. Everything here may wait, so all of it runs on workers.
#include "platform/server/acquirer_calls.h"

#include "base/log.h"
#include "codec/strict_json.h"
#include "crypto/hash.h"
#include "platform/merchant/application.h"
#include "platform/merchant/numbers.h"
#include "platform/pay/shard.h"
#include "platform/server/acquirer_answers.h"
#include "platform/server/answers.h"
#include "platform/server/day_calls.h"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace softpos::server {
namespace {

namespace json = boost::json;
using codec::StrictJson;

constexpr std::string_view bearer = "Bearer ";
// What the columns of a payout file hold: a longer name could never be paid.
constexpr std::size_t bank_file_name_bytes_max = 80;
constexpr std::size_t bank_file_bank_bytes_max = 60;

json::object merchant_object(const merchant::Merchant& merchant) {
    return {{"merchant_id", merchant.number},
            {"state", name_of(merchant.state)},
            {"name", merchant.name},
            {"licence_kind", name_of(merchant.licence_kind)},
            {"licence_number", merchant.licence.masked},
            {"mcc", merchant.mcc},
            {"region", merchant.region},
            {"phone", merchant.phone_masked},
            {"bank_name", merchant.bank_name},
            {"account_holder", merchant.account_holder},
            {"bank_account", merchant.bank_account.masked},
            {"address", merchant.address},
            {"limit_class", merchant.limit_class}};
}

merchant::Application read_application(StrictJson& body) {
    using merchant::text_bytes_max;
    merchant::Application application;
    const auto text = [&](std::string_view name, std::size_t bytes_max = text_bytes_max) {
        return body.optional_text(name, bytes_max).value_or("");
    };
    application.name = text("name", bank_file_name_bytes_max);
    const std::string kind = body.text("licence_kind", 32);
    if (kind == "social_credit_code") {
        application.licence_kind = merchant::LicenceKind::social_credit_code;
    } else if (kind == "resident_id") {
        application.licence_kind = merchant::LicenceKind::resident_id;
    } else {
        body.fault(Refusal::bad_value, "licence_kind");
    }
    application.licence_number = text("licence_number");
    application.mcc = text("mcc");
    application.region = text("region");
    application.phone = text("phone");
    application.bank_name = text("bank_name", bank_file_bank_bytes_max);
    application.account_holder = text("account_holder", bank_file_name_bytes_max);
    application.bank_account = text("bank_account");
    application.address = text("address");
    return application;
}

std::optional<merchant::MerchantAction> action_of(std::string_view word) {
    using enum merchant::MerchantAction;
    constexpr std::array<std::pair<std::string_view, merchant::MerchantAction>, 6> words = {
        {{"approve", approve},
         {"reject", reject},
         {"activate", activate},
         {"suspend", suspend},
         {"resume", resume},
         {"close", close}}};
    for (const auto& [name, action] : words) {
        if (name == word) return action;
    }
    return std::nullopt;
}

}  // namespace

void AcquirerCalls::handle(net::HttpRequest request, net::Responder respond) {
    const bool queued = parts_.workers.post([this, request = std::move(request), respond] {
        const Refusal refused = authenticate(request);
        respond(refused == Refusal::none ? answer(request) : refuse(refused));
    });
    if (!queued) respond(refuse(Refusal::too_many_requests));
}

// The key itself is nowhere: its hash is looked up.
Refusal AcquirerCalls::authenticate(const net::HttpRequest& request) {
    const std::string_view header = request.find_header("authorization");
    if (!header.starts_with(bearer)) return Refusal::no_credentials;
    const auto digest = crypto::sha256(bytes_of(header.substr(bearer.size())));
    std::optional<store::ApiKey> key;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        key = TRY(reader.api_key(digest));
        return {};
    });
    if (!read) return Refusal::store_unavailable;
    if (!key || key->revoked_at.unix_ms != 0) return Refusal::bad_credentials;
    return Refusal::none;
}

net::HttpResponse AcquirerCalls::answer(const net::HttpRequest& request) {
    if (request.method != "GET" && request.method != "POST") return refuse(Refusal::bad_method);
    if (auto answered = parts_.trust.answer(request)) return *std::move(answered);
    return request.method == "GET" ? get(request) : post(request);
}

net::HttpResponse AcquirerCalls::get(const net::HttpRequest& request) {
    const std::string_view path = path_of(request.target);
    if (path == "/v1/status") return show_status();
    if (path == "/v1/ledger") return show_ledger();
    if (const auto id = match_path(path, "/v1/payments/{}")) return show_payment(*id);
    if (const auto id = match_path(path, "/v1/merchants/{}/balance")) return show_balance(*id);
    if (const auto id = match_path(path, "/v1/merchants/{}/payments")) {
        return list_payments(*id, request.target, Listed::cards);
    }
    if (const auto id = match_path(path, "/v1/merchants/{}/wallet-payments")) {
        return list_payments(*id, request.target, Listed::wallets);
    }
    if (const auto id = match_path(path, "/v1/merchants/{}")) return show_merchant(*id);
    return refuse(Refusal::no_such_path);
}

net::HttpResponse AcquirerCalls::post(const net::HttpRequest& request) {
    const std::string_view path = path_of(request.target);
    if (path == "/v1/merchants") return apply(request.body);
    if (const auto id = match_path(path, "/v1/merchants/{}/terminals")) {
        return add_terminal(*id, request.body);
    }
    if (const auto id = match_path(path, "/v1/terminals/{}/activation")) {
        return add_activation(*id, request.body);
    }
    if (const auto id = match_path(path, "/v1/terminals/{}/classic")) {
        return change_classic(*id, request.body);
    }
    for (const std::string_view action :
         {"approve", "reject", "activate", "suspend", "resume", "close"}) {
        const std::string pattern = "/v1/merchants/{}/" + std::string(action);
        if (const auto id = match_path(path, pattern)) return act(*id, action, request.body);
    }
    return answer_day_call(parts_.settlement, path, request);
}

net::HttpResponse AcquirerCalls::apply(const std::string& body) {
    StrictJson json(body);
    const merchant::Application application = read_application(json);
    if (const auto fault = json.finish()) return refuse(*fault);
    const Instant now = parts_.clock.now();
    const auto findings = check(application, now);
    if (!findings.empty()) return refuse(findings[0].refusal, {}, findings[0].field);

    merchant::ProtectedNumbers numbers;
    numbers.licence.digest = parts_.numbers.digest(application.licence_number);
    numbers.bank_account.digest = parts_.numbers.digest(application.bank_account);
    auto sealed = parts_.numbers.seal(application.bank_account, parts_.random);
    if (!sealed) return refuse_error(sealed.error());
    numbers.bank_account.sealed = *std::move(sealed);

    bool duplicate = false;
    merchant::Merchant merchant;
    const auto done = parts_.store.run([&](store::Tx& tx) -> Result<void> {
        duplicate = TRY(tx.merchant_by_licence(numbers.licence.digest)).has_value();
        if (duplicate) return {};
        const std::string sequence = "merchant/" + application.region + "/" + application.mcc;
        const auto next = TRY(tx.next_number(sequence));
        const auto number =
            TRY(merchant::merchant_number({.acquirer = parts_.acquirer_code,
                                           .region = application.region,
                                           .mcc = application.mcc,
                                           .sequence = static_cast<std::uint64_t>(next)}));
        merchant = TRY(take_application(application, numbers, number, now));
        return tx.insert(merchant);
    });
    if (!done) return refuse_error(done.error());
    if (duplicate) return refuse(Refusal::duplicate_merchant);
    log(LogLevel::info, "merchant: applied", {{"merchant", LogId(merchant.number)}});
    return answer_json(merchant_object(merchant), 201);
}

net::HttpResponse AcquirerCalls::act(std::string_view number, std::string_view action,
                                     const std::string& body) {
    StrictJson json(body.empty() ? "{}" : std::string_view(body));
    if (const auto fault = json.finish()) return refuse(*fault);
    std::optional<merchant::Merchant> merchant;
    const auto done = parts_.store.run([&](store::Tx& tx) -> Result<void> {
        merchant = TRY(tx.merchant(number));
        if (!merchant) return {};
        merchant->state = TRY(next_state(merchant->state, *action_of(action)));
        merchant->changed_at = parts_.clock.now();
        return tx.update(*merchant);
    });
    if (!done && done.error().kind == ErrorKind::conflict) {
        return refuse(Refusal::bad_value, {}, "state");
    }
    if (!done) return refuse_error(done.error());
    if (!merchant) return refuse(Refusal::not_found);
    return answer_json(merchant_object(*merchant));
}

net::HttpResponse AcquirerCalls::show_merchant(std::string_view number) {
    json::object body;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        const auto merchant = TRY(reader.merchant(number));
        if (!merchant) return {};
        body = merchant_object(*merchant);
        json::array terminals;
        for (const merchant::Terminal& terminal : TRY(reader.terminals_of(number))) {
            terminals.push_back(json::object{{"terminal_id", terminal.number},
                                             {"state", name_of(terminal.state)},
                                             {"device_model", terminal.device_model}});
        }
        body["terminals"] = std::move(terminals);
        return {};
    });
    if (!read) return refuse_error(read.error());
    return body.empty() ? refuse(Refusal::not_found) : answer_json(body);
}

net::HttpResponse AcquirerCalls::show_balance(std::string_view number) {
    pay::Balance balance;
    bool found = false;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        found = TRY(reader.merchant(number)).has_value();
        if (!found) return {};
        balance =
            TRY(reader.balance(pay::merchant_account(pay::AccountCode::merchant_payable, number)));
        return {};
    });
    if (!read) return refuse_error(read.error());
    if (!found) return refuse(Refusal::not_found);
    return answer_json(json::object{{"merchant_id", number},
                                    {"currency", "CNY"},
                                    {"payable_minor", balance.credit_net()},
                                    {"credits_minor", balance.credits_minor},
                                    {"debits_minor", balance.debits_minor}});
}

net::HttpResponse AcquirerCalls::list_payments(std::string_view number, const std::string& target,
                                               Listed kind) {
    store::IdPage page;
    if (const auto after = query_of(target, "after")) {
        const auto id = Id128::parse(*after);
        if (!id) return refuse(Refusal::bad_value, {}, "after");
        page.after = *id;
    }
    std::string body = "{\"payments\":[";
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        const auto add = [&body](const std::string& payment) {
            if (body.back() != '[') body += ',';
            body += payment;
        };
        if (kind == Listed::wallets) {
            for (const auto& trade : TRY(reader.wallet_trades_of(number, page))) {
                add(trade_json(trade));
            }
            return {};
        }
        for (const auto& payment : TRY(reader.payments_of(number, page))) {
            add(payment_json(payment));
        }
        return {};
    });
    if (!read) return refuse_error(read.error());
    return {.status = 200, .body = body + "]}"};
}

net::HttpResponse AcquirerCalls::show_payment(std::string_view text) {
    const auto id = Id128::parse(text);
    if (!id) return refuse(Refusal::not_found);
    std::optional<pay::Payment> payment;
    std::optional<pay::WalletTrade> trade;
    json::array history;
    json::array postings;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        payment = TRY(reader.payment(*id));
        if (!payment) trade = TRY(reader.wallet_trade(*id));
        for (const store::PaymentEventRow& event : TRY(reader.events_of(*id))) {
            history.push_back(json::object{{"at", china_time(event.at).iso()},
                                           {"event", name_of(event.kind)},
                                           {"from", name_of(event.from)},
                                           {"to", name_of(event.to)},
                                           {"response_code", event.response_code}});
        }
        for (const pay::Transfer& transfer : TRY(reader.transfers_of(*id))) {
            postings.push_back(
                json::object{{"code", static_cast<int>(transfer.code)},
                             {"debit", static_cast<int>(transfer.debit.code)},
                             {"credit", static_cast<int>(transfer.credit.code)},
                             {"amount_minor", transfer.amount_minor},
                             {"settlement_date", date_text(transfer.settlement_date)}});
        }
        return {};
    });
    if (!read) return refuse_error(read.error());
    if (!payment && !trade) return refuse(Refusal::not_found);
    const std::string shown = payment ? payment_json(*payment) : trade_json(*trade);
    return {.status = 200,
            .body = "{\"payment\":" + shown + ",\"history\":" + json::serialize(history) +
                    ",\"postings\":" + json::serialize(postings) + "}"};
}

net::HttpResponse AcquirerCalls::show_ledger() {
    pay::Balances balances;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        balances = TRY(reader.balances());
        return {};
    });
    if (!read) return refuse_error(read.error());
    std::map<std::pair<int, std::string>, pay::Balance> accounts;
    for (const auto& [key, balance] : balances) {
        auto& sum =
            accounts[{static_cast<int>(key.account.code), std::string(key.account.owner_text())}];
        sum.debits_minor += balance.debits_minor;
        sum.credits_minor += balance.credits_minor;
    }
    json::array rows;
    for (const auto& [name, balance] : accounts) {
        rows.push_back(json::object{{"account", name.first},
                                    {"owner", name.second},
                                    {"debits_minor", balance.debits_minor},
                                    {"credits_minor", balance.credits_minor}});
    }
    return answer_json(
        json::object{{"accounts", rows}, {"sum_minor", pay::trial_balance(balances)}});
}

net::HttpResponse AcquirerCalls::show_status() {
    const auto vault = parts_.vault.status();
    json::array lines;
    for (const LineStatus& line : parts_.upstream.lines()) {
        lines.push_back(json::object{{"name", line.name}, {"health", name_of(line.health)}});
    }
    json::object body{{"network_connected", parts_.upstream.connected()},
                      {"lines", lines},
                      {"business_date", date_text(parts_.upstream.business_date())},
                      {"vault", vault ? "ready" : "unavailable"}};
    if (parts_.closer != nullptr) {
        json::array days;
        for (const DayCloser::Waiting& day : parts_.closer->waiting()) {
            days.push_back(json::object{
                {"date", date_text(day.date)}, {"step", day.step}, {"waits_for", day.waits_for}});
        }
        body["closing"] = std::move(days);
    }
    return answer_json(body);
}

}  // namespace softpos::server
