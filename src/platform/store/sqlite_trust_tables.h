// The tables about phones: steps 2, 3 and 5 of the schema. Internal to the store.
#pragma once

namespace softpos::store {

// The row of a phone is written with each permit, so that no index is over what changes then.
constexpr const char* trust_tables = R"(
CREATE TABLE devices (
    shard BIGINT NOT NULL, terminal TEXT NOT NULL PRIMARY KEY, merchant TEXT NOT NULL,
    state BIGINT NOT NULL, grade BIGINT NOT NULL, score BIGINT NOT NULL,
    last_seen BIGINT NOT NULL, changed_at BIGINT NOT NULL, version BIGINT NOT NULL,
    last_permit BLOB NOT NULL, evidence_count BIGINT NOT NULL, evidence_head BLOB NOT NULL,
    record BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX devices_state ON devices (state, terminal);
CREATE INDEX devices_merchant ON devices (merchant, terminal);

CREATE TABLE nonces (
    id BLOB NOT NULL PRIMARY KEY, digest BLOB NOT NULL, terminal BLOB NOT NULL,
    expires_at BIGINT NOT NULL, used_at BIGINT NOT NULL) WITHOUT ROWID;
CREATE INDEX nonces_expiry ON nonces (expires_at);

CREATE TABLE permits (
    shard BIGINT NOT NULL, id BLOB NOT NULL, terminal TEXT NOT NULL, purpose BIGINT NOT NULL,
    amount_minor_max BIGINT NOT NULL, currency BIGINT NOT NULL, allowed BIGINT NOT NULL,
    parent BLOB NOT NULL, issued_at BIGINT NOT NULL, expires_at BIGINT NOT NULL,
    policy_version BIGINT NOT NULL, request_digest BLOB NOT NULL, payment BLOB NOT NULL,
    PRIMARY KEY (shard, id)) WITHOUT ROWID;

CREATE TABLE evidence (
    terminal TEXT NOT NULL, sequence BIGINT NOT NULL, at BIGINT NOT NULL, kind BIGINT NOT NULL,
    outcome TEXT NOT NULL, policy_version BIGINT NOT NULL, body BLOB NOT NULL,
    previous BLOB NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (terminal, sequence)) WITHOUT ROWID;

CREATE TABLE transitions (
    terminal TEXT NOT NULL, sequence BIGINT NOT NULL, at BIGINT NOT NULL,
    from_state BIGINT NOT NULL, to_state BIGINT NOT NULL, cause BIGINT NOT NULL,
    code BIGINT NOT NULL, origin BIGINT NOT NULL, detail BIGINT NOT NULL,
    policy_version BIGINT NOT NULL, evidence BLOB NOT NULL,
    PRIMARY KEY (terminal, sequence)) WITHOUT ROWID;

CREATE TABLE incidents (
    id BLOB NOT NULL PRIMARY KEY, terminal TEXT NOT NULL, merchant TEXT NOT NULL,
    state BIGINT NOT NULL, code BIGINT NOT NULL, origin BIGINT NOT NULL, detail BIGINT NOT NULL,
    payment BLOB NOT NULL, evidence BLOB NOT NULL, opened_at BIGINT NOT NULL,
    closed_at BIGINT NOT NULL, keys BIGINT NOT NULL, facts TEXT NOT NULL)
    WITHOUT ROWID;
CREATE INDEX incidents_time ON incidents (opened_at, id);
CREATE INDEX incidents_terminal ON incidents (terminal, opened_at);
CREATE INDEX incidents_keys ON incidents (id) WHERE keys = 1;

CREATE TABLE commands (
    terminal TEXT NOT NULL, number BIGINT NOT NULL, id BLOB NOT NULL, action BIGINT NOT NULL,
    state BIGINT NOT NULL, issued_at BIGINT NOT NULL, not_after BIGINT NOT NULL,
    done_at BIGINT NOT NULL, PRIMARY KEY (terminal, number)) WITHOUT ROWID;

CREATE TABLE policies (
    version BIGINT NOT NULL PRIMARY KEY, text TEXT NOT NULL, signature BLOB NOT NULL,
    uploaded_at BIGINT NOT NULL, activated_at BIGINT NOT NULL) WITHOUT ROWID;

CREATE TABLE webhooks (
    id BLOB NOT NULL PRIMARY KEY, url TEXT NOT NULL, topics TEXT NOT NULL, secret BLOB NOT NULL,
    created_at BIGINT NOT NULL, disabled_at BIGINT NOT NULL) WITHOUT ROWID;
CREATE TABLE deliveries (
    webhook BLOB NOT NULL, sequence BIGINT NOT NULL, topic TEXT NOT NULL, body TEXT NOT NULL,
    created_at BIGINT NOT NULL, state BIGINT NOT NULL, attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL, last_status BIGINT NOT NULL,
    PRIMARY KEY (webhook, sequence)) WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (next_at, webhook, sequence) WHERE state = 1;

CREATE TABLE registry (
    terminal TEXT NOT NULL PRIMARY KEY, serial TEXT NOT NULL, acquirer TEXT NOT NULL,
    merchant TEXT NOT NULL, licence BLOB NOT NULL, account BLOB NOT NULL, address TEXT NOT NULL,
    placed BIGINT NOT NULL, latitude_e6 BIGINT NOT NULL, longitude_e6 BIGINT NOT NULL,
    model TEXT NOT NULL, status BIGINT NOT NULL, version BIGINT NOT NULL,
    changed_at BIGINT NOT NULL) WITHOUT ROWID;
CREATE UNIQUE INDEX registry_serial ON registry (serial);
CREATE TABLE registry_history (
    terminal TEXT NOT NULL, serial TEXT NOT NULL, acquirer TEXT NOT NULL,
    merchant TEXT NOT NULL, licence BLOB NOT NULL, account BLOB NOT NULL, address TEXT NOT NULL,
    placed BIGINT NOT NULL, latitude_e6 BIGINT NOT NULL, longitude_e6 BIGINT NOT NULL,
    model TEXT NOT NULL, status BIGINT NOT NULL, version BIGINT NOT NULL,
    changed_at BIGINT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (terminal, version))
    WITHOUT ROWID;

ALTER TABLE terminals ADD COLUMN serial TEXT NOT NULL DEFAULT '';
)";

// What a challenge waits for besides its answer. A challenge lives for two minutes: whoever updates
// in between asks for a new one.
constexpr const char* trust_step_3 = R"(
DELETE FROM nonces;
ALTER TABLE nonces ADD COLUMN proof BLOB NOT NULL DEFAULT x'';
ALTER TABLE nonces ADD COLUMN asked BLOB NOT NULL DEFAULT x'';
)";

// One trial at a time: two would answer for each other's drift.
constexpr const char* trial_tables = R"(
CREATE TABLE trials (
    id BLOB NOT NULL PRIMARY KEY, state BIGINT NOT NULL, policy_version BIGINT NOT NULL,
    app_version BIGINT NOT NULL, sdk_version BIGINT NOT NULL, share_per_mille BIGINT NOT NULL,
    promotes BIGINT NOT NULL, started_at BIGINT NOT NULL, ended_at BIGINT NOT NULL,
    reason TEXT NOT NULL, others_payments BIGINT NOT NULL, others_approved BIGINT NOT NULL,
    others_attestations BIGINT NOT NULL, others_failed BIGINT NOT NULL,
    canaries_payments BIGINT NOT NULL, canaries_approved BIGINT NOT NULL,
    canaries_attestations BIGINT NOT NULL, canaries_failed BIGINT NOT NULL) WITHOUT ROWID;
CREATE UNIQUE INDEX trials_running ON trials (state) WHERE state = 1;
CREATE INDEX trials_time ON trials (started_at, id);
)";

}  // namespace softpos::store
