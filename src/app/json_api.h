// Calls one of our HTTP APIs and reads its JSON: for the command line and the demo.
#pragma once

#include "base/result.h"
#include "codec/json_document.h"
#include "net/http_client.h"

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace softpos::app {

// An answer; values are found by path.
class JsonAnswer : public codec::JsonDocument {
public:
    JsonAnswer(unsigned status, std::string body)
        : JsonDocument(body), status_(status), body_(std::move(body)) {}

    unsigned status() const { return status_; }
    bool good() const { return status_ >= 200 && status_ < 300; }
    const std::string& body() const { return body_; }

private:
    unsigned status_;
    std::string body_;
};

class JsonApi {
public:
    // `authorisation`: the value of that header, or empty.
    static Result<JsonApi> make(net::HttpClientConfig config, std::string authorisation = {});

    Result<JsonAnswer> get(const std::string& target);
    Result<JsonAnswer> post(const std::string& target, std::string body,
                            std::string content_type = "application/json");

private:
    JsonApi(std::unique_ptr<net::HttpClient> client, std::string authorisation)
        : client_(std::move(client)), authorisation_(std::move(authorisation)) {}
    Result<JsonAnswer> call(net::HttpCall request);

    std::unique_ptr<net::HttpClient> client_;
    std::string authorisation_;
};

// {"a":1,"b":"x"} from pairs; text values are quoted, others are JSON already.
struct JsonPair {
    JsonPair(std::string_view name, std::string_view text);
    JsonPair(std::string_view name, std::int64_t number);
    std::string json;
};
std::string json_object(std::initializer_list<JsonPair> pairs);

}  // namespace softpos::app
