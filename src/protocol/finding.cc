// Names in the order of the enumerations; a test holds them together.
#include "protocol/finding.h"

#include "base/check.h"

#include <array>

namespace softpos::protocol {
namespace {

constexpr std::array<std::string_view, finding_codes> code_names = {"ROOT",
                                                                    "BOOT_UNLOCKED",
                                                                    "BOOT_STATE",
                                                                    "LEVEL",
                                                                    "REVOKED",
                                                                    "CHAIN",
                                                                    "CLONE",
                                                                    "REPLAY",
                                                                    "ROLLBACK",
                                                                    "HOOK",
                                                                    "DEBUGGER",
                                                                    "TEXT_DIFF",
                                                                    "INJECTED_LIBRARY",
                                                                    "EMULATOR",
                                                                    "REPACKAGED",
                                                                    "OVERLAY",
                                                                    "SCREEN_CAPTURE",
                                                                    "ACCESSIBILITY",
                                                                    "ADB",
                                                                    "DEV_MODE",
                                                                    "PROXY",
                                                                    "MULTI_INSTANCE",
                                                                    "TIME_SKEW",
                                                                    "TIME_ZONE",
                                                                    "GEO_JUMP",
                                                                    "SILENCE",
                                                                    "GAP",
                                                                    "NFC_RELAY",
                                                                    "CORE_PANIC",
                                                                    "CORE_MISSING",
                                                                    "POLICY_OLD",
                                                                    "PATCH_OLD",
                                                                    "VERSION_OLD",
                                                                    "WRITABLE_EXECUTABLE",
                                                                    "LOCATION_MISSING",
                                                                    "MOVED",
                                                                    "SERIAL_CIPHER",
                                                                    "BINDING",
                                                                    "EVIDENCE_STALE",
                                                                    "EVIDENCE_MISSING",
                                                                    "SOFTWARE_KEY",
                                                                    "PERMIT_REFUSED",
                                                                    "LOCATION_MOCKED"};

constexpr std::array<std::string_view, trust_classes> class_names = {"hardware", "core", "server",
                                                                     "app"};

}  // namespace

std::string_view name_of(FindingCode code) {
    const auto index = static_cast<std::size_t>(code) - 1;
    CHECK(index < code_names.size());
    return code_names[index];
}

std::string_view name_of(TrustClass origin) {
    const auto index = static_cast<std::size_t>(origin) - 1;
    CHECK(index < class_names.size());
    return class_names[index];
}

std::optional<FindingCode> finding_code(std::uint64_t number) {
    if (number < 1 || number > finding_codes) return std::nullopt;
    return static_cast<FindingCode>(number);
}

std::optional<FindingCode> finding_code_named(std::string_view name) {
    for (std::size_t i = 0; i < code_names.size(); ++i) {
        if (code_names[i] == name) return static_cast<FindingCode>(i + 1);
    }
    return std::nullopt;
}

}  // namespace softpos::protocol
