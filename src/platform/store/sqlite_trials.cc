// Trials of something new.
#include "platform/store/sqlite_tx.h"

#define TRIAL_COLUMNS                                                                              \
    "id, state, policy_version, app_version, sdk_version, share_per_mille, promotes, started_at, " \
    "ended_at, reason, others_payments, others_approved, others_attestations, others_failed, "     \
    "canaries_payments, canaries_approved, canaries_attestations, canaries_failed"

namespace softpos::store {
namespace {

TrialCounts read_counts(Query& row) {
    TrialCounts counts;
    counts.payments = row.whole<std::uint64_t>();
    counts.approved = row.whole<std::uint64_t>();
    counts.attestations = row.whole<std::uint64_t>();
    counts.attestations_failed = row.whole<std::uint64_t>();
    return counts;
}

TrialRow read_trial(Query& row) {
    TrialRow trial;
    trial.id = row.id();
    trial.state = static_cast<TrialState>(row.whole<std::uint8_t>());
    trial.policy_version = row.whole<std::uint32_t>();
    trial.app_version = row.whole<std::uint32_t>();
    trial.sdk_version = row.whole<std::uint32_t>();
    trial.share_per_mille = row.whole<std::uint32_t>();
    trial.promotes = row.number() != 0;
    trial.started_at = {row.number()};
    trial.ended_at = {row.number()};
    trial.reason = row.text();
    trial.others = read_counts(row);
    trial.canaries = read_counts(row);
    return trial;
}

void bind_counts(Query& query, const TrialCounts& counts) {
    query << stored_number(counts.payments) << stored_number(counts.approved)
          << stored_number(counts.attestations) << stored_number(counts.attestations_failed);
}

}  // namespace

Reader::Found<TrialRow> SqliteTx::trial(const Id128& id) {
    Query query(connection_, "SELECT " TRIAL_COLUMNS " FROM trials WHERE id = ?");
    query << id;
    return one(query, read_trial);
}

Reader::List<TrialRow> SqliteTx::trials() {
    Query query(connection_,
                "SELECT " TRIAL_COLUMNS " FROM trials ORDER BY started_at DESC, id DESC LIMIT ?");
    query << rows_of(page_rows_max);
    return all(query, read_trial);
}

Result<void> SqliteTx::insert(const TrialRow& trial) {
    Query query(connection_, "INSERT INTO trials (" TRIAL_COLUMNS
                             ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query << trial.id << stored_number(trial.state) << trial.policy_version << trial.app_version
          << trial.sdk_version << trial.share_per_mille << std::int64_t{trial.promotes}
          << trial.started_at.unix_ms << trial.ended_at.unix_ms << trial.reason;
    bind_counts(query, trial.others);
    bind_counts(query, trial.canaries);
    return query.run();
}

Result<void> SqliteTx::update(const TrialRow& trial) {
    Query query(connection_,
                "UPDATE trials SET state = ?, ended_at = ?, reason = ?, others_payments = ?,"
                " others_approved = ?, others_attestations = ?, others_failed = ?,"
                " canaries_payments = ?, canaries_approved = ?, canaries_attestations = ?,"
                " canaries_failed = ? WHERE id = ? AND state = 1");
    query << stored_number(trial.state) << trial.ended_at.unix_ms << trial.reason;
    bind_counts(query, trial.others);
    bind_counts(query, trial.canaries);
    query << trial.id;
    return touch(connection_, query);
}

}  // namespace softpos::store
