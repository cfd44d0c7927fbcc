// include/softpos.h over the local API. No exception, no log, no global state: it runs in an app.
#include "base/ids.h"
#include "base/money.h"
#include "softpos.h"
#include "unix_http.h"

#include <boost/json.hpp>

#include <algorithm>
#include <cstring>
#include <new>

namespace json = boost::json;
using softpos::softpos_client::exchange;
using softpos::softpos_client::LocalRequest;

struct softpos_handle {
    std::string socket_path;
    std::uint32_t timeout_ms;
};

namespace {

constexpr std::uint32_t timeout_ms_usual = 300'000;
constexpr std::uint32_t events_wait_ms_max = 25'000;
constexpr std::size_t text_bytes_max = 64;

// The caller's struct may be older (shorter) or newer (longer) than ours.
template <typename Struct>
bool read_struct(const Struct* from, std::size_t size_min, Struct& to) {
    if (from == nullptr || from->struct_size < size_min) return false;
    to = {};
    std::memcpy(&to, from, std::min(from->struct_size, sizeof to));
    return true;
}

template <typename Struct>
bool can_write(const Struct* to) {
    return to != nullptr && to->struct_size >= sizeof(std::size_t);
}

template <typename Struct>
void write_struct(Struct from, Struct* to) {
    const std::size_t size = to->struct_size;
    from.struct_size = size;
    std::memcpy(static_cast<void*>(to), &from, std::min(size, sizeof from));
}

// Cuts at a whole UTF-8 character.
template <std::size_t size>
void put(char (&to)[size], std::string_view text) {
    std::size_t count = std::min(text.size(), size - 1);
    if (count < text.size()) {
        while (count > 0 && (static_cast<unsigned char>(text[count]) & 0xC0) == 0x80) --count;
    }
    std::copy_n(text.data(), count, to);
    to[count] = '\0';
}

std::string_view text_in(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    const json::string* text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
}

std::int64_t number_in(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    const std::int64_t* number = value == nullptr ? nullptr : value->if_int64();
    return number == nullptr ? 0 : *number;
}

void put_refusal(softpos_payment& payment, const json::object& refusal) {
    put(payment.refusal_code, text_in(refusal, "code"));
    put(payment.refusal_class, text_in(refusal, "class"));
    put(payment.message_en, text_in(refusal, "message_en"));
    put(payment.message_zh, text_in(refusal, "message_zh"));
}

void put_payment(softpos_payment& payment, const json::object& object) {
    const std::string_view result = text_in(object, "result");
    payment.result = result == "approved"   ? SOFTPOS_APPROVED
                     : result == "declined" ? SOFTPOS_DECLINED
                                            : SOFTPOS_INDETERMINATE;
    payment.amount_minor = number_in(object, "amount_minor");
    payment.refunded_minor = number_in(object, "refunded_minor");
    put(payment.idempotency_key, text_in(object, "idempotency_key"));
    put(payment.payment_id, text_in(object, "payment_id"));
    put(payment.kind, text_in(object, "kind"));
    put(payment.state, text_in(object, "state"));
    put(payment.currency, text_in(object, "currency"));
    put(payment.reference, text_in(object, "reference"));
    put(payment.masked_pan, text_in(object, "masked_pan"));
    put(payment.response_code, text_in(object, "response_code"));
    put(payment.trace, text_in(object, "trace"));
    put(payment.rrn, text_in(object, "rrn"));
    put(payment.auth_code, text_in(object, "auth_code"));
    put(payment.batch, text_in(object, "batch"));
    put(payment.settlement_date, text_in(object, "settlement_date"));
    put(payment.original_payment_id, text_in(object, "original_payment_id"));
    put(payment.created_at, text_in(object, "created_at"));
}

struct Answer {
    softpos_error error = SOFTPOS_MAYBE_BEGUN;
    json::value body = json::object();
    const json::object& object() const { return body.get_object(); }
};

Answer call(const softpos_t& handle, const LocalRequest& request) {
    const auto response = exchange(handle.socket_path, request, handle.timeout_ms);
    Answer answer;
    if (!response) {
        if (response.error().kind == softpos::ErrorKind::unavailable) {
            answer.error = SOFTPOS_UNAVAILABLE;
        }
        return answer;
    }
    json::error_code failed;
    json::value body = json::parse(response->body, failed);
    if (failed || !body.is_object()) return answer;
    answer.body = std::move(body);
    if (response->status < 300) answer.error = SOFTPOS_OK;
    // 504 is the service's own limit of time: what it was doing goes on.
    if (response->status >= 400 && response->status != 504) answer.error = SOFTPOS_REFUSED;
    return answer;
}

softpos_error payment_call(const softpos_t& handle, const LocalRequest& request,
                           std::string_view key, softpos_payment* out,
                           softpos_shown_code* shown = nullptr) {
    const Answer answer = call(handle, request);
    softpos_payment payment{};
    put(payment.idempotency_key, key);
    if (answer.error == SOFTPOS_OK) {
        put_payment(payment, answer.object());
    } else if (const json::value* refusal = answer.object().if_contains("refusal");
               refusal != nullptr && refusal->is_object()) {
        put_refusal(payment, refusal->get_object());
    }
    if (answer.error == SOFTPOS_OK && payment.result != SOFTPOS_APPROVED) {
        const json::value* refusal = answer.object().if_contains("refusal");
        if (refusal != nullptr && refusal->is_object()) {
            put_refusal(payment, refusal->get_object());
        }
    }
    write_struct(payment, out);
    if (shown != nullptr) {
        softpos_shown_code code{};
        put(code.code, text_in(answer.object(), "code"));
        put(code.expires_at, text_in(answer.object(), "code_expires_at"));
        write_struct(code, shown);
    }
    return answer.error;
}

bool fits(const char* text) {
    return text != nullptr && ::strnlen(text, text_bytes_max + 1) <= text_bytes_max;
}

// The caller's key, or a new one; empty where the caller's cannot be one.
std::string key_of(const char* wanted) {
    if (wanted == nullptr) {
        softpos::SystemRandom random;
        return softpos::Id128::make(random).text();
    }
    const auto key = fits(wanted) ? softpos::Id128::parse(wanted)
                                  : softpos::fail(softpos::ErrorKind::malformed, "key");
    return key ? key->text() : std::string();
}

bool is_path_word(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '_' || c == '-';
    });
}

