// Sides are chosen in the store's works, counts are taken behind them; rounds decide.
#include "platform/server/trial_desk.h"

#include "base/log.h"
#include "platform/server/answers.h"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace softpos::server {
namespace {

namespace json = boost::json;
using store::TrialRow;
using store::TrialState;

constexpr std::uint32_t everybody = 1000;

std::string_view name_of(TrialState state) {
    constexpr std::array<std::string_view, 4> names = {"running", "rolled_back", "promoted",
                                                       "ended"};
    return names[static_cast<std::size_t>(state) - 1];
}

// Whether a release is what the trial asks for. A 0 in the trial asks for nothing.
bool has_release(const TrialRow& trial, std::uint32_t app_version, std::uint32_t sdk_version) {
    return (trial.app_version == 0 || trial.app_version == app_version) &&
           (trial.sdk_version == 0 || trial.sdk_version == sdk_version);
}

monitor::GroupCounts group_of(const store::TrialCounts& counts) {
    return {.payments = counts.payments,
            .approved = counts.approved,
            .attestations = counts.attestations,
            .attestations_failed = counts.attestations_failed};
}

json::object counts_object(const store::TrialCounts& counts) {
    return {{"payments", counts.payments},
            {"approved", counts.approved},
            {"permits_asked", counts.attestations},
            {"permits_refused", counts.attestations_failed}};
}

json::object measure_object(const monitor::CanaryMeasure& measure) {
    return {{"others_per_mille", measure.others_per_mille},
            {"canaries_per_mille", measure.canaries_per_mille},
            {"z_milli", measure.z_milli},
            {"enough", measure.enough}};
}

}  // namespace

std::string trial_text(const TrialView& view) {
    const TrialRow& row = view.row;
    json::object out{{"trial_id", row.id.text()},
                     {"state", name_of(row.state)},
                     {"share_per_mille", row.share_per_mille},
                     {"promotes", row.promotes},
                     {"started_at", china_time(row.started_at).iso()},
                     {"others", counts_object(row.others)},
                     {"canaries", counts_object(row.canaries)},
                     {"approvals", measure_object(view.verdict.approvals)},
                     {"refusals", measure_object(view.verdict.attestations)},
                     {"step", monitor::name_of(view.verdict.step)},
                     {"step_reason", monitor::name_of(view.verdict.reason)}};
    if (row.policy_version != 0) out["policy_version"] = row.policy_version;
    if (row.app_version != 0) out["app_version"] = row.app_version;
    if (row.sdk_version != 0) out["sdk_version"] = row.sdk_version;
    if (row.state != TrialState::running) {
        out["ended_at"] = china_time(row.ended_at).iso();
        out["reason"] = row.reason;
    }
    return json::serialize(out);
}

void answer_by_trial(monitor::PermitDecision& in_force, const monitor::PermitDecision& tried) {
    const monitor::DeviceState state = in_force.decision.next.state;
    if (in_force.refusal == monitor::PermitRefusal::repeated ||
        state == monitor::DeviceState::suspended || state == monitor::DeviceState::retired) {
        return;
    }
    in_force.refusal = tried.refusal;
    in_force.allowed = tried.allowed;
    in_force.amount_minor_max = tried.amount_minor_max;
    in_force.seconds = tried.seconds;
    in_force.decision.next.last_permit = tried.decision.next.last_permit;
    in_force.decision.next.open = tried.decision.next.open;
}

TrialView TrialDesk::view_of(TrialRow row) const {
    TrialView view{.row = std::move(row), .verdict = {}};
    view.verdict = monitor::judge_canary(parts_.policies.in_force()->canary,
                                         group_of(view.row.others), group_of(view.row.canaries));
    return view;
}

Result<void> TrialDesk::load() {
    std::vector<TrialRow> rows;
    TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
        rows = TRY(reader.trials());
        return {};
    }));
    const std::lock_guard lock(mutex_);
    for (const TrialRow& row : rows) {
        if (row.state == TrialState::rolled_back && row.policy_version == 0) back_.push_back(row);
        if (row.state != TrialState::running) continue;
        running_ = Running{row, nullptr};
        if (row.policy_version == 0) continue;
        auto policy = parts_.policies.uploaded(row.policy_version);
        // Another policy came into force meanwhile, or its text is not what was signed: the next
        // round ends the trial, and until then nobody is judged by it.
        if (policy) running_->policy = *std::move(policy);
    }
    return {};
}

