// CBOR in the rows, SHA-256 between them.
#include "platform/server/evidence_log.h"

#include "crypto/hash.h"
#include "protocol/spa_fields.h"

namespace softpos::server {
namespace {

// NOLINTNEXTLINE(google-build-using-namespace): the words that this file is written in.
using namespace protocol::spa_fields;

constexpr std::size_t body_fields = 5;
constexpr std::size_t findings_kept_max = 200;
constexpr std::size_t reason_bytes_max = 120;
constexpr unsigned key_homes = 4;
constexpr std::string_view granted = "granted ";
constexpr unsigned outcomes = 3;

constexpr auto put_evidence = [](CborWriter& out, const protocol::Evidence& one) { put(out, one); };
constexpr auto put_finding = [](CborWriter& out, const protocol::Finding& one) { put(out, one); };

void put_verdict(CborWriter& out, const attest::Verdict& verdict) {
    out.begin_array(5);
    put_enum(out, verdict.kind);
    out.put_unsigned(static_cast<std::uint64_t>(verdict.outcome));
    out.put_unsigned(static_cast<std::uint64_t>(verdict.home));
    out.put_unsigned(verdict.where);
    put_text(out, verdict.reason, {0, reason_bytes_max});
}

Result<KeptVerdict> take_verdict(CborReader& in) {
    TRY_VOID(take_fields(in, 5));
    KeptVerdict verdict;
    verdict.kind = TRY(take_enum<protocol::EvidenceKind>(in, protocol::evidence_kinds));
    verdict.outcome = TRY(take_number<attest::Outcome>(in, outcomes - 1));
    verdict.home = TRY(take_number<attest::KeyHome>(in, key_homes - 1));
    verdict.where = TRY(take_number<std::uint32_t>(in, UINT32_MAX));
    verdict.reason = TRY(take_text(in, {0, reason_bytes_max}));
    return verdict;
}

Buffer body_of(const Judged& judged) {
    Buffer bytes;
    CborWriter out(bytes);
    out.begin_array(body_fields);
    out.put_bytes(judged.body);
    out.put_bytes(judged.signature);
    out.begin_array(judged.evidences.size());
    for (const auto& one : judged.evidences) put_evidence(out, one);
    out.begin_array(judged.verdicts.size());
    for (const auto& one : judged.verdicts) put_verdict(out, one);
    out.begin_array(judged.findings.size());
    for (const auto& one : judged.findings) put_finding(out, one);
    return bytes;
}

}  // namespace

std::string_view name_of(EvidenceEntry entry) {
    switch (entry) {
        case EvidenceEntry::enrolment:
            return "enrolment";
        case EvidenceEntry::permit:
            return "permit";
        case EvidenceEntry::report:
            return "report";
        case EvidenceEntry::seen:
            return "seen";
        case EvidenceEntry::person:
            return "person";
    }
    return "unknown";
}

std::optional<EvidenceEntry> evidence_entry(std::uint64_t stored) {
    if (stored < 1 || stored > 5) return std::nullopt;
    return static_cast<EvidenceEntry>(stored);
}

std::string permit_outcome(const Id128& permit) {
    return std::string(granted) + permit.text();
}

std::optional<Id128> granted_permit(std::string_view outcome) {
    if (!outcome.starts_with(granted)) return std::nullopt;
    auto id = Id128::parse(outcome.substr(granted.size()));
    if (!id) return std::nullopt;
    return *id;
}

Result<KeptEvidence> read_evidence(Bytes row_body) {
    CborReader in(row_body);
    TRY_VOID(take_fields(in, body_fields));
    KeptEvidence kept;
    kept.body = TRY(take_buffer(in, {0, protocol::spa_message_bytes_max}));
    kept.signature = TRY(take_buffer(in, {0, signature_bytes_max}));
    kept.evidences = TRY(take_list<protocol::Evidence>(in, protocol::evidences_max, take_evidence));
    kept.verdicts = TRY(take_list<KeptVerdict>(in, protocol::evidences_max, take_verdict));
    kept.findings = TRY(take_list<protocol::Finding>(in, findings_kept_max, take_finding));
    TRY_VOID(in.end());
    return kept;
}

store::EvidenceRow next_evidence(const Judged& judged, store::DeviceRow& device) {
    store::EvidenceRow row{.terminal = device.terminal, .sequence = device.evidence_count + 1};
    row.at = judged.at;
    row.kind = static_cast<std::uint8_t>(judged.entry);
    row.outcome = judged.outcome;
    row.policy_version = judged.policy_version;
    row.body = body_of(judged);
    row.previous = device.evidence_head;
    row.digest = evidence_digest(row);
    device.evidence_count = row.sequence;
    device.evidence_head = row.digest;
    return row;
}

store::Digest evidence_digest(const store::EvidenceRow& row) {
    Buffer bytes;
    append(bytes, bytes_of("spos-evidence/1"));
    CborWriter out(bytes);
    out.begin_array(8);
    out.put_bytes(row.previous);
    out.put_text(row.terminal);
    out.put_unsigned(row.sequence);
    out.put_integer(row.at.unix_ms);
    out.put_unsigned(row.kind);
    out.put_text(row.outcome);
    out.put_unsigned(row.policy_version);
    out.put_bytes(row.body);
    return crypto::sha256(bytes);
}

bool chain_holds(std::span<const store::EvidenceRow> rows, const store::Digest& previous) {
    store::Digest head = previous;
    for (const store::EvidenceRow& row : rows) {
        if (row.previous != head || evidence_digest(row) != row.digest) return false;
        head = row.digest;
    }
    return true;
}

}  // namespace softpos::server