bool is_amount(std::int64_t amount_minor) {
    return amount_minor > 0 && amount_minor <= softpos::amount_minor_max;
}

}  // namespace

int softpos_api_version(void) {
    return SOFTPOS_API_VERSION;
}

const char* softpos_error_text(softpos_error error) {
    switch (error) {
        case SOFTPOS_OK:
            return "There is a result.";
        case SOFTPOS_REFUSED:
            return "The request was refused; nothing was begun.";
        case SOFTPOS_UNAVAILABLE:
            return "The payment service cannot be reached; nothing was begun.";
        case SOFTPOS_MAYBE_BEGUN:
            return "The answer was lost; ask for the status before paying again.";
        case SOFTPOS_BAD_ARGUMENT:
            return "An argument cannot be used; nothing was begun.";
        case SOFTPOS_NOTHING:
            return "Nothing came in time.";
    }
    return "Not an error of this library.";
}

softpos_error softpos_open(const softpos_options* options, softpos_t** handle) {
    if (handle == nullptr) return SOFTPOS_BAD_ARGUMENT;
    *handle = nullptr;
    softpos_options wanted;
    if (!read_struct(options, sizeof wanted, wanted) || wanted.socket_path == nullptr ||
        *wanted.socket_path == '\0') {
        return SOFTPOS_BAD_ARGUMENT;
    }
    const std::uint32_t timeout_ms = wanted.timeout_ms == 0 ? timeout_ms_usual : wanted.timeout_ms;
    *handle = new (std::nothrow) softpos_handle{wanted.socket_path, timeout_ms};
    return *handle == nullptr ? SOFTPOS_UNAVAILABLE : SOFTPOS_OK;
}