void TrialDesk::start_rounds() {
    parts_.timers.after(parts_.round_ms, [this] {
        look();
        start_rounds();
    });
}

TrialDesk::Place TrialDesk::place_of(const monitor::DeviceRecord& device) {
    const std::lock_guard lock(mutex_);
    if (!running_) return {};
    const TrialRow& row = running_->row;
    const monitor::CanaryRules rules{.share_per_mille = row.share_per_mille};
    if (!has_release(row, device.marks.app_version, device.marks.sdk_version) ||
        !monitor::is_canary(rules, row.id.text(), device.terminal)) {
        return {.side = TrialSide::others, .policy = nullptr};
    }
    return {.side = TrialSide::canaries, .policy = running_->policy};
}

void TrialDesk::count_permit(const std::string& terminal, TrialSide side, bool granted) {
    const std::lock_guard lock(mutex_);
    if (!running_ || side == TrialSide::none) return;
    auto& row = running_->row;
    store::TrialCounts& counts = side == TrialSide::canaries ? row.canaries : row.others;
    ++counts.attestations;
    counts.attestations_failed += granted ? 0U : 1U;
    sides_[terminal] = side;
}

void TrialDesk::count_payment(const std::string& terminal, bool approved) {
    const std::lock_guard lock(mutex_);
    if (!running_) return;
    const auto side = sides_.find(terminal);
    if (side == sides_.end()) return;
    auto& row = running_->row;
    store::TrialCounts& counts = side->second == TrialSide::canaries ? row.canaries : row.others;
    ++counts.payments;
    counts.approved += approved ? 1U : 0U;
}

bool TrialDesk::is_back(std::uint32_t app_version, std::uint32_t sdk_version) {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(
        back_, [&](const TrialRow& row) { return has_release(row, app_version, sdk_version); });
}

Result<TrialView> TrialDesk::start(const TrialOrder& order) {
    std::shared_ptr<const monitor::Policy> policy;
    if (order.policy_version != 0) policy = TRY(parts_.policies.uploaded(order.policy_version));
    const std::uint32_t usual =
        policy ? parts_.policies.in_force()->canary.share_per_mille : everybody;
    const TrialRow row{
        .id = Id128::make(parts_.random),
        .state = TrialState::running,
        .policy_version = order.policy_version,
        .app_version = order.app_version,
        .sdk_version = order.sdk_version,
        .share_per_mille = order.share_per_mille != 0 ? order.share_per_mille : usual,
        .promotes = order.promotes && policy != nullptr,
        .started_at = parts_.clock.now(),
        .ended_at = {},
        .reason = {},
        .others = {},
        .canaries = {}};
    TRY_VOID(parts_.store.run([&](store::Tx& tx) { return tx.insert(row); }));
    log(LogLevel::info, "trial: started",
        {{"trial", LogId(row.id.text())}, {"policy", std::int64_t{row.policy_version}}});
    {
        const std::lock_guard lock(mutex_);
        running_ = Running{row, std::move(policy)};
        sides_.clear();
    }
    return view_of(row);
}

std::optional<TrialRow> TrialDesk::running() {
    const std::lock_guard lock(mutex_);
    if (!running_) return std::nullopt;
    return running_->row;
}

