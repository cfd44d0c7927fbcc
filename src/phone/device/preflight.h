// Whether this phone can take payments now, and if not, what a person can do: each part looked at
// in turn, with the real keys. The platform has its own view, with the same words: monitor/grade.h.
#pragma once

#include "base/refusal.h"
#include "phone/device/service_status.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace softpos::device {

enum class PreflightItem : std::uint8_t {
    core,        // The trusted core answers.
    keys,        // It holds its keys.
    enrolment,   // The phone is a merchant's terminal.
    platform,    // What the core signed was taken by the platform, over TLS with the phone's key.
    phone,       // Services and app found nothing about themselves.
    reader,      // A card reader is there.
    pin_screen,  // A PIN can be taken. Without it small amounts still go.
    payments,    // No payment waits for its outcome.
};
constexpr unsigned preflight_items = 8;
std::string_view name_of(PreflightItem item);  // "pin_screen"

struct PreflightCheck {
    PreflightItem item{};
    bool passed = false;
    bool tried = true;  // False where it makes no sense before another one passes.
    // Of a check that was tried and did not pass. What was found about the phone itself is not
    // named: that would teach whoever attacks it.
    RefusalClass klass{};
    std::string_view en, zh;
};

struct PreflightFacts {
    ServiceStatus status;
    std::size_t findings = 0;  // Of the phone's own look at itself.
    bool platform_heard = false;
};

struct Preflight {
    std::vector<PreflightCheck> checks;  // One an item, in their order.
    bool card_no_pin = false;
    bool card_pin = false;

    bool passed(PreflightItem item) const;
};
Preflight judge_preflight(const PreflightFacts& facts);

// {"card_no_pin": true, "card_pin": false, "checks": [{"name": "core", "tried": true,
// "passed": true}, …]}
std::string preflight_json(const Preflight& preflight);

}  // namespace softpos::device
