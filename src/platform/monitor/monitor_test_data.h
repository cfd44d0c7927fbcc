// For the monitor's tests: the shipped policies, a phone that is well, and what it says.
#pragma once

#include "platform/monitor/appraise.h"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace softpos::monitor::testing {

inline std::string shipped(std::string_view which) {
    const std::ifstream file(SOFTPOS_DATA "/policy/trust-" + std::string(which) + ".policy.json");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

inline std::string changed(std::string text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    if (at == std::string::npos) return "nothing to change";
    return text.replace(at, from.size(), to);
}

inline Policy sandbox() {
    return parse_policy(shipped("sandbox")).value();
}
inline Policy production() {
    return parse_policy(shipped("production")).value();
}
// With the program that the test phones run among the known ones, and no place asked for.
inline Policy known_production() {
    Policy policy = production();
    policy.measurements.push_back({});
    policy.location.required = false;
    return policy;
}

constexpr Instant start{1'790'000'000'000};
inline Instant after_s(std::int64_t seconds) {
    return {start.unix_ms + seconds * 1000};
}

inline protocol::DeviceClaims claims() {
    return {"linux", "Test", "6.1", "cn.example.spos", 104, 103};
}

// What a phone without hardware shows, and one with a trusted environment.
inline attest::Verdict dev_process() {
    attest::Verdict verdict;
    verdict.kind = protocol::EvidenceKind::dev_process;
    verdict.outcome = attest::Outcome::review;
    verdict.reason = "SOFTWARE_KEY";
    verdict.device_id = Buffer(32, 1);
    return verdict;
}
inline attest::Verdict android() {
    attest::Verdict verdict;
    verdict.kind = protocol::EvidenceKind::android_key;
    verdict.outcome = attest::Outcome::pass;
    verdict.home = attest::KeyHome::trusted_environment;
    verdict.device_id = Buffer(32, 2);
    verdict.boot_key = Buffer(32, 3);
    verdict.os_version = 150'000;
    verdict.os_patch = 202'608;
    verdict.serials = {"leaf", "root"};
    return verdict;
}

inline protocol::EnrolStatement statement() {
    protocol::EnrolStatement out;
    out.core_sign_point[0] = 4;
    out.claims = claims();
    out.hardware = 0x0F;
    return out;
}

inline EnrolmentDecision enrol(const Policy& policy, const attest::Verdict& verdict,
                               const std::optional<DeviceRecord>& before = std::nullopt,
                               const protocol::EnrolStatement& said = statement(),
                               Instant now = start) {
    ServerView view;
    view.now = now;
    return appraise_enrolment(policy, "00000001", before, said, {&verdict, 1}, view);
}

// A phone that talks: each message follows the last one, as the core's journal makes it.
struct Phone {
    explicit Phone(Policy with, const attest::Verdict& verdict = dev_process())
        : policy(std::move(with)), record(enrol(policy, verdict).decision.next) {}

    protocol::PermitRequest request(std::int64_t amount_minor = 1000) {
        protocol::PermitRequest out;
        out.terminal_id = "00000001";
        out.sequence = ++sequence;
        out.journal_head = head;
        out.purpose = protocol::PermitPurpose::tap;
        out.amount_minor = amount_minor;
        out.claims = claims();
        out.hardware = 0x0F;
        out.findings = findings;
        out.location = location;
        out.phone_time = phone_time;
        return out;
    }
    // The core signed it: the next one follows.
    void seal(const protocol::PermitRequest& said) {
        head = next_journal_head(said.journal_head, protocol::encode(protocol::SpaBody(said)));
    }
    PermitDecision appraise(const protocol::PermitRequest& said,
                            std::vector<attest::Verdict> verdicts = {}) const {
        ServerView view;
        view.now = now;
        view.found = found;
        view.registered_place = registered;
        view.revocation_stale = revocation_stale;
        return appraise_permit(policy, record,
                               {said, protocol::encode(protocol::SpaBody(said)), verdicts}, view);
    }
    // The decision is kept, as the server keeps it.
    PermitDecision send(const protocol::PermitRequest& said,
                        const std::vector<attest::Verdict>& verdicts = {}) {
        auto decision = appraise(said, verdicts);
        seal(said);
        record = decision.decision.next;
        return decision;
    }
    PermitDecision ask(std::int64_t amount_minor = 1000) { return send(request(amount_minor)); }

    Decision report(std::vector<protocol::CoreEvent> events = {}) {
        protocol::Report said;
        said.terminal_id = "00000001";
        said.sequence = ++sequence;
        said.journal_head = head;
        said.events = std::move(events);
        said.findings = findings;
        const Buffer body = protocol::encode(protocol::SpaBody(said));
        head = next_journal_head(head, body);
        ServerView view;
        view.now = now;
        auto decision = appraise_report(policy, record, {said, body}, view);
        record = decision.next;
        return decision;
    }

    Policy policy;
    DeviceRecord record;
    Instant now = start;
    std::uint64_t sequence = 0;
    protocol::Digest32 head{};
    std::vector<protocol::Finding> findings, found;
    std::optional<protocol::Location> location, registered;
    std::optional<Instant> phone_time;
    bool revocation_stale = false;
};

}  // namespace softpos::monitor::testing
