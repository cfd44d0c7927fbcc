// How the acquirer's calls are answered.
#pragma once

#include "base/log.h"
#include "platform/server/answers.h"

#include <boost/json.hpp>

namespace softpos::server {

inline net::HttpResponse answer_json(const boost::json::value& body, unsigned status = 200) {
    return {.status = status, .body = boost::json::serialize(body)};
}

inline net::HttpResponse refuse_error(const Error& error) {
    log(LogLevel::warning, "acquirer call failed", error);
    return refuse(refusal_of(error));
}

}  // namespace softpos::server
