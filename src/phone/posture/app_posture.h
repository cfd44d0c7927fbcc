// What an app with rights of its own sees of the phone around it, told in JSON: on Android, iOS and
// HarmonyOS only the app can ask the system. Laid over what this process sees by itself.
//
//     {"claims": {"platform": "android", "model": "...", "os_version": "15", "app_package": "...",
//                 "app_version": 104, "sdk_version": 100},
//      "hardware": "qr_show card_no_pin",
//      "findings": [{"code": "OVERLAY", "detail": 1}],
//      "location": {"latitude_e6": 31230400, "longitude_e6": 121473700, "accuracy_m": 12,
//                   "age_s": 3, "source": "satellite"}}
//
// Which system call each finding comes from, and the meaning of its detail, stands in
// docs/posture.md. It is the app's word: it may cost trust and never earn any.
#pragma once

#include "base/clock.h"
#include "codec/strict_json.h"
#include "phone/posture/posture_source.h"

#include <mutex>
#include <optional>
#include <string_view>

namespace softpos::posture {

// An app tells this often, and at once when something changes.
constexpr std::int64_t app_report_s_max = 120;

// Reads one report; the first fault where it is none. The place is made coarse.
struct AppReport {
    protocol::DeviceClaims claims;
    protocol::CapabilitySet hardware = 0;
    std::vector<protocol::Finding> findings;
    std::optional<protocol::Location> location;

    friend bool operator==(const AppReport&, const AppReport&) = default;
};
std::optional<codec::JsonFault> read_app_report(std::string_view json, AppReport& report);

// Any thread may call take() beside look(). `under` and `clock` must outlive it.
class AppPosture final : public PostureSource {
public:
    AppPosture(PostureSource& under, const Clock& clock) : under_(under), clock_(clock) {}

    std::optional<codec::JsonFault> take(std::string_view json);

    // Until an app tells something, what is under it alone. An app that told something and then
    // nothing for too long is a finding, SILENCE, and its place grows old.
    protocol::Posture look() override;

private:
    PostureSource& under_;
    const Clock& clock_;
    std::mutex mutex_;
    std::optional<AppReport> last_;
    Ticks last_at_;
};

}  // namespace softpos::posture
