// A policy from outside: what is taken holds the promises that stand above every policy.
// links: monitor
#include "base/check.h"
#include "platform/monitor/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos;
    const auto policy = monitor::parse_policy(text_of({data, size}));
    if (!policy) return 0;
    for (unsigned i = 1; i <= protocol::finding_codes; ++i) {
        const auto& rule =
            policy->rule(static_cast<protocol::FindingCode>(i), protocol::TrustClass::app);
        CHECK(!rule.hard && !rule.hard_in_pin);
    }
    CHECK(policy->grade[0] == 0 && policy->version > 0);
    CHECK(monitor::digest_of(*policy) == monitor::digest_of(*policy));
    return 0;
}
