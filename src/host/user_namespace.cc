// Only the first namespace maps every user to itself.
#include "host/user_namespace.h"

#include <cstdint>
#include <fstream>

namespace softpos::host {

Result<void> require_first_user_namespace() {
    std::ifstream map("/proc/self/uid_map");
    std::uint64_t inside = 0;
    std::uint64_t outside = 0;
    std::uint64_t count = 0;
    if (!(map >> inside >> outside >> count)) {
        return fail(ErrorKind::unavailable, "user namespace unknown");
    }
    // All but the last number, which stands for nobody.
    if (inside != 0 || outside != 0 || count != UINT32_MAX) {
        return fail(ErrorKind::denied, "not the first user namespace: its maker could look inside");
    }
    return {};
}

}  // namespace softpos::host
