// Which terminal a phone's certificate speaks for. Rows that were read once are remembered, for
// every call of every phone begins here.
#pragma once

#include "base/ids.h"
#include "net/http_message.h"
#include "platform/merchant/terminal.h"
#include "platform/store/store.h"

#include <map>
#include <mutex>
#include <optional>

namespace softpos::server {

// Thread-safe.
class TerminalDirectory {
public:
    explicit TerminalDirectory(store::Store& store) : store_(store) {}

    // The certificate's name is the terminal's id, and its fingerprint the one of the last
    // enrolment; nullopt where there is no such terminal or the certificate is an older one.
    std::optional<merchant::Terminal> terminal_of(const net::HttpRequest& request);

    // The terminal was changed: what is remembered of it is read again.
    void forget(const Id128& terminal);

private:
    store::Store& store_;
    std::mutex mutex_;
    std::map<Id128, merchant::Terminal> known_;
};

}  // namespace softpos::server
