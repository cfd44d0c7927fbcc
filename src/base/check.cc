// Names a broken invariant, then ends the process: state that cannot be trusted moves no money.
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace softpos {

void check_failed(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
    std::abort();
}

}  // namespace softpos
