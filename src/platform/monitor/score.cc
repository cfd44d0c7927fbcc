// Halving in whole numbers: the whole half-lives by shifting, the rest out of a table.
#include "platform/monitor/score.h"

#include <algorithm>
#include <array>

namespace softpos::monitor {
namespace {

using protocol::Finding;
using protocol::FindingCode;

// 2^(-k/32) in units of 2^-32, rounded. Between two of them a straight line is 6e-5 off at most.
constexpr unsigned steps = 32;
constexpr std::array<std::uint64_t, steps + 1> halving = {
    4294967296, 4202935003, 4112874773, 4024744348, 3938502376, 3854108391, 3771522796,
    3690706840, 3611622603, 3534232978, 3458501653, 3384393094, 3311872529, 3240905930,
    3171459999, 3103502151, 3037000500, 2971923842, 2908241642, 2845924021, 2784941738,
    2725266179, 2666869345, 2609723834, 2553802834, 2499080105, 2445529972, 2393127307,
    2341847524, 2291666561, 2242560872, 2194507417, 2147483648};

bool before(const ScoreItem& a, const ScoreItem& b) {
    return a.code != b.code ? a.code < b.code : a.origin < b.origin;
}

std::uint64_t left_of(const Policy& policy, const ScoreItem& item, Instant now) {
    return decayed(item.milli_points, policy.rule(item.code, item.origin).half_life_s,
                   now.unix_ms - item.at.unix_ms);
}

// Points of the items that are counted: of each code the class that counts most.
template <typename Counts>
std::uint32_t sum_of(const Policy& policy, std::span<const ScoreItem> items, Instant now,
                     Counts counts) {
    std::array<std::uint64_t, protocol::finding_codes> most{};
    for (const ScoreItem& item : items) {
        if (!counts(item)) continue;
        std::uint64_t& of_code = most[static_cast<std::size_t>(item.code) - 1];
        of_code = std::max(of_code, left_of(policy, item, now));
    }
    std::uint64_t sum = 0;
    for (const std::uint64_t one : most) sum += one;
    return static_cast<std::uint32_t>(sum / 1000);
}

}  // namespace

std::uint64_t decayed(std::uint64_t milli_points, std::uint32_t half_life_s,
                      std::int64_t elapsed_ms) {
    if (half_life_s == 0 || elapsed_ms <= 0) return milli_points;
    const auto elapsed = static_cast<std::uint64_t>(elapsed_ms);
    const std::uint64_t half_life_ms = std::uint64_t{half_life_s} * 1000;
    const std::uint64_t whole = elapsed / half_life_ms;
    if (whole >= 40) return 0;
    const std::uint64_t rest = elapsed % half_life_ms;
    const std::uint64_t position = rest * steps;  // In units of half_life_ms / steps.
    const std::uint64_t index = position / half_life_ms;
    const std::uint64_t inside = position % half_life_ms;
    const std::uint64_t drop = halving[index] - halving[index + 1];
    // drop is below 2^27, half_life_ms below 2^35: the product fits.
    const std::uint64_t factor = halving[index] - drop * inside / half_life_ms;
    return ((milli_points >> whole) * factor) >> 32U;
}

bool is_event(FindingCode code) {
    return code == FindingCode::gap || code == FindingCode::replay ||
           code == FindingCode::core_panic || code == FindingCode::permit_refused ||
           code == FindingCode::geo_jump;
}

std::vector<ScoreItem> scored(const Policy& policy, std::span<const ScoreItem> items,
                              std::span<const Finding> findings, Instant now) {
    std::vector<ScoreItem> out;
    for (const ScoreItem& item : items) {
        if (left_of(policy, item, now) > 0) out.push_back(item);
    }
    for (const Finding& finding : findings) {
        const std::uint64_t weight =
            std::uint64_t{policy.rule(finding.code, finding.origin).weight} * 1000;
        if (weight == 0) continue;
        const auto same = std::ranges::find_if(out, [&](const ScoreItem& item) {
            return item.code == finding.code && item.origin == finding.origin;
        });
        if (same == out.end()) {
            out.push_back({finding.code, finding.origin, weight, now});
            continue;
        }
        const std::uint64_t left = left_of(policy, *same, now);
        if (!is_event(finding.code) && left >= weight) continue;
        same->milli_points =
            is_event(finding.code) ? std::min(left + weight, milli_points_max) : weight;
        same->at = std::max(same->at, now);  // A clock that is set back makes nothing younger.
    }
    std::ranges::sort(out, before);
    return out;
}

std::uint32_t score_of(const Policy& policy, std::span<const ScoreItem> items, Instant now) {
    return sum_of(policy, items, now, [](const ScoreItem&) { return true; });
}

std::uint32_t score_without_app(const Policy& policy, std::span<const ScoreItem> items,
                                Instant now) {
    return sum_of(policy, items, now,
                  [](const ScoreItem& item) { return item.origin != protocol::TrustClass::app; });
}

}  // namespace softpos::monitor
