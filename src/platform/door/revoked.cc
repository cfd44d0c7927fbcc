// Line by line, to the end: a slip behind the match counts as well.
#include "platform/door/revoked.h"

#include <algorithm>

namespace softpos::door {
namespace {

constexpr std::size_t fingerprint_digits = 64;

bool is_fingerprint(std::string_view text) {
    return text.size() == fingerprint_digits && std::ranges::all_of(text, [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

}  // namespace

Result<bool> is_revoked(std::string_view list, std::string_view fingerprint) {
    bool found = false;
    while (!list.empty()) {
        const std::size_t end = std::min(list.find('\n'), list.size());
        const std::string_view line = list.substr(0, end);
        list.remove_prefix(std::min(end + 1, list.size()));
        if (line.empty() || line.front() == '#') continue;
        if (!is_fingerprint(line)) {
            return fail(ErrorKind::malformed, "door: list of revoked certificates");
        }
        found = found || line == fingerprint;
    }
    return found;
}

}  // namespace softpos::door
