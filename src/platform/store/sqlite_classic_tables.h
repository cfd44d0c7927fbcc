// Tables of classic terminals. Internal to the store.
#pragma once

namespace softpos::store {

constexpr const char* classic_tables = R"(
CREATE TABLE classic_terminals (
    terminal TEXT NOT NULL PRIMARY KEY, merchant TEXT NOT NULL, purchase BIGINT NOT NULL,
    void_sale BIGINT NOT NULL, refund BIGINT NOT NULL, amount_max_minor BIGINT NOT NULL,
    batch BIGINT NOT NULL) WITHOUT ROWID;
)";

}  // namespace softpos::store
