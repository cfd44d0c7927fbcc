// A map in front of the store.
#include "platform/server/terminal_directory.h"

#include <algorithm>
#include <cctype>

namespace softpos::server {
namespace {

bool same_fingerprint(std::string_view a, std::string_view b) {
    return std::ranges::equal(
        a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace

std::optional<merchant::Terminal> TerminalDirectory::terminal_of(const net::HttpRequest& request) {
    const auto id = Id128::parse(request.peer_common_name);
    if (!id) return std::nullopt;
    std::optional<merchant::Terminal> terminal;
    {
        const std::lock_guard lock(mutex_);
        if (const auto known = known_.find(*id); known != known_.end()) terminal = known->second;
    }
    if (!terminal) {
        const auto read = store_.read([&](store::Reader& reader) -> Result<void> {
            terminal = TRY(reader.terminal(*id));
            return {};
        });
        if (!read || !terminal) return std::nullopt;
        const std::lock_guard lock(mutex_);
        known_[*id] = *terminal;
    }
    if (!same_fingerprint(terminal->certificate_fingerprint, request.peer_fingerprint)) {
        return std::nullopt;
    }
    return terminal;
}

void TerminalDirectory::forget(const Id128& terminal) {
    const std::lock_guard lock(mutex_);
    known_.erase(terminal);
}

}  // namespace softpos::server
