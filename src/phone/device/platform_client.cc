// HTTP to meaning. When in doubt the answer is "unknown": asking once more costs a second, a wrong
// "declined" costs the customer a second payment.
#include "phone/device/platform_client.h"

#include "base/hex.h"
#include "base/money.h"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>

namespace softpos::device {
namespace {

namespace json = boost::json;

constexpr std::string_view scheme = "https://";
constexpr std::size_t host_bytes_max = 253;  // Of a DNS name.
constexpr std::string_view payments_path = "/v1/phone/payments";

bool is_host_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == ':' || c == '_';
}

PlatformAnswer answer_of(AnswerKind kind, RefusalText refusal) {
    return {.kind = kind, .payment = {}, .refusal = std::move(refusal)};
}

PlatformAnswer unknown() {
    return answer_of(AnswerKind::unknown, words_of(Refusal::server_unavailable));
}

// Refusals that a server gives only before it has sent anything anywhere.
bool is_refused_before_sending(unsigned status, std::string_view code) {
    const auto is = [code](Refusal refusal) { return row_of(refusal).code == code; };
    if (is(Refusal::payment_in_progress) || is(Refusal::reversal_pending) ||
        is(Refusal::duplicate_transaction)) {
        return false;
    }
    if (is(Refusal::network_unavailable) || is(Refusal::vault_unavailable) ||
        is(Refusal::store_unavailable) || is(Refusal::wallet_unavailable)) {
        return true;
    }
    return status >= 400 && status < 500;
}

std::string_view word_of(protocol::TapCvm cvm) {
    switch (cvm) {
        case protocol::TapCvm::online_pin:
            return "online_pin";
        case protocol::TapCvm::confirmation_code:
            return "confirmation_code";
        case protocol::TapCvm::signature:
            return "signature";
        case protocol::TapCvm::none:
            break;
    }
    return "none";
}

}  // namespace

Result<ServerAddress> parse_server_url(std::string_view url) {
    if (!url.starts_with(scheme)) return fail(ErrorKind::denied, "server: not an https URL");
    url.remove_prefix(scheme.size());
    if (url.ends_with('/')) url.remove_suffix(1);
    ServerAddress address;
    std::size_t host_end = url.find(':');
    std::string_view host = url.substr(0, host_end);
    if (url.starts_with('[')) {  // An IPv6 address.
        const std::size_t bracket = url.find(']');
        if (bracket == std::string_view::npos) {
            return fail(ErrorKind::malformed, "server: bracket is not closed");
        }
        host = url.substr(1, bracket - 1);
        host_end = bracket + 1 < url.size() ? bracket + 1 : std::string_view::npos;
        if (host_end != std::string_view::npos && url[host_end] != ':') {
            return fail(ErrorKind::malformed, "server: not a host and port");
        }
    }
    if (host.empty() || host.size() > host_bytes_max ||
        !std::ranges::all_of(host, is_host_character)) {
        return fail(ErrorKind::malformed, "server: the host cannot be one");
    }
    address.host = std::string(host);
    if (host_end != std::string_view::npos) {
        const std::string_view port = url.substr(host_end + 1);
        const auto end = port.data() + port.size();
        const auto read = std::from_chars(port.data(), end, address.port);
        if (read.ec != std::errc() || read.ptr != end || address.port == 0) {
            return fail(ErrorKind::malformed, "server: the port cannot be one");
        }
    }
    return address;
}

PlatformAnswer judge_payment(const Result<net::HttpResponse>& answered, const Expected& expected) {
    if (!answered) {
        if (net::request_may_have_left(answered.error())) return unknown();
        return answer_of(AnswerKind::not_sent, words_of(Refusal::server_unavailable));
    }
    if (auto payment = read_payment(answered->body)) {
        const bool ours =
            payment->kind == expected.kind && (expected.kind == PaymentKind::void_sale ||
                                               payment->amount_minor == expected.amount_minor);
        if (!ours) return unknown();
        return {.kind = AnswerKind::payment, .payment = std::move(*payment), .refusal = {}};
    }
    auto refusal = read_refusal(answered->body);
    if (!refusal || !is_refused_before_sending(answered->status, refusal->code)) return unknown();
    return answer_of(AnswerKind::refused, std::move(*refusal));
}

