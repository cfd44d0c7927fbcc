// Row by row through the chain of evidence.
#include "platform/server/policy_trial.h"

#include "crypto/hash.h"
#include "platform/server/evidence_log.h"

#include <boost/json.hpp>

#include <algorithm>

namespace softpos::server {
namespace {

namespace json = boost::json;
using monitor::DeviceEventKind;
using monitor::DeviceState;
using monitor::ServerView;
using protocol::FindingCode;
using protocol::TrustClass;

bool may_collect(DeviceState state) {
    return state == DeviceState::enrolled || state == DeviceState::active ||
           state == DeviceState::degraded || state == DeviceState::review;
}

// What no message shows; everything else the monitor finds again.
bool is_from_outside(const protocol::Finding& finding) {
    return finding.origin == TrustClass::server &&
           (finding.code == FindingCode::binding || finding.code == FindingCode::serial_cipher);
}

std::optional<DeviceEventKind> act_of(std::string_view outcome) {
    for (const auto kind : {DeviceEventKind::suspend, DeviceEventKind::resume,
                            DeviceEventKind::release, DeviceEventKind::retire}) {
        if (monitor::name_of(kind) == outcome) return kind;
    }
    return std::nullopt;
}

class PastOfPhone {
public:
    PastOfPhone(const monitor::Policy& policy, const attest::EvidenceTrust& trust,
                const store::DeviceRow& row, const TrialScope& scope)
        : trust_(trust), scope_(scope), replay_(policy, row.terminal) {
        trial_.terminal = row.terminal;
        trial_.merchant = row.merchant;
        trial_.now = monitor::device_state(row.state).value_or(DeviceState::new_device);
    }

    Result<void> read(store::Reader& reader);
    PhoneTrial take();

    std::uint64_t messages = 0, unreadable = 0;

private:
    struct Pending {
        protocol::EnrolStatement statement;
        std::vector<attest::Verdict> verdicts;
        ServerView view;
    };

    Result<void> judge(store::Reader& reader, const store::EvidenceRow& row);
    Result<void> judge_permit(store::Reader& reader, const store::EvidenceRow& row,
                              const KeptEvidence& kept, const protocol::PermitRequest& request);
    Result<void> count(store::Reader& reader, const store::EvidenceRow& row, bool granted,
                       monitor::PermitRefusal refusal);
    std::vector<attest::Verdict> verdicts_of(const KeptEvidence& kept, Instant at) const;
    ServerView view_of(const store::EvidenceRow& row, const KeptEvidence& kept) const;

