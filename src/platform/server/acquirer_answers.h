// How the acquirer's calls are answered.
#pragma once

#include "platform/server/answers.h"

namespace boost::json {
class value;
}

namespace softpos::server {

net::HttpResponse answer_json(const boost::json::value& body, unsigned status = 200);
net::HttpResponse refuse_error(const Error& error);  // And a line in the log.

}  // namespace softpos::server