PlatformAnswer judge_status(const Result<net::HttpResponse>& answered) {
    if (!answered) return unknown();
    auto payment = read_payment(answered->body);
    if (answered->status == 200 && payment) {
        return {.kind = AnswerKind::payment, .payment = std::move(*payment), .refusal = {}};
    }
    auto refusal = read_refusal(answered->body);
    if (answered->status == 404 && refusal && refusal->code == row_of(Refusal::not_found).code) {
        return answer_of(AnswerKind::not_found, std::move(*refusal));
    }
    return refusal ? answer_of(AnswerKind::unknown, std::move(*refusal)) : unknown();
}

std::string purchase_json(const PurchaseCall& call) {
    json::object body{{"idempotency_key", call.key.text()},
                      {"kind", name_of(PaymentKind::purchase)},
                      {"amount_minor", call.amount_minor},
                      {"currency", "CNY"},
                      {"permit", call.permit.text()},
                      {"card",
                       {{"ksn", to_hex(call.card.ksn)},
                        {"ciphertext", to_hex(call.card.ciphertext)},
                        {"cvm", word_of(call.cvm)},
                        {"entry", "contactless"}}}};
    if (!call.reference.empty()) body["reference"] = call.reference;
    if (call.pin) {
        body["pin"] = json::object{{"ksn", to_hex(call.pin->pin.ksn)},
                                   {"block", to_hex(call.pin->pin.block)},
                                   {"permit", call.pin->permit.text()}};
    }
    return json::serialize(body);
}

std::string wallet_json(const WalletCall& call) {
    const bool scans = !call.payment_code.empty();
    json::object body{{"idempotency_key", call.key.text()},
                      {"amount_minor", call.amount_minor},
                      {"currency", "CNY"},
                      {"permit", call.permit.text()},
                      {"way", scans ? "scan" : "show"}};
    body[scans ? "payment_code" : "channel"] = scans ? call.payment_code : call.channel;
    if (!call.reference.empty()) body["reference"] = call.reference;
    return json::serialize(body);
}

Result<std::unique_ptr<PlatformClient>> PlatformClient::make(const PlatformIdentity& identity,
                                                             const PlatformLimits& limits) {
    net::HttpClientConfig config;
    config.host = identity.address.host;
    config.port = identity.address.port;
    config.tls = net::ClientTls{.ca_pem = identity.ca_pem,
                                .server_name = identity.address.host,
                                .cert_pem = identity.cert_pem,
                                .key_pem = identity.key_pem};
    auto client = std::unique_ptr<PlatformClient>(new PlatformClient(limits));
    client->payments_.http = TRY(net::HttpClient::make(config));
    client->queries_.http = TRY(net::HttpClient::make(config));
    client->spa_.http = TRY(net::HttpClient::make(config));
    return client;
}

// The key makes doing it twice safe, so a kept connection that the platform had closed meanwhile
// need not become an unknown outcome.
Result<net::HttpResponse> PlatformClient::post(const std::string& target, std::string body) {
    const std::lock_guard lock(payments_.mutex);
    return payments_.http->request({.method = "POST",
                                    .target = target,
                                    .body = std::move(body),
                                    .timeout_ms = limits_.answer_ms,
                                    .retry_on_stale = true});
}

Result<net::HttpResponse> PlatformClient::get(const std::string& target) {
    const std::lock_guard lock(queries_.mutex);
    return queries_.http->request({.target = target, .timeout_ms = limits_.status_ms});
}

PlatformAnswer PlatformClient::purchase(const PurchaseCall& call) {
    return judge_payment(post(std::string(payments_path), purchase_json(call)),
                         {PaymentKind::purchase, call.amount_minor});
}

