// What of the trusted core outlives its process: who the terminal is, and the keys of transactions
// to come. Keys of transactions that were, or that may have been, are never in it.
#pragma once

#include "base/result.h"
#include "base/secret.h"

#include <cstdint>
#include <string>

namespace softpos::trust {

struct CoreState {
    std::uint64_t epoch = 0;  // Counted up by each save; see TrustedPlatform::epoch.
    std::string terminal_id;
    std::string merchant_id;
    std::string merchant_name;
    std::string emv_parameters;
    SecretBytes dukpt;  // The device as it stands behind the reserved block.
};

SecretBytes write_core_state(const CoreState& state);
Result<CoreState> read_core_state(Bytes stored);

}  // namespace softpos::trust
