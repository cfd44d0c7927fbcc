// Days of a whole acquirer on one thread: phones, the service with its real store, the vault, the
// card network, wallets, and everything that can go wrong between them, in an order that a seed
// decides. At the end of each day the books must be right to the fen.
#pragma once

#include "base/result.h"
#include "world/soak/faults.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace softpos::soak {

struct SoakOptions {
    std::uint64_t seed = 1;
    unsigned days = 1;
    unsigned phones = 3;
    Faults faults = {};
    std::int64_t stolen_minor = 0;  // To be found: an account gets so much that nobody gave back.
    std::function<void(unsigned day)> on_day = {};  // Each day that ended well.
};

struct SoakReport {
    unsigned days = 0;  // That ended well.
    std::uint64_t events = 0, payments = 0, approved = 0, wallet_payments = 0, crashes = 0;
    std::int64_t turnover_minor = 0, paid_out_minor = 0;
    std::uint64_t digest = 0;  // Over all that happened: the same for the same options.
    std::string failure = {};  // What did not hold; empty: all did.
    std::vector<std::string> last_notes = {};  // Of the day that failed.
};

// unavailable where the world cannot be set up; what does not hold in it is in the report.
Result<SoakReport> run_soak(const SoakOptions& options);

}  // namespace softpos::soak
