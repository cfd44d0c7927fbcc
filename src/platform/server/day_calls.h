// The calls that end a business day, by path: /v1/days/2026-11-22/settle and its sisters.
#pragma once

#include "net/http_message.h"
#include "platform/server/settlement_jobs.h"

#include <string_view>

namespace softpos::server {

net::HttpResponse answer_day_call(SettlementJobs& jobs, std::string_view path,
                                  const net::HttpRequest& request);

}  // namespace softpos::server