    const attest::EvidenceTrust& trust_;
    const TrialScope& scope_;
    monitor::Replay replay_;
    PhoneTrial trial_;
    std::optional<protocol::Location> place_;
    std::optional<Pending> pending_;
    protocol::Point65 core_point_{};
    protocol::Digest32 measurement_{};
    Id128 lost_{};  // The last payment that was counted as lost.
};

Result<void> PastOfPhone::read(store::Reader& reader) {
    if (const auto registered = TRY(reader.registered(trial_.terminal));
        registered && registered->placed) {
        place_ = protocol::Location{.latitude_e6 = registered->latitude_e6,
                                    .longitude_e6 = registered->longitude_e6,
                                    .accuracy_m = 0};
    }
    store::NumberPage page{.after = 0, .rows_max = store::page_rows_max};
    for (;;) {
        const auto rows = TRY(reader.evidence_of(trial_.terminal, page));
        for (const store::EvidenceRow& row : rows) TRY_VOID(judge(reader, row));
        if (rows.size() < page.rows_max) return {};
        page.after = rows.back().sequence;
    }
}

ServerView PastOfPhone::view_of(const store::EvidenceRow& row, const KeptEvidence& kept) const {
    ServerView view;
    view.now = row.at;
    view.registered_place = place_;
    view.evidence_digest = crypto::sha256(kept.body);
    for (const protocol::Finding& one : kept.findings) {
        if (is_from_outside(one)) view.found.push_back(one);
        view.revocation_stale |=
            one.origin == TrustClass::server && one.code == FindingCode::evidence_stale;
    }
    return view;
}

std::vector<attest::Verdict> PastOfPhone::verdicts_of(const KeptEvidence& kept, Instant at) const {
    auto verdicts = attest::check_evidence(
        kept.evidences,
        {.challenge = {}, .core_sign_point = core_point_, .measurement = measurement_, .now = at},
        trust_);
    const std::size_t count = std::min(verdicts.size(), kept.verdicts.size());
    verdicts.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        const KeptVerdict& then = kept.verdicts[i];
        verdicts[i].kind = then.kind;
        verdicts[i].outcome = then.outcome;
        verdicts[i].home = then.home;
        verdicts[i].reason = then.reason;
        verdicts[i].findings.clear();
    }
    if (verdicts.empty()) return verdicts;
    for (const protocol::Finding& one : kept.findings) {
        if (one.origin == TrustClass::hardware) verdicts.front().findings.push_back(one);
    }
    return verdicts;
}

Result<void> PastOfPhone::judge(store::Reader& reader, const store::EvidenceRow& row) {
    ++messages;
    const auto entry = evidence_entry(row.kind);
    const auto kept = read_evidence(row.body);
    if (!entry || !kept) {
        ++unreadable;
        return {};
    }
    if (*entry == EvidenceEntry::person) {
        if (const auto kind = act_of(row.outcome)) replay_.person(*kind, row.at);
        return {};
    }
    if (*entry == EvidenceEntry::seen) {
        for (const protocol::Finding& one : kept->findings) {
            if (is_from_outside(one) && protocol::name_of(one.code) == row.outcome) {
                replay_.seen(one, row.at);
            }
        }
        return {};
    }
    // The second row of an enrolment says that its keys were made.
    if (*entry == EvidenceEntry::enrolment && kept->body.empty()) {
        if (pending_) replay_.enrol(pending_->statement, pending_->verdicts, pending_->view);
        pending_.reset();
        return {};
    }
    const auto body = protocol::decode_spa_body(kept->body);
    if (!body) {
        ++unreadable;
        return {};
    }
    if (const auto* statement = std::get_if<protocol::EnrolStatement>(&*body)) {
        if (row.outcome != "accepted") return {};
        core_point_ = statement->core_sign_point;
        measurement_ = statement->measurement;
        pending_ = Pending{*statement, verdicts_of(*kept, row.at), view_of(row, *kept)};
    } else if (const auto* request = std::get_if<protocol::PermitRequest>(&*body)) {
        return judge_permit(reader, row, *kept, *request);
    } else if (const auto* report = std::get_if<protocol::Report>(&*body)) {
        replay_.report({*report, kept->body}, view_of(row, *kept));
    } else {
        ++unreadable;
    }
    return {};
}

Result<void> PastOfPhone::judge_permit(store::Reader& reader, const store::EvidenceRow& row,
                                       const KeptEvidence& kept,
                                       const protocol::PermitRequest& request) {
    const auto verdicts = verdicts_of(kept, row.at);
    const auto decided = replay_.permit({request, kept.body, verdicts}, view_of(row, kept));
    const bool granted = decided.refusal == monitor::PermitRefusal::none;
    if (row.at < scope_.from) return {};
    return count(reader, row, granted, decided.refusal);
}

Result<void> PastOfPhone::count(store::Reader& reader, const store::EvidenceRow& row, bool granted,
                                monitor::PermitRefusal refusal) {
    ++trial_.permits;
    const auto permit = granted_permit(row.outcome);
    if (!permit) {
        trial_.granted_then += granted ? 1U : 0U;
        return {};
    }
    if (!granted && trial_.refused_then++ == 0) trial_.refusal = monitor::name_of(refusal);
    const auto spent = TRY(reader.permit(*permit));
    // A PIN's permit is the second one of its payment.
    if (!spent || spent->payment == Id128{}) return {};
    const auto payment = TRY(reader.payment(spent->payment));
    if (!payment || payment->state != pay::PaymentState::approved) return {};
    const auto add = [&](Turnover& to) {
        ++to.payments;
        to.amount_minor += payment->amount_minor;
    };
    const bool second = spent->parent != Id128{};
    const bool lost_before = second && lost_ == spent->payment;
    if (!second) add(trial_.turnover);
    if (granted || lost_before) return {};
    lost_ = spent->payment;
    add(trial_.turnover_lost);
    return {};
}

PhoneTrial PastOfPhone::take() {
    replay_.until(scope_.now);
    const auto& phone = replay_.phone();
    const bool out = replay_.cut_off().has_value() || !phone;
    trial_.then = phone ? phone->state : DeviceState::new_device;
    if (may_collect(trial_.now) && out) {
        trial_.cut_off = replay_.cut_off().value_or(
            monitor::Replay::CutOff{.at = scope_.now, .reason = "no enrolment"});
    }
    return trial_;
}

}  // namespace

