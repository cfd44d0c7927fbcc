// Classic terminals: what they may do, and their batches.
#include "platform/store/sqlite_tx.h"

namespace softpos::store {

Reader::Found<ClassicRow> SqliteTx::classic(std::string_view terminal) {
    Query query(connection_,
                "SELECT terminal, merchant, purchase, void_sale, refund, amount_max_minor, batch"
                " FROM classic_terminals WHERE terminal = ?");
    query << terminal;
    return one(query, [](Query& row) {
        ClassicRow classic;
        classic.terminal = row.text();
        classic.merchant = row.text();
        classic.purchase = row.number() != 0;
        classic.void_sale = row.number() != 0;
        classic.refund = row.number() != 0;
        classic.amount_max_minor = row.number();
        classic.batch = row.whole<std::uint32_t>();
        return classic;
    });
}

Result<void> SqliteTx::insert(const ClassicRow& classic) {
    Query query(connection_, "INSERT INTO classic_terminals VALUES (?, ?, ?, ?, ?, ?, ?)");
    query << classic.terminal << classic.merchant << std::int64_t{classic.purchase}
          << std::int64_t{classic.void_sale} << std::int64_t{classic.refund}
          << classic.amount_max_minor << classic.batch;
    return query.run();
}

Result<void> SqliteTx::update(const ClassicRow& classic) {
    Query query(connection_,
                "UPDATE classic_terminals SET purchase = ?, void_sale = ?, refund = ?,"
                " amount_max_minor = ?, batch = ? WHERE terminal = ? AND batch <= ?");
    query << std::int64_t{classic.purchase} << std::int64_t{classic.void_sale}
          << std::int64_t{classic.refund} << classic.amount_max_minor << classic.batch
          << classic.terminal << classic.batch;
    return touch(connection_, query);
}

}  // namespace softpos::store
