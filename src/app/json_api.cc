// Boost.JSON underneath.
#include "app/json_api.h"

#include <boost/json.hpp>

#include <charconv>
#include <utility>

namespace softpos::app {
namespace {

namespace json = boost::json;

constexpr std::uint32_t timeout_ms = 60'000;

void print(const json::value& value, const std::string& indent, std::string& out) {
    const std::string inner = indent + "  ";
    if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
        out += "{\n";
        std::size_t left = object->size();
        for (const auto& member : *object) {
            out += inner + json::serialize(json::string(member.key())) + ": ";
            print(member.value(), inner, out);
            out += --left == 0 ? "\n" : ",\n";
        }
        out += indent + "}";
    } else if (const auto* array = value.if_array(); array != nullptr && !array->empty()) {
        out += "[\n";
        std::size_t left = array->size();
        for (const auto& item : *array) {
            out += inner;
            print(item, inner, out);
            out += --left == 0 ? "\n" : ",\n";
        }
        out += indent + "]";
    } else {
        out += json::serialize(value);
    }
}

const json::value* find(const json::value& root, std::string_view path) {
    const json::value* at = &root;
    while (!path.empty() && at != nullptr) {
        const std::size_t dot = std::min(path.find('.'), path.size());
        const std::string_view step = path.substr(0, dot);
        path.remove_prefix(std::min(dot + 1, path.size()));
        if (const auto* object = at->if_object()) {
            at = object->if_contains(step);
        } else if (const auto* array = at->if_array()) {
            std::size_t index = 0;
            std::from_chars(step.data(), step.data() + step.size(), index);
            at = index < array->size() ? &(*array)[index] : nullptr;
        } else {
            at = nullptr;
        }
    }
    return at;
}

}  // namespace

struct JsonAnswer::Value {
    json::value root;
};

JsonAnswer::JsonAnswer(unsigned status, std::string body)
    : status_(status), body_(std::move(body)), value_(std::make_unique<Value>()) {
    boost::system::error_code error;
    value_->root = json::parse(body_, error);
    if (error) value_->root = nullptr;
}
JsonAnswer::~JsonAnswer() = default;
JsonAnswer::JsonAnswer(JsonAnswer&&) noexcept = default;
JsonAnswer& JsonAnswer::operator=(JsonAnswer&&) noexcept = default;

std::string JsonAnswer::pretty() const {
    std::string out;
    print(value_->root, "", out);
    return out;
}

std::string JsonAnswer::text(std::string_view path) const {
    const json::value* value = find(value_->root, path);
    if (value == nullptr) return {};
    if (value->is_string()) return std::string(value->get_string());
    return value->is_null() ? std::string() : json::serialize(*value);
}

std::int64_t JsonAnswer::number(std::string_view path) const {
    const json::value* value = find(value_->root, path);
    return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

bool JsonAnswer::flag(std::string_view path) const {
    const json::value* value = find(value_->root, path);
    return value != nullptr && value->is_bool() && value->get_bool();
}

std::size_t JsonAnswer::size(std::string_view path) const {
    const json::value* value = find(value_->root, path);
    return value != nullptr && value->is_array() ? value->get_array().size() : 0;
}

Result<JsonApi> JsonApi::make(net::HttpClientConfig config, std::string authorisation) {
    auto client = TRY(net::HttpClient::make(std::move(config)));
    return JsonApi(std::move(client), std::move(authorisation));
}

Result<JsonAnswer> JsonApi::call(net::HttpCall request) {
    request.timeout_ms = timeout_ms;
    if (!authorisation_.empty()) request.headers.push_back({"authorization", authorisation_});
    net::HttpResponse answer = TRY(client_->request(request));
    return JsonAnswer(answer.status, std::move(answer.body));
}

Result<JsonAnswer> JsonApi::get(const std::string& target) {
    return call({.method = "GET", .target = target});
}

Result<JsonAnswer> JsonApi::post(const std::string& target, std::string body,
                                 std::string content_type) {
    return call({.method = "POST",
                 .target = target,
                 .body = std::move(body),
                 .content_type = std::move(content_type),
                 .retry_on_stale = true});  // Every call of ours is safe to repeat.
}

JsonPair::JsonPair(std::string_view name, std::string_view text)
    : json(json::serialize(json::string(name)) + ":" + json::serialize(json::string(text))) {}
JsonPair::JsonPair(std::string_view name, std::int64_t number)
    : json(json::serialize(json::string(name)) + ":" + std::to_string(number)) {}

std::string json_object(std::initializer_list<JsonPair> pairs) {
    std::string out = "{";
    for (const JsonPair& pair : pairs) {
        if (out.size() > 1) out += ',';
        out += pair.json;
    }
    return out + "}";
}

}  // namespace softpos::app
