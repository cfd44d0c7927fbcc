// Routes, strict reading, and a few threads for calls that block.
#include "phone/device/phone_api.h"

#include "base/money.h"
#include "codec/qr/payment_code.h"
#include "codec/strict_json.h"

#include <boost/json.hpp>

#include <algorithm>
#include <atomic>
#include <charconv>

namespace softpos::device {
namespace {

namespace json = boost::json;
using net::HttpResponse;

constexpr std::uint32_t request_ms = 300'000;  // Three cards and the platform's time.
constexpr std::size_t connections_max = 32;

unsigned status_of(const RefusalText& refusal) {
    const auto rows = refusal_table();
    const auto row = std::ranges::find(rows, refusal.code, &RefusalRow::code);
    return row == rows.end() ? 502 : row->http_status;  // A code of a newer platform.
}

HttpResponse refuse(const RefusalText& refusal) {
    return {.status = status_of(refusal), .body = refusal_json(refusal)};
}

HttpResponse refuse(Refusal refusal, std::string_view field = {}) {
    return refuse(words_of(refusal, field));
}

HttpResponse answer_with(const PaymentOutcome& outcome) {
    if (!outcome) return refuse(outcome.error());
    return {.status = 200, .body = payment_json(*outcome)};
}

std::optional<Id128> read_key(codec::StrictJson& fields, std::string_view name) {
    const auto text = fields.optional_text(name, 32);
    if (!text) return std::nullopt;
    const auto key = Id128::parse(*text);
    if (!key) {
        fields.fault(Refusal::bad_value, name);
        return std::nullopt;
    }
    return *key;
}

std::string read_payment_id(codec::StrictJson& fields, std::string_view name) {
    std::string id = fields.text(name, payment_id_bytes_max);
    if (!id.empty() && !is_identifier(id)) fields.fault(Refusal::bad_value, name);
    return id;
}

// "after=12&wait_ms=1000" and nothing else.
struct EventsQuery {
    std::uint64_t after = 0;
    std::uint32_t wait_ms = 0;
};
template <typename Number>
bool read_number(std::string_view text, Number& out) {
    const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
    return read.ec == std::errc() && read.ptr == text.data() + text.size();
}
std::expected<EventsQuery, std::string_view> read_events_query(std::string_view query) {
    EventsQuery result;
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        const std::size_t equals = std::min(pair.find('='), pair.size());
        const std::string_view value = pair.substr(std::min(equals + 1, pair.size()));
        if (pair.substr(0, equals) == "after") {
            if (!read_number(value, result.after)) return std::unexpected("after");
        } else if (pair.substr(0, equals) == "wait_ms") {
            if (!read_number(value, result.wait_ms) ||
                result.wait_ms > PhoneApi::events_wait_ms_max) {
                return std::unexpected("wait_ms");
            }
        } else {
            return std::unexpected("query");
        }
    }
    return result;
}

std::string status_json(const ServiceStatus& status) {
    json::object core{{"available", status.core.has_value()}};
    if (status.core) {
        core["core_version"] = status.core->core_version;
        core["mode"] = name_of(status.core->mode);
        core["protection"] = name_of(status.core->protection);
        core["serial_number"] = status.core->serial_number;
        core["pin"] = status.core->pin;
        core["next_counter"] = status.core->next_counter;
    }
    return json::serialize(json::object{{"api_version", api_version},
                                        {"enrolled", status.enrolled},
                                        {"server", status.server},
                                        {"terminal_id", status.terminal_id},
                                        {"merchant_id", status.merchant_id},
                                        {"merchant_name", status.merchant_name},
                                        {"grade", status.grade},
                                        {"trusted", std::move(core)},
                                        {"reader", status.reader_name},
                                        {"busy", status.busy},
                                        {"unresolved", status.unresolved}});
}

constexpr std::string_view payments_prefix = "/v1/payments/";

bool is_get_path(std::string_view path) {
    return path == "/v1/status" || path == "/v1/readers" || path == "/v1/last" ||
           path == "/v1/events" || path.starts_with(payments_prefix);
}

bool is_post_path(std::string_view path) {
    return path == "/v1/purchase" || path == "/v1/scan" || path == "/v1/show" ||
           path == "/v1/give-up" || path == "/v1/void" || path == "/v1/refund" ||
           path == "/v1/enrol" || path == "/v1/cancel" || path == "/v1/preflight" ||
           path == "/v1/posture";
}

std::string_view path_of(std::string_view target) {
    return target.substr(0, target.find('?'));
}

// nullopt where the call exists and takes this method.
std::optional<Refusal> routing_refusal(const net::HttpRequest& request) {
    const std::string_view path = path_of(request.target);
    const bool get = is_get_path(path);
    if (!get && !is_post_path(path)) return Refusal::no_such_path;
    if (request.method != (get ? "GET" : "POST")) return Refusal::bad_method;
    const bool query = path.size() != request.target.size();
    if (query && path != "/v1/events") return Refusal::unknown_field;
    if (get && !request.body.empty()) return Refusal::unknown_field;
    return std::nullopt;
}

}  // namespace

