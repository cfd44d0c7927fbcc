// Whose user namespace this process lives in. The owner of a namespace may trace everything in it,
// whatever the process forbids; and from inside nobody can tell who that owner is.
#pragma once

#include "base/result.h"

namespace softpos::host {

// denied anywhere but in the first user namespace, whose owner is root. A container that does not
// remap users is in the first one.
Result<void> require_first_user_namespace();

}  // namespace softpos::host
