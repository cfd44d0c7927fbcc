// Something new is tried on a part of the phones, and goes back by itself where they fare worse:
// a trust policy, or a release of app or SDK.
//
// A policy on trial answers its canaries' requests for permits: whether, for what, up to how much.
// What lasts (states, latches, keys, cases) follows from the policy in force for everybody, so that
// a bad trial leaves no trace on a phone, and a phone that the policy in force suspends is refused
// on trial as well. A release is tried by those who have it; where it goes back no further phone
// enrols with it.
//
// Counts are kept in memory and written with each round: a crash loses one round's.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "net/timer.h"
#include "platform/monitor/appraise.h"
#include "platform/monitor/canary.h"
#include "platform/pay/payment.h"
#include "platform/server/policy_shelf.h"
#include "platform/server/webhooks.h"
#include "platform/store/store.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace softpos::server {

enum class TrialSide : std::uint8_t { none, others, canaries };

// What a person asks for. All that is 0 is not asked for.
struct TrialOrder {
    std::uint32_t policy_version = 0;  // Uploaded, signed, above the one in force.
    std::uint32_t app_version = 0, sdk_version = 0;
    std::uint32_t share_per_mille = 0;  // 0: as the policy in force has it; of a release: all.
    bool promotes = false;
};

// A trial and how it stands by the rules of the policy in force.
struct TrialView {
    store::TrialRow row;
    monitor::CanaryVerdict verdict;
};

class TrialDesk {
public:
    struct Parts {
        store::Store& store;
        PolicyShelf& policies;
        Webhooks& webhooks;
        net::Timers& timers;
        const Clock& clock;
        Random& random;
        std::uint32_t round_ms;  // Between two looks at the counts.
    };
    explicit TrialDesk(Parts parts) : parts_(parts) {}

    // At start: the trial that ran goes on, releases that went back stay back.
    Result<void> load();
    void start_rounds();

    struct Place {
        TrialSide side = TrialSide::none;
        std::shared_ptr<const monitor::Policy> policy;  // That answers; empty: the one in force.
    };
    Place place_of(const monitor::DeviceRecord& device);
    // Of a phone that has such a place; a payment counts for the side of its terminal's last
    // permit.
    void count_permit(const std::string& terminal, TrialSide side, bool granted);
    void count_payment(const std::string& terminal, bool approved);

    // Whether no further phone may enrol with it.
    bool is_back(std::uint32_t app_version, std::uint32_t sdk_version);

    // not_found: no such policy was uploaded; conflict: a trial runs, or the policy is not above.
    Result<TrialView> start(const TrialOrder& order);
    // By a person; conflict where it has ended. not_found.
    Result<TrialView> end(const Id128& id);
    Result<TrialView> promote(const Id128& id);
    Result<std::vector<TrialView>> list();
    Result<std::optional<TrialView>> show(const Id128& id);

    // Writes the counts down, judges, and does what follows. Called by the rounds.
    void look();

private:
    struct Running {
        store::TrialRow row;
        std::shared_ptr<const monitor::Policy> policy;  // Empty of a release.
    };
    struct Ending {
        store::TrialState state{};
        std::string_view reason;
    };
    TrialView view_of(store::TrialRow row) const;
    std::optional<store::TrialRow> running();
    Result<TrialView> finish(const Id128& id, const Ending& ending);
    void put_back(const store::TrialRow& row);

    Parts parts_;
    std::mutex ending_;  // One end at a time; never taken under mutex_.
    std::mutex mutex_;   // Guards what follows.
    std::optional<Running> running_;
    std::unordered_map<std::string, TrialSide> sides_;  // By terminal.
    std::vector<store::TrialRow> back_;                 // Releases that no further phone gets.
};

// A permit's answer is the trial's where the policy in force lets the phone take part at all; all
// that lasts stays as the policy in force has it.
void answer_by_trial(monitor::PermitDecision& in_force, const monitor::PermitDecision& tried);

// {"trial_id", "state", …}; also the body of the event trial.ended.
std::string trial_text(const TrialView& view);

}  // namespace softpos::server
