// JSON by Boost.JSON.
#include "platform/server/incident_facts.h"

#include "base/hex.h"
#include "platform/server/evidence_log.h"
#include "platform/server/terminal_identity.h"

#include <boost/json.hpp>

namespace softpos::server {
namespace {

namespace json = boost::json;

json::object finding_object(const protocol::Finding& finding) {
    return {{"code", name_of(finding.code)},
            {"origin", name_of(finding.origin)},
            {"detail", finding.detail}};
}

json::array findings_array(std::span<const protocol::Finding> findings) {
    json::array rows;
    for (const protocol::Finding& finding : findings) rows.push_back(finding_object(finding));
    return rows;
}

json::array verdicts_array(std::span<const attest::Verdict> verdicts) {
    json::array rows;
    for (const attest::Verdict& verdict : verdicts) {
        json::array serials;
        for (const std::string& serial : verdict.serials) serials.emplace_back(serial);
        json::object observed;
        for (const auto& [name, value] : verdict.observations) observed[name] = value;
        rows.push_back(json::object{{"kind", name_of(verdict.kind)},
                                    {"outcome", name_of(verdict.outcome)},
                                    {"reason", verdict.reason},
                                    {"key_home", name_of(verdict.home)},
                                    {"os_version", verdict.os_version},
                                    {"os_patch", verdict.os_patch},
                                    {"chain_serials", std::move(serials)},
                                    {"observations", std::move(observed)}});
    }
    return rows;
}

json::object device_object(const monitor::DeviceRecord& device) {
    json::object body{{"model", device.pins.model},
                      {"app_package", device.pins.app_package},
                      {"app_version", device.marks.app_version},
                      {"sdk_version", device.marks.sdk_version},
                      {"os_version", device.marks.os_version},
                      {"os_patch", device.marks.os_patch},
                      {"measurement", to_hex(device.pins.measurement)},
                      {"evidence_kind", name_of(device.pins.kind)},
                      {"key_home", name_of(device.pins.home)},
                      {"device_id", to_hex(device.pins.device_id)},
                      {"boot_key", to_hex(device.pins.boot_key)},
                      {"chain_root_serial", device.pins.root_serial},
                      {"grade", device.grade},
                      {"last_sequence", device.last_sequence},
                      {"journal_head", to_hex(device.journal_head)}};
    if (device.last_location) {
        body["location"] = json::object{{"latitude_e6", device.last_location->latitude_e6},
                                        {"longitude_e6", device.last_location->longitude_e6},
                                        {"accuracy_m", device.last_location->accuracy_m},
                                        {"at", china_time(device.last_location_at).iso()}};
    }
    return body;
}

json::array evidence_array(std::span<const store::EvidenceRow> rows) {
    json::array out;
    for (const store::EvidenceRow& row : rows) {
        const auto entry = evidence_entry(row.kind);
        json::object one{{"sequence", row.sequence},
                         {"at", china_time(row.at).iso()},
                         {"entry", entry ? name_of(*entry) : "unknown"},
                         {"outcome", row.outcome},
                         {"digest", to_hex(row.digest)}};
        if (const auto kept = read_evidence(row.body)) {
            one["findings"] = findings_array(kept->findings);
        }
        out.push_back(std::move(one));
    }
    return out;
}

}  // namespace

std::string incident_json(const IncidentFacts& facts) {
    json::array payments;
    for (const Id128& payment : facts.payments) payments.emplace_back(payment.text());
    json::object merchant{{"merchant_id", facts.terminal.merchant}};
    if (facts.merchant) {
        merchant["name"] = facts.merchant->name;
        merchant["address"] = facts.merchant->address;
    }
    json::object terminal{{"terminal_id", facts.terminal.number},
                          {"serial_number", facts.terminal.serial}};
    if (facts.registered) terminal["registered_address"] = facts.registered->address;
    json::object body{{"reference", facts.reference},
                      {"finding", finding_object(facts.finding)},
                      {"terminal", std::move(terminal)},
                      {"merchant", std::move(merchant)},
                      {"device", device_object(facts.device)},
                      {"peer_address", facts.peer_address},
                      {"findings", findings_array(facts.findings)},
                      {"verdicts", verdicts_array(facts.verdicts)},
                      {"last_evidence", evidence_array(facts.last_evidence)},
                      {"payments", std::move(payments)}};
    if (facts.finding.code == protocol::FindingCode::serial_cipher) {
        body["failing_element"] = "serial_key";
    } else if (facts.finding.code == protocol::FindingCode::binding) {
        body["failing_element"] = name_of(element_of(facts.finding.detail));
    }
    return json::serialize(body);
}

std::string finding_json(const protocol::Finding& finding) {
    return json::serialize(finding_object(finding));
}

}  // namespace softpos::server
