// JSON by Boost.JSON, words by the table.
#include "platform/server/answers.h"

#include <boost/json.hpp>

#include <charconv>
#include <cstdio>

namespace softpos::server {
namespace {

namespace json = boost::json;

json::object refusal_object(Refusal refusal) {
    const RefusalRow& row = row_of(refusal);
    return {{"code", row.code},
            {"class", name_of(row.klass)},
            {"message_en", row.en},
            {"message_zh", row.zh}};
}

std::string six_digits(std::uint32_t number) {
    char text[16];
    const int size = std::snprintf(text, sizeof text, "%06u", number);
    return {text, static_cast<std::size_t>(size)};
}

}  // namespace

net::HttpResponse refuse(Refusal refusal, std::string_view reference, std::string_view field) {
    json::object inside = refusal_object(refusal);
    if (!field.empty()) inside["field"] = field;
    json::object body{{"refusal", std::move(inside)}};
    if (!reference.empty()) body["reference"] = reference;
    return {.status = row_of(refusal).http_status, .body = json::serialize(body)};
}

net::HttpResponse refuse(const codec::JsonFault& fault) {
    return refuse(fault.refusal, {}, fault.field);
}

std::string payment_json(const pay::Payment& payment) {
    const pay::PaymentResult result = result_of(payment);
    json::object body{{"payment_id", payment.id.text()},
                      {"kind", name_of(payment.kind)},
                      {"state", name_of(payment.state)},
                      {"result", name_of(result)},
                      {"merchant_id", payment.merchant},
                      {"terminal_id", payment.terminal},
                      {"amount_minor", payment.amount_minor},
                      {"currency", "CNY"},
                      {"reference", payment.reference},
                      {"masked_pan", payment.masked_pan},
                      {"trace", six_digits(payment.stan)},
                      {"batch", six_digits(payment.batch)},
                      {"rrn", payment.rrn},
                      {"auth_code", payment.auth_code},
                      {"response_code", payment.response_code},
                      {"settlement_date", date_text(payment.settlement_date)},
                      {"created_at", china_time(payment.created_at).iso()}};
    if (payment.kind == pay::PaymentKind::purchase) {
        body["refunded_minor"] = payment.refunded_minor;
        body["fee_minor"] = payment.fee.merchant_minor;
    } else {
        body["original_payment_id"] = payment.original.text();
    }
    if (!payment.late_response_code.empty()) {
        body["late_response_code"] = payment.late_response_code;
    }
    if (result != pay::PaymentResult::approved && payment.refusal != Refusal::none) {
        body["refusal"] = refusal_object(payment.refusal);
    }
    return json::serialize(body);
}

net::HttpResponse payment_answer(const pay::Payment& payment) {
    return {.status = 200, .body = payment_json(payment)};
}

std::string trade_json(const pay::WalletTrade& trade) {
    const pay::PaymentResult result = result_of(trade);
    json::object body{{"payment_id", trade.id.text()},
                      {"kind", name_of(trade.kind)},
                      {"state", trade.voided ? "voided" : name_of(trade.state)},
                      {"result", name_of(result)},
                      {"merchant_id", trade.merchant},
                      {"terminal_id", trade.terminal},
                      {"amount_minor", trade.amount_minor},
                      {"currency", "CNY"},
                      {"reference", trade.reference},
                      {"channel", name_of(trade.channel)},
                      {"way", name_of(trade.way)},
                      {"wallet_trade", trade.wallet_trade},
                      {"wallet_code", trade.wallet_code},
                      {"settlement_date", date_text(trade.settlement_date)},
                      {"created_at", china_time(trade.created_at).iso()}};
    if (trade.kind == pay::PaymentKind::purchase) {
        body["refunded_minor"] = trade.refunded_minor;
        body["fee_minor"] = trade.fee.merchant_minor;
    } else {
        body["original_payment_id"] = trade.original.text();
    }
    if (!trade.code.empty() && is_open(trade.state)) {
        body["code"] = trade.code;
        body["code_expires_at"] = china_time(trade.deadline_at).iso();
    }
    if (result != pay::PaymentResult::approved) {
        const bool named = trade.refusal != Refusal::none;
        body["refusal"] = refusal_object(named ? trade.refusal : Refusal::payment_in_progress);
    }
    return json::serialize(body);
}

net::HttpResponse trade_answer(const pay::WalletTrade& trade) {
    return {.status = 200, .body = trade_json(trade)};
}

std::string date_text(pay::BusinessDate date) {
    if (!date.known()) return {};
    char text[24];
    const int size = std::snprintf(text, sizeof text, "%04u-%02u-%02u", date.yyyymmdd / 10000,
                                   date.yyyymmdd / 100 % 100, date.yyyymmdd % 100);
    return {text, static_cast<std::size_t>(size)};
}

std::optional<pay::BusinessDate> date_of(std::string_view text) {
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
    std::string digits(text.substr(0, 4));
    digits.append(text.substr(5, 2)).append(text.substr(8, 2));
    const auto date = pay::parse_date(digits);
    return date ? std::optional(*date) : std::nullopt;
}

std::string_view path_of(std::string_view target) {
    return target.substr(0, target.find('?'));
}

std::optional<std::string_view> query_of(std::string_view target, std::string_view name) {
    const std::size_t question = target.find('?');
    if (question == std::string_view::npos) return std::nullopt;
    std::string_view rest = target.substr(question + 1);
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('&'), rest.size());
        const std::string_view pair = rest.substr(0, end);
        const std::size_t equals = pair.find('=');
        if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
            return pair.substr(equals + 1);
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return std::nullopt;
}

std::optional<std::string_view> match_path(std::string_view path, std::string_view pattern) {
    const std::size_t hole = pattern.find("{}");
    const std::string_view front = pattern.substr(0, hole);
    const std::string_view back = pattern.substr(hole + 2);
    if (path.size() <= front.size() + back.size()) return std::nullopt;
    if (!path.starts_with(front) || !path.ends_with(back)) return std::nullopt;
    const std::string_view value =
        path.substr(front.size(), path.size() - front.size() - back.size());
    if (value.find('/') != std::string_view::npos) return std::nullopt;
    return value;
}

}  // namespace softpos::server