void softpos_close(softpos_t* handle) {
    delete handle;
}

softpos_error softpos_purchase(softpos_t* handle, const softpos_purchase_request* request,
                               softpos_payment* payment) {
    softpos_purchase_request wanted;
    if (handle == nullptr || !can_write(payment) || !read_struct(request, sizeof wanted, wanted) ||
        !is_amount(wanted.amount_minor)) {
        return SOFTPOS_BAD_ARGUMENT;
    }
    const std::string key = key_of(wanted.idempotency_key);
    if (key.empty() || (wanted.reference != nullptr && !fits(wanted.reference))) {
        return SOFTPOS_BAD_ARGUMENT;
    }
    json::object body{{"idempotency_key", key}, {"amount_minor", wanted.amount_minor}};
    if (wanted.reference != nullptr) body["reference"] = wanted.reference;
    return payment_call(*handle, {"POST", "/v1/purchase", json::serialize(body)}, key, payment);
}

softpos_error softpos_scan(softpos_t* handle, const softpos_scan_request* request,
                           softpos_payment* payment) {
    softpos_scan_request wanted;
    if (handle == nullptr || !can_write(payment) || !read_struct(request, sizeof wanted, wanted) ||
        !fits(wanted.payment_code) || !is_amount(wanted.amount_minor)) {
        return SOFTPOS_BAD_ARGUMENT;
    }
    const std::string key = key_of(wanted.idempotency_key);
    if (key.empty() || (wanted.reference != nullptr && !fits(wanted.reference))) {
        return SOFTPOS_BAD_ARGUMENT;
    }
    json::object body{{"idempotency_key", key},
                      {"amount_minor", wanted.amount_minor},
                      {"payment_code", wanted.payment_code}};
    if (wanted.reference != nullptr) body["reference"] = wanted.reference;
    return payment_call(*handle, {"POST", "/v1/scan", json::serialize(body)}, key, payment);
}

softpos_error softpos_show(softpos_t* handle, const softpos_show_request* request,
                           softpos_shown_code* code, softpos_payment* payment) {
    softpos_show_request wanted;
    if (handle == nullptr || !can_write(payment) || !can_write(code) ||
        !read_struct(request, sizeof wanted, wanted) || !fits(wanted.channel) ||
        !is_amount(wanted.amount_minor)) {
        return SOFTPOS_BAD_ARGUMENT;
    }
    const std::string key = key_of(wanted.idempotency_key);
    if (key.empty() || (wanted.reference != nullptr && !fits(wanted.reference))) {
        return SOFTPOS_BAD_ARGUMENT;
    }
    json::object body{{"idempotency_key", key},
                      {"amount_minor", wanted.amount_minor},
                      {"channel", wanted.channel}};
    if (wanted.reference != nullptr) body["reference"] = wanted.reference;
    return payment_call(*handle, {"POST", "/v1/show", json::serialize(body)}, key, payment, code);
}

softpos_error softpos_give_up(softpos_t* handle, const char* payment_id, softpos_payment* payment) {
    if (handle == nullptr || !can_write(payment) || !fits(payment_id)) {
        return SOFTPOS_BAD_ARGUMENT;
    }
    const json::object body{{"payment_id", payment_id}};
    return payment_call(*handle, {"POST", "/v1/give-up", json::serialize(body)}, {}, payment);
}

