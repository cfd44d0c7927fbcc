// What a case says about a phone, for the people who look at it: written once, when it is opened.
#pragma once

#include "platform/attest/verdict.h"
#include "platform/merchant/merchant.h"
#include "platform/merchant/terminal.h"
#include "platform/monitor/device.h"
#include "platform/store/trust_records.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::server {

struct IncidentFacts {
    const protocol::Finding& finding;
    const monitor::DeviceRecord& device;
    const merchant::Terminal& terminal;
    const std::optional<merchant::Merchant>& merchant;
    const std::optional<store::RegistryRow>& registered;
    std::span<const protocol::Finding> findings;
    std::span<const attest::Verdict> verdicts;
    std::span<const store::EvidenceRow> last_evidence;  // The newest of the phone's chain.
    const std::vector<Id128>& payments;                 // That were under way.
    std::string_view peer_address;
    std::string_view reference;
};

// One JSON object. No key, no card number, no nonce.
std::string incident_json(const IncidentFacts& facts);

// {"code": "ROOT", "origin": "core", "detail": 7}
std::string finding_json(const protocol::Finding& finding);

}  // namespace softpos::server
