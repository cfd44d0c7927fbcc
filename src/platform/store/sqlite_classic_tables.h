// Tables of classic terminals, and a day's movements in their order. Internal to the store.
#pragma once

namespace softpos::store {

constexpr const char* classic_tables = R"(
CREATE TABLE classic_terminals (
    terminal TEXT NOT NULL PRIMARY KEY, merchant TEXT NOT NULL, purchase BIGINT NOT NULL,
    void_sale BIGINT NOT NULL, refund BIGINT NOT NULL, amount_max_minor BIGINT NOT NULL,
    batch BIGINT NOT NULL) WITHOUT ROWID;
)";

// A comparison reads a day in the order of its keys, and a table is in another: everything that it
// asks for stands in the index.
constexpr const char* day_indexes = R"(
DROP INDEX payments_day;
CREATE INDEX payments_day ON payments
    (settlement_date, terminal, stan, rrn, state, kind, merchant, amount_minor)
    WHERE settlement_date > 0;
DROP INDEX network_messages_day;
CREATE INDEX network_messages_day ON network_messages
    (settlement_date, terminal, stan, rrn, direction, merchant, amount_minor)
    WHERE settlement_date > 0;
)";

}  // namespace softpos::store
