// Boost.JSON underneath.
#include "app/json_api.h"

#include <boost/json.hpp>

#include <utility>

namespace softpos::app {
namespace {

namespace json = boost::json;

constexpr std::uint32_t timeout_ms = 60'000;

}  // namespace

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
