// Takes the place of base/check.cc where there is no process: a broken invariant panics the trusted
// application, and its TEE tells every client that it is dead.
#include "base/check.h"

#include <softpos/tee_internal_api_min.h>

namespace softpos {

void check_failed(const char*, const char*, int) {
    TEE_Panic(TEE_ERROR_BAD_STATE);
}

}  // namespace softpos