softpos_error softpos_void(softpos_t* handle, const softpos_void_request* request,
                           softpos_payment* payment) {
    softpos_void_request wanted;
    if (handle == nullptr || !can_write(payment) || !read_struct(request, sizeof wanted, wanted) ||
        !fits(wanted.payment_id)) {
        return SOFTPOS_BAD_ARGUMENT;
    }
    const std::string key = key_of(wanted.idempotency_key);
    if (key.empty()) return SOFTPOS_BAD_ARGUMENT;
    const json::object body{{"idempotency_key", key}, {"payment_id", wanted.payment_id}};
    return payment_call(*handle, {"POST", "/v1/void", json::serialize(body)}, key, payment);
}

softpos_error softpos_refund(softpos_t* handle, const softpos_refund_request* request,
                             softpos_payment* payment) {
    softpos_refund_request wanted;
    if (handle == nullptr || !can_write(payment) || !read_struct(request, sizeof wanted, wanted) ||
        !fits(wanted.payment_id) || !is_amount(wanted.amount_minor)) {
        return SOFTPOS_BAD_ARGUMENT;
    }
    const std::string key = key_of(wanted.idempotency_key);
    if (key.empty()) return SOFTPOS_BAD_ARGUMENT;
    const json::object body{{"idempotency_key", key},
                            {"payment_id", wanted.payment_id},
                            {"amount_minor", wanted.amount_minor}};
    return payment_call(*handle, {"POST", "/v1/refund", json::serialize(body)}, key, payment);
}

softpos_error softpos_status(softpos_t* handle, const char* id_or_key, softpos_payment* payment) {
    if (handle == nullptr || !can_write(payment) || !fits(id_or_key) || !is_path_word(id_or_key)) {
        return SOFTPOS_BAD_ARGUMENT;
    }
    // Copied first: the word may stand in the very struct that the answer goes to.
    const std::string word = id_or_key;
    return payment_call(*handle, {"GET", "/v1/payments/" + word, {}}, word, payment);
}

softpos_error softpos_last(softpos_t* handle, softpos_payment* payment) {
    if (handle == nullptr || !can_write(payment)) return SOFTPOS_BAD_ARGUMENT;
    return payment_call(*handle, {"GET", "/v1/last", {}}, {}, payment);
}

softpos_error softpos_cancel(softpos_t* handle, int* cancelled) {
    if (handle == nullptr || cancelled == nullptr) return SOFTPOS_BAD_ARGUMENT;
    *cancelled = 0;
    const Answer answer = call(*handle, {"POST", "/v1/cancel", "{}"});
    const json::value* done = answer.object().if_contains("cancelled");
    if (done != nullptr && done->is_bool()) *cancelled = done->get_bool() ? 1 : 0;
    return answer.error;
}

softpos_error softpos_next_event(softpos_t* handle, std::uint64_t after, std::uint32_t wait_ms,
                                 softpos_event* event) {
    if (handle == nullptr || !can_write(event) || wait_ms > events_wait_ms_max) {
        return SOFTPOS_BAD_ARGUMENT;
    }
    const Answer answer = call(*handle, {"GET",
                                         "/v1/events?after=" + std::to_string(after) +
                                             "&wait_ms=" + std::to_string(wait_ms),
                                         {}});
    if (answer.error != SOFTPOS_OK) return answer.error;
    const json::value* list = answer.object().if_contains("events");
    if (list == nullptr || !list->is_array() || list->get_array().empty()) return SOFTPOS_NOTHING;
    const json::object* first = list->get_array().front().if_object();
    if (first == nullptr) return SOFTPOS_NOTHING;
    softpos_event found{};
    found.number = static_cast<std::uint64_t>(number_in(*first, "number"));
    found.hold_ms = static_cast<std::uint32_t>(number_in(*first, "hold_ms"));
    put(found.message, text_in(*first, "message"));
    put(found.message_en, text_in(*first, "message_en"));
    put(found.message_zh, text_in(*first, "message_zh"));
    put(found.idempotency_key, text_in(*first, "idempotency_key"));
    write_struct(found, event);
    return SOFTPOS_OK;
}