Result<TrialPage> try_policy(store::Store& store, const attest::EvidenceTrust& trust,
                             const monitor::Policy& policy, const TrialScope& scope) {
    TrialPage page;
    std::vector<store::DeviceRow> rows;
    TRY_VOID(store.read([&](store::Reader& reader) -> Result<void> {
        rows =
            TRY(reader.devices({.after = scope.after, .state = 0, .rows_max = scope.phones_max}));
        return {};
    }));
    for (const store::DeviceRow& row : rows) {
        PastOfPhone past(policy, trust, row, scope);
        TRY_VOID(store.read([&](store::Reader& reader) { return past.read(reader); }));
        page.phones.push_back(past.take());
        page.messages += past.messages;
        page.unreadable += past.unreadable;
    }
    if (rows.size() == scope.phones_max) page.next = rows.back().terminal;
    return page;
}

namespace {

json::object turnover_object(const Turnover& turnover) {
    return {{"payments", turnover.payments}, {"amount_minor", turnover.amount_minor}};
}

json::object phone_object(const PhoneTrial& phone) {
    json::object out{{"terminal_id", phone.terminal},
                     {"merchant_id", phone.merchant},
                     {"state", monitor::name_of(phone.now)},
                     {"state_then", monitor::name_of(phone.then)},
                     {"cut_off", phone.cut_off.has_value()},
                     {"permits_refused_then", phone.refused_then},
                     {"permits_granted_then", phone.granted_then},
                     {"turnover", turnover_object(phone.turnover)},
                     {"turnover_lost", turnover_object(phone.turnover_lost)}};
    if (phone.cut_off) {
        out["reason"] = phone.cut_off->reason;
        out["since"] = china_time(phone.cut_off->at).iso();
    } else if (!phone.refusal.empty()) {
        out["reason"] = phone.refusal;
    }
    return out;
}

}  // namespace

std::string trial_json(const monitor::Policy& policy, const TrialPage& page) {
    std::uint64_t cut_off = 0, permits = 0, refused_then = 0, granted_then = 0;
    Turnover turnover, lost;
    json::array changed;
    for (const PhoneTrial& phone : page.phones) {
        cut_off += phone.cut_off ? 1U : 0U;
        permits += phone.permits;
        refused_then += phone.refused_then;
        granted_then += phone.granted_then;
        turnover.payments += phone.turnover.payments;
        turnover.amount_minor += phone.turnover.amount_minor;
        lost.payments += phone.turnover_lost.payments;
        lost.amount_minor += phone.turnover_lost.amount_minor;
        const bool differs = phone.cut_off || phone.refused_then != 0 || phone.granted_then != 0 ||
                             phone.now != phone.then;
        if (differs) changed.push_back(phone_object(phone));
    }
    json::object out{{"version", policy.version},
                     {"phones", page.phones.size()},
                     {"phones_cut_off", cut_off},
                     {"messages", page.messages},
                     {"unreadable", page.unreadable},
                     {"permits", permits},
                     {"permits_refused_then", refused_then},
                     {"permits_granted_then", granted_then},
                     {"turnover", turnover_object(turnover)},
                     {"turnover_lost", turnover_object(lost)},
                     {"changed", std::move(changed)}};
    if (!page.next.empty()) out["next"] = page.next;
    return json::serialize(out);
}

}  // namespace softpos::server
