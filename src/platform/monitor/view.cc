// Comparisons, and nothing that decides.
#include "platform/monitor/view.h"

#include "base/geo.h"

#include <algorithm>
#include <cstdlib>

namespace softpos::monitor {
namespace {

using protocol::Finding;
using protocol::FindingCode;
using protocol::TrustClass;

// The number of a finding's cause, for people who look at the case.
enum class Fell : std::uint32_t { os_version = 1, os_patch, app_version };

void see(Findings& to, FindingCode code, std::uint32_t detail = 0) {
    add_finding(to, {code, TrustClass::server, detail});
}

bool is_known(const protocol::Digest32& digest) {
    return std::ranges::any_of(digest, [](std::uint8_t byte) { return byte != 0; });
}

std::uint32_t whole_km(std::int64_t metres) {
    return static_cast<std::uint32_t>(metres / 1000);
}

GeoPoint point_of(const protocol::Location& place) {
    return {place.latitude_e6, place.longitude_e6};
}

std::string last_serial(const attest::Verdict& verdict) {
    return verdict.serials.empty() ? std::string() : verdict.serials.back();
}

}  // namespace

void add_finding(Findings& to, Finding finding) {
    const bool known = std::ranges::any_of(to, [&](const Finding& one) {
        return one.code == finding.code && one.origin == finding.origin;
    });
    if (!known) to.push_back(finding);
}

void add_told(Findings& to, std::span<const Finding> told) {
    for (Finding one : told) {
        if (one.origin != TrustClass::core) one.origin = TrustClass::app;
        add_finding(to, one);
    }
}

const attest::Verdict* best_of(std::span<const attest::Verdict> verdicts) {
    const attest::Verdict* best = nullptr;
    for (const attest::Verdict& one : verdicts) {
        if (one.outcome == attest::Outcome::fail) continue;
        if (best == nullptr || one.home > best->home) best = &one;
    }
    return best;
}

void add_verdicts(Findings& to, std::span<const attest::Verdict> verdicts) {
    for (const attest::Verdict& verdict : verdicts) {
        for (Finding one : verdict.findings) {
            one.origin = TrustClass::hardware;
            add_finding(to, one);
        }
        // What stands beside a signed request may have been put there by whoever carried it: the
        // failure alone proves nothing against the phone, and nothing for it.
        if (verdict.outcome == attest::Outcome::fail) {
            see(to, FindingCode::evidence_missing, static_cast<std::uint32_t>(verdict.kind));
        }
    }
}

void compare_pins(Findings& to, const DeviceRecord& device, const attest::Verdict& verdict) {
    const Pins& pins = device.pins;
    const auto differs = [](const auto& pinned, const auto& shown) {
        return !pinned.empty() && !shown.empty() && pinned != shown;
    };
    // A key of another sort has another name: it is no second phone, but less than was shown.
    const bool same_sort = verdict.home == pins.home;
    if (same_sort && differs(pins.device_id, verdict.device_id)) see(to, FindingCode::clone);
    if (differs(pins.boot_key, verdict.boot_key)) see(to, FindingCode::boot_state);
    if (differs(pins.root_serial, last_serial(verdict))) see(to, FindingCode::chain);
    if (verdict.home < pins.home) see(to, FindingCode::level);
    const auto fell = [](std::uint32_t was, std::uint32_t is) { return is != 0 && is < was; };
    if (fell(device.marks.os_version, verdict.os_version)) {
        see(to, FindingCode::rollback, static_cast<std::uint32_t>(Fell::os_version));
    }
    if (fell(device.marks.os_patch, verdict.os_patch)) {
        see(to, FindingCode::rollback, static_cast<std::uint32_t>(Fell::os_patch));
    }
    if (fell(device.marks.app_version, verdict.app_version)) {
        see(to, FindingCode::rollback, static_cast<std::uint32_t>(Fell::app_version));
    }
}

void check_versions(Findings& to, const Policy& policy, const Versions& versions, Instant now) {
    if (versions.os_version != 0 && versions.os_version < policy.os_version_min) {
        see(to, FindingCode::version_old, versions.os_version);
    }
    if (versions.app_version < policy.app_version_min ||
        versions.sdk_version < policy.sdk_version_min) {
        see(to, FindingCode::version_old, versions.app_version);
    }
    if (versions.os_patch == 0 || policy.patch_months_max == 0) return;
    const LocalTime today = china_time(now);
    const std::int64_t months_now = std::int64_t{today.year} * 12 + today.month;
    const std::int64_t months_then =
        std::int64_t{versions.os_patch / 100} * 12 + versions.os_patch % 100;
    if (months_now - months_then > policy.patch_months_max) {
        see(to, FindingCode::patch_old, versions.os_patch);
    }
}

void check_clock(Findings& to, const Policy& policy, const std::optional<Instant>& phone_time,
                 Instant now) {
    if (!phone_time || policy.time_skew_s_max == 0) return;
    const std::int64_t skew_ms = std::abs(phone_time->unix_ms - now.unix_ms);
    if (skew_ms <= std::int64_t{policy.time_skew_s_max} * 1000) return;
    see(to, FindingCode::time_skew,
        static_cast<std::uint32_t>(std::min<std::int64_t>(skew_ms / 1000, UINT32_MAX)));
}

bool is_usable(const LocationRules& rules, const std::optional<protocol::Location>& place) {
    return place && place->source != protocol::LocationSource::mocked &&
           place->accuracy_m <= rules.accuracy_m_max &&
           (rules.age_s_max == 0 || place->age_s <= rules.age_s_max);
}

Instant measured_at(const protocol::Location& place, Instant now) {
    return {now.unix_ms - std::int64_t{place.age_s} * 1000};
}

void check_place(Findings& to, const LocationRules& rules, const Place& place) {
    // The app says so of its own phone: it may only cost trust.
    if (place.now && place.now->source == protocol::LocationSource::mocked) {
        add_finding(to, {FindingCode::location_mocked, TrustClass::app, 0});
    }
    if (!is_usable(rules, place.now)) {
        if (rules.required) see(to, FindingCode::location_missing);
        return;
    }
    // The phone gets the benefit of its own doubt.
    if (place.registered && rules.place_m_max != 0) {
        const std::int64_t away = metres_between(point_of(*place.now), point_of(*place.registered));
        if (away - place.now->accuracy_m > rules.place_m_max) {
            see(to, FindingCode::moved, whole_km(away));
        }
    }
    if (!place.last || rules.speed_kmh_max == 0) return;
    const std::int64_t far = metres_between(point_of(*place.now), point_of(*place.last)) -
                             place.now->accuracy_m - place.last->accuracy_m;
    // Between the measurements, whichever was first: a phone may show one that it kept.
    const std::int64_t took_ms = std::max<std::int64_t>(
        std::abs(measured_at(*place.now, place.at).unix_ms - place.last_at.unix_ms), 1);
    constexpr std::int64_t ms_of_an_hour_by_km = 3'600;  // 3,600,000 ms, 1,000 m.
    const std::int64_t speed_kmh = far * ms_of_an_hour_by_km / took_ms;
    if (far > rules.jump_m_min && speed_kmh > rules.speed_kmh_max) {
        see(to, FindingCode::geo_jump, whole_km(far));
    }
}

Order order_of(const Policy& policy, const DeviceRecord& device, const Arrival& arrival) {
    if (device.last_sequence == 0) return Order::next;
    if (arrival.sequence == device.last_sequence) {
        if (arrival.body != device.last_body) return Order::forked;
        const std::int64_t since_ms = arrival.at.unix_ms - device.last_seen.unix_ms;
        return since_ms <= std::int64_t{policy.resend_s} * 1000 ? Order::repeated : Order::replayed;
    }
    if (arrival.sequence < device.last_sequence) return Order::replayed;
    if (arrival.sequence > device.last_sequence + 1) return Order::gap;
    const bool follows = !is_known(device.journal_head) || arrival.head == device.journal_head;
    return follows ? Order::next : Order::forked;
}

}  // namespace softpos::monitor
