// The past of one phone under another policy: everything that it showed is judged once more, in
// order, from its enrolment on. Who writes a policy sees what it would have done before it does it.
//
// Under the policy that judged the first time the same decisions come out. What a phone would have
// shown after a refusal that it never got, nobody knows: its messages are taken as they came.
#pragma once

#include "platform/monitor/appraise.h"

#include <optional>
#include <span>
#include <string>

namespace softpos::monitor {

class Replay {
public:
    // `policy` is borrowed.
    Replay(const Policy& policy, std::string terminal)
        : policy_(policy), terminal_(std::move(terminal)) {}

    // Things as they happened, with the time in `view`. What the platform finds out again by
    // itself (gaps, silence, versions, places) must not be in `view.found`.
    void enrol(const protocol::EnrolStatement& statement, std::span<const attest::Verdict> verdicts,
               const ServerView& view);
    PermitDecision permit(const PermitCase& asked, const ServerView& view);
    void report(const ReportCase& told, const ServerView& view);
    void seen(const protocol::Finding& finding, Instant at);
    void person(DeviceEventKind kind, Instant at);
    void until(Instant at);  // Nothing more came: silence.

    // Of the last enrolment that was accepted, if any was.
    const std::optional<DeviceRecord>& phone() const { return phone_; }

    // Why it cannot collect: suspended, or never let in. Empty while it can.
    struct CutOff {
        Instant at;
        std::string reason;  // "ROOT", "points", "evidence SOFTWARE_KEY"

        friend bool operator==(const CutOff&, const CutOff&) = default;
    };
    const std::optional<CutOff>& cut_off() const { return cut_off_; }

private:
    // A phone whose enrolment is refused does not get at the record of the one before it.
    bool is_in() const { return phone_.has_value() && !refused_; }
    void take(const Decision& decision, Instant at);

    const Policy& policy_;
    std::string terminal_;
    std::optional<DeviceRecord> phone_;
    bool refused_ = false;
    std::optional<CutOff> cut_off_;
};

}  // namespace softpos::monitor
