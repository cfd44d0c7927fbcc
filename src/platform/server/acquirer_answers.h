// How the acquirer's calls are answered.
#pragma once

#include "platform/server/answers.h"
#include "platform/store/records.h"

namespace boost::json {
class object;  // NOLINT(readability-identifier-naming): the library's names.
class value;   // NOLINT(readability-identifier-naming)
}  // namespace boost::json

namespace softpos::server {

net::HttpResponse answer_json(const boost::json::value& body, unsigned status = 200);
// What a classic terminal may do, and its open batch.
boost::json::object classic_object(const store::ClassicRow& row);
net::HttpResponse refuse_error(const Error& error);  // And a line in the log.

}  // namespace softpos::server
