// Payment JSON both ways, over Boost.JSON with error codes only.
#include "phone/device/payment.h"

#include "base/money.h"
#include "base/pan.h"

#include <boost/json.hpp>

#include <algorithm>
#include <array>

namespace softpos::device {
namespace {

namespace json = boost::json;

constexpr std::size_t short_text_bytes_max = 64;
constexpr std::size_t message_bytes_max = 512;
constexpr std::size_t json_depth_max = 8;

constexpr std::array<std::string_view, 3> kind_names{"purchase", "void", "refund"};
constexpr std::array<std::string_view, 3> result_names{"approved", "declined", "indeterminate"};

// Takes known fields out of an object and remembers the first that cannot be.
class Fields {
public:
    explicit Fields(const json::object& object) : object_(object) {}

    std::string text(std::string_view name, std::size_t bytes_max = short_text_bytes_max) {
        const json::value* value = object_.if_contains(name);
        if (value == nullptr || value->is_null()) return {};
        const json::string* text = value->if_string();
        if (text == nullptr || !is_plain_text({text->data(), text->size()}, bytes_max)) {
            ok_ = false;
            return {};
        }
        return {text->data(), text->size()};
    }

    // Counters that one writes as a number and another as digits.
    std::string number_or_text(std::string_view name) {
        const json::value* value = object_.if_contains(name);
        if (value != nullptr && value->is_int64()) return std::to_string(value->get_int64());
        return text(name);
    }

    std::int64_t amount(std::string_view name) {
        const json::value* value = object_.if_contains(name);
        if (value == nullptr || value->is_null()) return 0;
        const std::int64_t* number = value->if_int64();
        if (number == nullptr || *number < 0 || *number > amount_minor_max) {
            ok_ = false;
            return 0;
        }
        return *number;
    }

    template <typename Enum>
    Enum one_of(std::string_view name, std::span<const std::string_view> names) {
        const std::string word = text(name);
        const auto found = std::ranges::find(names, word);
        if (found == names.end()) {
            ok_ = false;
            return {};
        }
        return static_cast<Enum>(found - names.begin());
    }

