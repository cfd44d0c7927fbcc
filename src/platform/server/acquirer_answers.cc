// JSON by Boost.JSON.
#include "platform/server/acquirer_answers.h"

#include "base/log.h"

#include <boost/json.hpp>

namespace softpos::server {

namespace json = boost::json;

net::HttpResponse answer_json(const json::value& body, unsigned status) {
    return {.status = status, .body = json::serialize(body)};
}

json::object classic_object(const store::ClassicRow& row) {
    return {{"purchase", row.purchase},
            {"void", row.void_sale},
            {"refund", row.refund},
            {"amount_max_minor", row.amount_max_minor},
            {"batch", row.batch}};
}

net::HttpResponse refuse_error(const Error& error) {
    log(LogLevel::warning, "call refused", error);
    return refuse(refusal_of(error));
}

}  // namespace softpos::server
