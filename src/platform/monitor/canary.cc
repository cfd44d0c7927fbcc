// Rates in units of 1e-9, so that every product stays within 64 bits.
#include "platform/monitor/canary.h"

#include "base/check.h"
#include "crypto/hash.h"

#include <array>
#include <limits>

namespace softpos::monitor {
namespace {

constexpr std::int64_t one = 1'000'000'000;
constexpr std::int64_t per_mille = one / 1000;
constexpr std::uint64_t count_max = 2'000'000'000;  // Above it, both numbers are halved.

struct Part {
    std::uint64_t of = 0, all = 0;

    std::int64_t rate() const {
        return static_cast<std::int64_t>(of * static_cast<std::uint64_t>(one) / all);
    }
};

Part part(std::uint64_t of, std::uint64_t all) {
    CHECK(of <= all);
    while (all > count_max) {
        of /= 2;
        all /= 2;
    }
    return {of, all};
}

// The largest number whose square is not above.
std::uint64_t root(std::uint64_t square) {
    std::uint64_t low = 0, high = std::uint64_t{1} << 32U;
    while (high - low > 1) {
        const std::uint64_t middle = low + (high - low) / 2;
        (middle * middle <= square ? low : high) = middle;
    }
    return low;
}

// Of the difference of two rates, were both groups of one kind: sqrt(p (1-p) (1/n + 1/m)).
std::int64_t standard_error(const Part& a, const Part& b) {
    const auto pooled = static_cast<std::uint64_t>(part(a.of + b.of, a.all + b.all).rate());
    const std::uint64_t spread = pooled * (static_cast<std::uint64_t>(one) - pooled);
    return static_cast<std::int64_t>(root(spread / a.all + spread / b.all));
}

struct Compared {
    CanaryMeasure measure;
    bool worse = false;    // For certain, and by more than is allowed.
    bool as_good = false;  // For certain not worse by more than is allowed.
};

struct Bounds {
    std::uint64_t count_min;
    std::int64_t allowed;  // How much worse, in 1e-9.
    std::int64_t z_milli;
};

// `sign` is 1 where a higher rate is worse.
Compared compare(const Part& others, const Part& canaries, int sign, const Bounds& bounds) {
    Compared out;
    if (others.all == 0 || canaries.all == 0) return out;
    const std::int64_t difference = sign * (canaries.rate() - others.rate());
    const std::int64_t error = standard_error(others, canaries);
    CanaryMeasure& measure = out.measure;
    measure.others_per_mille = static_cast<std::uint32_t>(others.rate() / per_mille);
    measure.canaries_per_mille = static_cast<std::uint32_t>(canaries.rate() / per_mille);
    measure.enough = others.all >= bounds.count_min && canaries.all >= bounds.count_min;
    if (error != 0) {
        measure.z_milli = difference * 1000 / error;
    } else if (difference != 0) {
        constexpr std::int64_t certain = std::numeric_limits<std::int32_t>::max();
        measure.z_milli = difference > 0 ? certain : -certain;
    }
    if (!measure.enough) return out;
    out.worse = difference > bounds.allowed && measure.z_milli > bounds.z_milli;
    out.as_good = difference + bounds.z_milli * error / 1000 <= bounds.allowed;
    return out;
}

}  // namespace

bool is_canary(const CanaryRules& rules, std::string_view trial, std::string_view terminal) {
    Buffer bytes;
    append(bytes, bytes_of("spos-canary/1"));
    append(bytes, crypto::sha256(bytes_of(trial)));
    append(bytes, bytes_of(terminal));
    const auto digest = crypto::sha256(bytes);
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < 4; ++i) number = number << 8U | digest[i];
    return (number * 1000 >> 32U) < rules.share_per_mille;
}

CanaryVerdict judge_canary(const CanaryRules& rules, const GroupCounts& others,
                           const GroupCounts& canaries) {
    const auto approvals =
        compare(part(others.approved, others.payments), part(canaries.approved, canaries.payments),
                -1, {rules.count_min, rules.approval_drop_per_mille * per_mille, rules.z_milli});
    const auto attestations =
        compare(part(others.attestations_failed, others.attestations),
                part(canaries.attestations_failed, canaries.attestations), 1,
                {rules.count_min, rules.attestation_rise_per_mille * per_mille, rules.z_milli});
    CanaryVerdict out;
    out.approvals = approvals.measure;
    out.attestations = attestations.measure;
    if (approvals.worse || attestations.worse) {
        out.step = CanaryStep::roll_back;
        out.reason = approvals.worse ? CanaryReason::approvals : CanaryReason::attestations;
    } else if (!approvals.measure.enough || !attestations.measure.enough) {
        out.reason = CanaryReason::too_few;
    } else if (approvals.as_good && attestations.as_good) {
        out.step = CanaryStep::promote;
        out.reason = CanaryReason::as_good;
    } else {
        out.reason = CanaryReason::unclear;
    }
    return out;
}

std::string_view name_of(CanaryStep step) {
    constexpr std::array<std::string_view, 3> names = {"go_on", "roll_back", "promote"};
    return names[static_cast<std::size_t>(step)];
}

std::string_view name_of(CanaryReason reason) {
    constexpr std::array<std::string_view, 5> names = {"too_few", "unclear", "approvals",
                                                       "attestations", "as_good"};
    return names[static_cast<std::size_t>(reason)];
}

}  // namespace softpos::monitor