PlatformAnswer PlatformClient::wallet(const WalletCall& call) {
    return judge_payment(post(std::string(payments_path) + "/wallet", wallet_json(call)),
                         {PaymentKind::purchase, call.amount_minor});
}

PlatformAnswer PlatformClient::give_up(const std::string& payment_id) {
    return judge_status(post(std::string(payments_path) + "/" + payment_id + "/give-up", "{}"));
}

PlatformAnswer PlatformClient::void_sale(const std::string& payment_id, const Id128& key) {
    const std::string target = std::string(payments_path) + "/" + payment_id + "/void";
    return judge_payment(
        post(target, json::serialize(json::object{{"idempotency_key", key.text()}})),
        {PaymentKind::void_sale, 0});
}

PlatformAnswer PlatformClient::refund(const std::string& payment_id, const Id128& key,
                                      std::int64_t amount_minor) {
    const std::string target = std::string(payments_path) + "/" + payment_id + "/refund";
    const json::object body{{"idempotency_key", key.text()}, {"amount_minor", amount_minor}};
    return judge_payment(post(target, json::serialize(body)), {PaymentKind::refund, amount_minor});
}

PlatformAnswer PlatformClient::status_by_key(const Id128& key) {
    return judge_status(get(std::string(payments_path) + "?idempotency_key=" + key.text()));
}

PlatformAnswer PlatformClient::status(const std::string& payment_id) {
    return judge_status(get(std::string(payments_path) + "/" + payment_id));
}

Result<protocol::SpaAnswer> PlatformClient::spa(const protocol::SpaRequest& request) {
    const Buffer message = protocol::encode(request);
    const std::lock_guard lock(spa_.mutex);
    const auto answered = TRY(spa_.http->request({.method = "POST",
                                                  .target = "/v1/spa",
                                                  .body = std::string(text_of(message)),
                                                  .content_type = "application/cbor",
                                                  .timeout_ms = limits_.spa_ms,
                                                  .retry_on_stale = true}));
    return protocol::decode_spa_answer(bytes_of(answered.body));
}

PollResult ask_once(PlatformClient& platform, const PollRequest& request, Instant now) {
    PlatformAnswer answer = platform.status_by_key(request.key);
    if (answer.kind == AnswerKind::payment) {
        const Expected& expected = request.expected;
        const bool ours = answer.payment.kind == expected.kind &&
                          (expected.kind == PaymentKind::void_sale ||
                           answer.payment.amount_minor == expected.amount_minor);
        if (!ours) return {};
        const bool known = answer.payment.result != PaymentResult::indeterminate;
        return {known ? Settled::known : Settled::still_unknown, std::move(answer.payment)};
    }
    const std::int64_t waited_ms = now.unix_ms - request.sent_at.unix_ms;
    if (answer.kind == AnswerKind::not_found && waited_ms >= platform.limits().not_found_grace_ms) {
        return {Settled::never_taken, {}};
    }
    return {};
}

PollResult poll_until_known(PlatformClient& platform, const PollRequest& request,
                            const Clock& clock, Pauses& pauses) {
    const PlatformLimits& limits = platform.limits();
    const std::int64_t end_us = clock.ticks().us + limits.poll_total_ms * 1000;
    std::uint32_t pause_ms = std::max<std::uint32_t>(1, limits.poll_first_ms);
    for (;;) {
        PollResult result = ask_once(platform, request, clock.now());
        if (result.settled != Settled::still_unknown) return result;
        const std::int64_t left_ms = (end_us - clock.ticks().us) / 1000;
        if (left_ms <= std::int64_t{pause_ms} || !pauses.pause(pause_ms)) return result;
        pause_ms = std::min(2 * pause_ms, std::max<std::uint32_t>(1, limits.poll_pause_ms_max));
    }
}

}  // namespace softpos::device
