// What no policy may say, however well its text is formed.
#pragma once

#include "platform/monitor/policy.h"

#include <optional>

namespace softpos::monitor {

std::optional<PolicyFault> what_is_wrong(const Policy& policy);

}  // namespace softpos::monitor
