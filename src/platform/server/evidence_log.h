// The chain of what a phone showed and what followed. Each row has the digest of the row before it,
// so that none can be taken out or changed without all after it.
#pragma once

#include "platform/attest/verdict.h"
#include "platform/store/trust_records.h"
#include "protocol/spa.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::server {

// Numbers are stored: never renumber.
enum class EvidenceEntry : std::uint8_t {
    enrolment = 1,
    permit,
    report,
    seen,  // By the platform itself, with no message: silence, a wrong serial cipher.
    person,
};
std::string_view name_of(EvidenceEntry entry);
std::optional<EvidenceEntry> evidence_entry(std::uint64_t stored);

// The outcome of a request that got a permit, and the permit out of it; empty of any other.
std::string permit_outcome(const Id128& permit);  // "granted 0190…"
std::optional<Id128> granted_permit(std::string_view outcome);

// What is kept of one judgement. Borrowed.
struct Judged {
    EvidenceEntry entry{};
    Instant at;
    std::string outcome;  // "granted 01a…", with the permit; "refused: suspended"
    std::uint32_t policy_version = 0;
    Bytes body = {};  // As signed by the core; empty where there was no message.
    Bytes signature = {};
    std::span<const protocol::Evidence> evidences = {};
    std::span<const attest::Verdict> verdicts = {};
    std::span<const protocol::Finding> findings = {};
};

// What a row's body holds.
struct KeptVerdict {
    protocol::EvidenceKind kind{};
    attest::Outcome outcome{};
    attest::KeyHome home{};
    std::uint32_t where = 0;
    std::string reason;

    friend bool operator==(const KeptVerdict&, const KeptVerdict&) = default;
};
struct KeptEvidence {
    Buffer body, signature;
    std::vector<protocol::Evidence> evidences;
    std::vector<KeptVerdict> verdicts;
    std::vector<protocol::Finding> findings;
};
Result<KeptEvidence> read_evidence(Bytes row_body);

// The next row of the phone's chain; `device` is brought to the new end of it.
store::EvidenceRow next_evidence(const Judged& judged, store::DeviceRow& device);

store::Digest evidence_digest(const store::EvidenceRow& row);

// Whether each row is what it was and names the one before it, from `previous` on.
bool chain_holds(std::span<const store::EvidenceRow> rows, const store::Digest& previous);

}  // namespace softpos::server