    bool ok() const { return ok_; }

private:
    const json::object& object_;
    bool ok_ = true;
};

std::optional<json::value> parse_object(std::string_view text) {
    if (text.size() > payment_json_bytes_max) return std::nullopt;
    json::error_code failed;
    json::parse_options options;
    options.max_depth = json_depth_max;
    json::value value = json::parse({text.data(), text.size()}, failed, {}, options);
    if (failed || !value.is_object()) return std::nullopt;
    return value;
}

std::optional<RefusalText> refusal_in(const json::object& holder) {
    const json::value* value = holder.if_contains("refusal");
    if (value == nullptr || !value->is_object()) return std::nullopt;
    Fields fields(value->get_object());
    RefusalText refusal{.code = fields.text("code"),
                        .klass = fields.text("class"),
                        .message_en = fields.text("message_en", message_bytes_max),
                        .message_zh = fields.text("message_zh", message_bytes_max),
                        .field = fields.text("field"),
                        .reference = fields.text("reference")};
    if (!fields.ok() || refusal.code.empty()) return std::nullopt;
    return refusal;
}

json::object object_of(const RefusalText& refusal) {
    json::object object{{"code", refusal.code},
                        {"class", refusal.klass},
                        {"message_en", refusal.message_en},
                        {"message_zh", refusal.message_zh}};
    if (!refusal.field.empty()) object["field"] = refusal.field;
    if (!refusal.reference.empty()) object["reference"] = refusal.reference;
    return object;
}

// The platform masks; this is for the day when it does not.
std::string at_most_masked(std::string text) {
    std::size_t clear = 0;
    for (const char c : text) clear += c >= '0' && c <= '9' ? 1 : 0;
    return clear > 10 ? mask_pan(text) : text;
}

std::string serialised(const json::object& object) {
    return json::serialize(object);
}

}  // namespace

std::string_view name_of(PaymentKind kind) {
    return kind_names[static_cast<std::size_t>(kind)];
}

std::string_view name_of(PaymentResult result) {
    return result_names[static_cast<std::size_t>(result)];
}

RefusalText words_of(Refusal refusal, std::string_view field) {
    const RefusalRow& row = row_of(refusal);
    return {.code = std::string(row.code),
            .klass = std::string(name_of(row.klass)),
            .message_en = std::string(row.en),
            .message_zh = std::string(row.zh),
            .field = std::string(field)};
}

std::string refusal_json(const RefusalText& refusal) {
    return serialised({{"refusal", object_of(refusal)}});
}

std::string payment_json(const Payment& payment) {
    json::object object;
    const auto put = [&object](std::string_view name, const std::string& value) {
        if (!value.empty()) object[name] = value;
    };
    put("payment_id", payment.payment_id);
    put("idempotency_key", payment.idempotency_key);
    object["kind"] = json::string_view(name_of(payment.kind));
    object["result"] = json::string_view(name_of(payment.result));
    put("state", payment.state);
    object["amount_minor"] = payment.amount_minor;
    object["currency"] = payment.currency;
    put("reference", payment.reference);
    put("masked_pan", payment.masked_pan);
    put("response_code", payment.response_code);
    if (payment.refusal) object["refusal"] = object_of(*payment.refusal);
    put("trace", payment.trace);
    put("rrn", payment.rrn);
    put("auth_code", payment.auth_code);
    put("batch", payment.batch);
    put("settlement_date", payment.settlement_date);
    object["refunded_minor"] = payment.refunded_minor;
    put("original_payment_id", payment.original_payment_id);
    put("created_at", payment.created_at);
    put("channel", payment.channel);
    put("wallet_code", payment.wallet_code);
    put("code", payment.code);
    put("code_expires_at", payment.code_expires_at);
    return serialised(object);
}

Result<Payment> read_payment(std::string_view text) {
    const auto document = parse_object(text);
    if (!document) return fail(ErrorKind::malformed, "payment: not a JSON object");
    const json::object& object = document->get_object();
    Fields fields(object);
    Payment payment;
    payment.payment_id = fields.text("payment_id", payment_id_bytes_max);
    payment.idempotency_key = fields.text("idempotency_key");
    payment.kind = fields.one_of<PaymentKind>("kind", kind_names);
    payment.result = fields.one_of<PaymentResult>("result", result_names);
    payment.state = fields.text("state");
    payment.amount_minor = fields.amount("amount_minor");
    payment.currency = fields.text("currency");
    payment.reference = fields.text("reference", reference_bytes_max);
    payment.masked_pan = at_most_masked(fields.text("masked_pan"));
    payment.response_code = fields.text("response_code");
    payment.refusal = refusal_in(object);
    payment.trace = fields.number_or_text("trace");
    payment.rrn = fields.text("rrn");
    payment.auth_code = fields.text("auth_code");
    payment.batch = fields.number_or_text("batch");
    payment.settlement_date = fields.number_or_text("settlement_date");
    payment.refunded_minor = fields.amount("refunded_minor");
    payment.original_payment_id = fields.text("original_payment_id", payment_id_bytes_max);
    payment.created_at = fields.number_or_text("created_at");
    payment.channel = fields.text("channel");
    payment.wallet_code = fields.text("wallet_code");
    payment.code = fields.text("code", wallet_code_bytes_max);
    payment.code_expires_at = fields.text("code_expires_at");
    if (!fields.ok()) return fail(ErrorKind::malformed, "payment: a field cannot be so");
    if (!payment.payment_id.empty() && !is_identifier(payment.payment_id)) {
        return fail(ErrorKind::malformed, "payment: the identifier cannot be one");
    }
    if (payment.currency.empty()) payment.currency = "CNY";
    if (payment.result == PaymentResult::approved) payment.refusal.reset();
    if (payment.result == PaymentResult::declined && !payment.refusal) {
        payment.refusal = words_of(Refusal::issuer_declined);
    }
    if (payment.result == PaymentResult::indeterminate && !payment.refusal) {
        payment.refusal = words_of(Refusal::payment_in_progress);
    }
    return payment;
}

std::optional<RefusalText> read_refusal(std::string_view text) {
    const auto document = parse_object(text);
    return document ? refusal_in(document->get_object()) : std::nullopt;
}

bool is_identifier(std::string_view text) {
    return !text.empty() && text.size() <= payment_id_bytes_max &&
           std::ranges::all_of(text, [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '_' || c == '-';
           });
}

bool is_plain_text(std::string_view text, std::size_t bytes_max) {
    if (text.size() > bytes_max) return false;
    std::size_t more = 0;  // Continuation bytes still to come.
    for (const char c : text) {
        const auto byte = static_cast<std::uint8_t>(c);
        if (more > 0) {
            if ((byte & 0xC0) != 0x80) return false;
            --more;
        } else if (byte >= 0xF0 && byte <= 0xF4) {
            more = 3;
        } else if (byte >= 0xE0 && byte <= 0xEF) {
            more = 2;
        } else if (byte >= 0xC2 && byte <= 0xDF) {
            more = 1;
        } else if (byte < 0x20 || byte >= 0x7F) {
            return false;
        }
    }
    return more == 0;
}

}  // namespace softpos::device