PhoneApi::PhoneApi(const PhoneApiConfig& config, PhoneService& service, EventFeed& feed,
                   ListReaders list_readers, posture::AppPosture* app_posture)
    : config_(config),
      service_(service),
      feed_(feed),
      list_readers_(std::move(list_readers)),
      app_posture_(app_posture),
      timers_(std::make_shared<net::TimerQueue>()) {}

Result<std::unique_ptr<PhoneApi>> PhoneApi::listen(const PhoneApiConfig& config,
                                                   PhoneService& service, EventFeed& feed,
                                                   ListReaders list_readers,
                                                   posture::AppPosture* app_posture) {
    auto api = std::unique_ptr<PhoneApi>(
        new PhoneApi(config, service, feed, std::move(list_readers), app_posture));
    for (std::size_t i = 0; i < workers; ++i) {
        api->threads_.emplace_back([self = api.get()] { self->work(); });
    }
    net::HttpServerConfig http;
    http.unix_path = config.socket_path;
    http.unix_mode = config.socket_mode;
    http.limits.body_bytes_max = body_bytes_max;
    http.limits.connections_max = connections_max;
    http.limits.request_ms = request_ms;
    api->server_ = TRY(net::HttpServer::listen(
        http, [self = api.get()](net::HttpRequest request, net::Responder respond) {
            self->take(std::move(request), std::move(respond));
        }));
    return api;
}

PhoneApi::~PhoneApi() {
    if (server_) server_->stop();
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

// On the server's thread: must not block.
void PhoneApi::take(net::HttpRequest request, net::Responder respond) {
    if (const auto refusal = routing_refusal(request)) {
        respond(refuse(*refusal, *refusal == Refusal::unknown_field ? "query" : ""));
        return;
    }
    if (path_of(request.target) == "/v1/events") {
        const std::size_t path_size = path_of(request.target).size();
        const std::string_view target = request.target;
        const auto query = read_events_query(target.substr(std::min(path_size + 1, target.size())));
        if (!query) {
            respond(refuse(Refusal::bad_value, query.error()));
        } else {
            answer_events(query->after, query->wait_ms, respond);
        }
        return;
    }
    if (!queue([this, request = std::move(request), respond] { respond(answer(request)); })) {
        respond(refuse(Refusal::too_many_requests));
    }
}

bool PhoneApi::queue(Work work) {
    {
        const std::lock_guard lock(mutex_);
        if (stopping_ || queue_.size() >= queue_max) return false;
        queue_.push_back(std::move(work));
    }
    wake_.notify_one();
    return true;
}

void PhoneApi::work() {
    for (;;) {
        Work next;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (stopping_) return;
            next = std::move(queue_.front());
            queue_.pop_front();
        }
        next();
    }
}

// Answers at once, or when something is published, or when the time is over, whichever is first;
// the responder counts only the first call.
void PhoneApi::answer_events(std::uint64_t after, std::uint32_t wait_ms,
                             const net::Responder& respond) {
    const auto reply = [&feed = feed_, after, respond] {
        const std::uint64_t last = feed.last();
        respond({.status = 200, .body = events_json(feed.after(after), last)});
    };
    if (wait_ms == 0) {
        reply();
        return;
    }
    const std::uint64_t wait = feed_.wait_behind(after, reply);
    if (wait == 0) return;
    timers_->after(wait_ms, [&feed = feed_, wait, reply] {
        feed.forget(wait);
        reply();
    });
}

HttpResponse PhoneApi::answer(const net::HttpRequest& request) {
    const std::string_view path = path_of(request.target);
    if (path == "/v1/purchase") return purchase(request.body);
    if (path == "/v1/scan") return wallet(request.body, true);
    if (path == "/v1/show") return wallet(request.body, false);
    if (path == "/v1/give-up") return give_up(request.body);
    if (path == "/v1/void") return void_sale(request.body);
    if (path == "/v1/refund") return refund(request.body);
    if (path == "/v1/enrol") return enrol(request.body);
    if (path == "/v1/cancel") return cancel(request.body);
    if (path == "/v1/preflight") return preflight(request.body);
    if (path == "/v1/posture") return take_posture(request.body);
    if (path == "/v1/readers") return readers();
    if (path == "/v1/last") return answer_with(service_.last());
    if (path == "/v1/status") return {.status = 200, .body = status_json(service_.status())};
    const std::string id(path.substr(payments_prefix.size()));
    if (!is_identifier(id)) return refuse(Refusal::bad_value, "payment_id");
    return answer_with(service_.payment(id));
}

HttpResponse PhoneApi::purchase(const std::string& body) {
    codec::StrictJson fields(body);
    PurchaseOrder order;
    order.amount_minor = fields.integer("amount_minor", 1, amount_minor_max);
    const std::string currency = fields.optional_text("currency", 3).value_or("CNY");
    if (currency != "CNY") fields.fault(Refusal::bad_value, "currency");
    order.reference = fields.optional_text("reference", reference_bytes_max).value_or("");
    if (!is_plain_text(order.reference, reference_bytes_max)) {
        fields.fault(Refusal::bad_value, "reference");
    }
    order.key = read_key(fields, "idempotency_key");
    if (const auto fault = fields.finish()) return refuse(fault->refusal, fault->field);
    return answer_with(service_.purchase(order));
}