// From the moment of `ending` on nobody is judged by the trial any more; what was counted until
// then is what is written and told.
Result<TrialView> TrialDesk::finish(const Id128& id, const Ending& ending) {
    std::optional<Running> taken;
    {
        const std::lock_guard lock(mutex_);
        if (running_ && running_->row.id == id) taken = std::exchange(running_, std::nullopt);
    }
    if (!taken) return fail(ErrorKind::conflict, "trial: it has ended");
    TrialView view = view_of(taken->row);
    view.row.state = ending.state;
    view.row.ended_at = parts_.clock.now();
    view.row.reason = ending.reason;
    const auto written = parts_.store.run([&](store::Tx& tx) -> Result<void> {
        TRY_VOID(tx.update(view.row));
        return tx.enqueue(
            {.topic = "trial.ended", .body = trial_text(view), .created_at = view.row.ended_at});
    });
    if (!written) {  // It runs on; the next round ends it.
        const std::lock_guard lock(mutex_);
        running_ = std::move(taken);
        return std::unexpected(written.error());
    }
    put_back(view.row);
    parts_.webhooks.nudge();
    log(ending.state == TrialState::rolled_back ? LogLevel::warning : LogLevel::info,
        "trial: ended",
        {{"trial", LogId(id.text())},
         {"state", LogId(std::string(name_of(ending.state)))},
         {"reason", LogId(std::string(ending.reason))}});
    return view;
}

void TrialDesk::put_back(const TrialRow& row) {
    if (row.state != TrialState::rolled_back || row.policy_version != 0) return;
    const std::lock_guard lock(mutex_);
    back_.push_back(row);
}

Result<TrialView> TrialDesk::end(const Id128& id) {
    const std::lock_guard one(ending_);
    if (!TRY(show(id))) return fail(ErrorKind::not_found, "trial: no such one");
    return finish(id, {TrialState::ended, "person"});
}

// In force first: a crash in between leaves a trial whose policy is in force, which the next round
// ends as promoted.
Result<TrialView> TrialDesk::promote(const Id128& id) {
    const std::lock_guard one(ending_);
    const auto row = running();
    if (!row || row->id != id) {
        if (!TRY(show(id))) return fail(ErrorKind::not_found, "trial: no such one");
        return fail(ErrorKind::conflict, "trial: it has ended");
    }
    if (row->policy_version != 0) TRY_VOID(parts_.policies.activate(row->policy_version));
    return finish(id, {TrialState::promoted, "person"});
}

void TrialDesk::look() {
    const std::lock_guard one(ending_);
    const auto row = running();
    if (!row) return;
    const std::uint32_t in_force = parts_.policies.in_force()->version;
    const auto end_as = [&](const Ending& ending) {
        const auto ended = finish(row->id, ending);
        if (!ended) log(LogLevel::error, "trial: not ended", ended.error());
    };
    if (row->policy_version != 0 && in_force == row->policy_version) {
        return end_as({TrialState::promoted, "in_force"});
    }
    if (row->policy_version != 0 && in_force > row->policy_version) {
        return end_as({TrialState::ended, "superseded"});
    }
    const TrialView view = view_of(*row);
    if (view.verdict.step == monitor::CanaryStep::roll_back) {
        return end_as({TrialState::rolled_back, monitor::name_of(view.verdict.reason)});
    }
    if (view.verdict.step == monitor::CanaryStep::promote && row->promotes) {
        const auto active = parts_.policies.activate(row->policy_version);
        if (!active) return log(LogLevel::error, "trial: not promoted", active.error());
        return end_as({TrialState::promoted, monitor::name_of(view.verdict.reason)});
    }
    const auto kept = parts_.store.run([&](store::Tx& tx) { return tx.update(*row); });
    if (!kept) log(LogLevel::error, "trial: counts not written", kept.error());
}

Result<std::vector<TrialView>> TrialDesk::list() {
    std::vector<TrialView> views;
    TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
        for (TrialRow& row : TRY(reader.trials())) views.push_back(view_of(std::move(row)));
        return {};
    }));
    // Of the one that runs what is counted by now.
    if (const auto now = running()) {
        for (TrialView& view : views) {
            if (view.row.id == now->id) view = view_of(*now);
        }
    }
    return views;
}

Result<std::optional<TrialView>> TrialDesk::show(const Id128& id) {
    if (const auto now = running(); now && now->id == id) return view_of(*now);
    std::optional<TrialView> view;
    TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
        if (auto row = TRY(reader.trial(id))) view = view_of(*std::move(row));
        return {};
    }));
    return view;
}

}  // namespace softpos::server