// Whose the code is, the platform sees; that it is a payer's at all is told here already.
HttpResponse PhoneApi::wallet(const std::string& body, bool scans) {
    codec::StrictJson fields(body);
    WalletOrder order;
    order.amount_minor = fields.integer("amount_minor", 1, amount_minor_max);
    const std::string currency = fields.optional_text("currency", 3).value_or("CNY");
    if (currency != "CNY") fields.fault(Refusal::bad_value, "currency");
    order.reference = fields.optional_text("reference", reference_bytes_max).value_or("");
    if (!is_plain_text(order.reference, reference_bytes_max)) {
        fields.fault(Refusal::bad_value, "reference");
    }
    order.key = read_key(fields, "idempotency_key");
    if (scans) {
        order.payment_code = qr::trimmed_code(fields.text("payment_code", wallet_code_bytes_max));
    } else {
        order.channel = fields.text("channel", 16);
    }
    if (const auto fault = fields.finish()) return refuse(fault->refusal, fault->field);
    if (scans && !qr::is_payment_code(qr::classify_code(order.payment_code))) {
        return refuse(Refusal::payment_code_invalid, "payment_code");
    }
    return answer_with(service_.take_wallet(order));
}

HttpResponse PhoneApi::give_up(const std::string& body) {
    codec::StrictJson fields(body);
    const std::string payment_id = read_payment_id(fields, "payment_id");
    if (const auto fault = fields.finish()) return refuse(fault->refusal, fault->field);
    return answer_with(service_.give_up(payment_id));
}

HttpResponse PhoneApi::void_sale(const std::string& body) {
    codec::StrictJson fields(body);
    VoidOrder order;
    order.sale_key = read_key(fields, "sale_idempotency_key");
    const bool by_id = fields.has("payment_id") || !order.sale_key;
    if (by_id) order.payment_id = read_payment_id(fields, "payment_id");
    if (by_id && order.sale_key) fields.fault(Refusal::bad_value, "payment_id");
    order.key = read_key(fields, "idempotency_key");
    if (const auto fault = fields.finish()) return refuse(fault->refusal, fault->field);
    return answer_with(service_.void_sale(order));
}

HttpResponse PhoneApi::refund(const std::string& body) {
    codec::StrictJson fields(body);
    RefundOrder order;
    order.payment_id = read_payment_id(fields, "payment_id");
    order.amount_minor = fields.integer("amount_minor", 1, amount_minor_max);
    order.key = read_key(fields, "idempotency_key");
    if (const auto fault = fields.finish()) return refuse(fault->refusal, fault->field);
    return answer_with(service_.refund(order));
}

HttpResponse PhoneApi::enrol(const std::string& body) {
    codec::StrictJson fields(body);
    EnrolOrder order;
    order.activation_code = fields.text("activation_code", activation_code_bytes_max);
    if (fields.has("server") || config_.server_default.empty()) {
        order.server = fields.text("server", server_url_bytes_max);
    } else {
        order.server = config_.server_default;
    }
    order.ca_pem = fields.lines("ca_pem", ca_pem_bytes_max);
    order.device_model = fields.optional_text("device_name", device_name_bytes_max).value_or("");
    if (const auto fault = fields.finish()) return refuse(fault->refusal, fault->field);
    const auto status = service_.enrol(order);
    if (!status) return refuse(status.error());
    return {.status = 200, .body = status_json(*status)};
}

HttpResponse PhoneApi::preflight(const std::string& body) {
    codec::StrictJson fields(body);
    if (const auto fault = fields.finish()) return refuse(fault->refusal, fault->field);
    return {.status = 200, .body = preflight_json(service_.preflight())};
}

HttpResponse PhoneApi::take_posture(const std::string& body) {
    if (app_posture_ == nullptr) return refuse(Refusal::not_found);
    if (const auto fault = app_posture_->take(body)) return refuse(fault->refusal, fault->field);
    return {.status = 200, .body = R"({"taken":true})"};
}

HttpResponse PhoneApi::cancel(const std::string& body) {
    codec::StrictJson fields(body.empty() ? "{}" : body);
    if (const auto fault = fields.finish()) return refuse(fault->refusal, fault->field);
    return {.status = 200,
            .body = service_.cancel() ? R"({"cancelled":true})" : R"({"cancelled":false})"};
}

HttpResponse PhoneApi::readers() {
    const auto names = list_readers_();
    if (!names) return refuse(Refusal::reader_unavailable);
    json::array list;
    for (const std::string& name : *names) list.push_back(json::string(name));
    return {.status = 200, .body = json::serialize(json::object{{"readers", std::move(list)}})};
}

}  // namespace softpos::device
