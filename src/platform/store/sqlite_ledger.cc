// Transfers, balances and payouts.
#include "platform/store/sqlite_tx.h"

#include <algorithm>

namespace softpos::store {
namespace {

using pay::AccountCode;
using pay::Balance;
using pay::BalanceKey;
using pay::BusinessDate;
using pay::Transfer;

std::int64_t number(AccountCode code) {
    return static_cast<std::int64_t>(code);
}

void accumulate(Balance& to, const Balance& change) {
    to.debits_minor += change.debits_minor;
    to.credits_minor += change.credits_minor;
}

pay::AccountId account(AccountCode code, pay::Shard shard, std::string_view owner) {
    pay::AccountId id{.code = code, .shard = shard};
    std::ranges::copy(owner.substr(0, id.owner.size()), id.owner.begin());
    return id;
}

Balance read_balance(Query& row) {
    Balance balance;
    balance.debits_minor = row.number();
    balance.credits_minor = row.number();
    return balance;
}

Result<Balance> sum(Query& query) {
    return TRY(one(query, read_balance)).value_or(Balance{});
}

Transfer read_transfer(Query& row, const Id128& source) {
    const pay::Shard shard = pay::shard_of(source);
    Transfer transfer{.source = source};
    transfer.code = row.whole<pay::TransferCode>();
    const auto debit = row.whole<AccountCode>();
    transfer.debit = account(debit, shard, row.text());
    const auto credit = row.whole<AccountCode>();
    transfer.credit = account(credit, shard, row.text());
    transfer.amount_minor = row.number();
    transfer.settlement_date = {row.whole<std::uint32_t>()};
    return transfer;
}

pay::Payout read_payout(Query& row) {
    pay::Payout payout;
    payout.id = row.id();
    payout.merchant = row.text();
    payout.settlement_date = {row.whole<std::uint32_t>()};
    payout.amount_minor = row.number();
    payout.state = row.whole<pay::PayoutState>();
    payout.created_at = {row.number()};
    return payout;
}

}  // namespace

void BalanceChanges::add(const Transfer& transfer) {
    now_[{transfer.debit, transfer.settlement_date}].debits_minor += transfer.amount_minor;
    now_[{transfer.credit, transfer.settlement_date}].credits_minor += transfer.amount_minor;
}

void BalanceChanges::keep() {
    for (const auto& [key, change] : now_) accumulate(kept_[key], change);
    now_.clear();
}

void BalanceChanges::clear() {
    kept_.clear();
    now_.clear();
}

Result<void> BalanceChanges::write(Connection& connection) const {
    for (const auto& [key, change] : kept_) {
        const auto bind_key = [&](Query& query) {
            query << key.account.shard << number(key.account.code) << key.account.owner_text()
                  << key.date.yyyymmdd;
        };
        {
            Query query(connection,
                        "UPDATE balances SET debits_minor = debits_minor + ?,"
                        " credits_minor = credits_minor + ?"
                        " WHERE shard = ? AND code = ? AND owner = ? AND settlement_date = ?");
            query << change.debits_minor << change.credits_minor;
            bind_key(query);
            TRY_VOID(query.run());
        }
        if (connection.changes() != 0) continue;
        Query query(connection,
                    "INSERT INTO balances (shard, code, owner, settlement_date, debits_minor,"
                    " credits_minor) VALUES (?, ?, ?, ?, ?, ?)");
        bind_key(query);
        query << change.debits_minor << change.credits_minor;
        TRY_VOID(query.run());
    }
    return {};
}

Reader::List<Transfer> SqliteTx::transfers_of(const Id128& source) {
    Query query(connection_,
                "SELECT code, debit_code, debit_owner, credit_code, credit_owner, amount_minor,"
                " settlement_date FROM transfers WHERE shard = ? AND source = ? ORDER BY code");
    query << pay::shard_of(source) << source;
    return all(query, [&](Query& row) { return read_transfer(row, source); });
}

Result<void> SqliteTx::insert_transfer(const Transfer& transfer) {
    TRY_VOID(pay::check(transfer));
    const pay::Shard shard = pay::shard_of(transfer.source);
    if (transfer.debit.shard != shard) {
        return fail(ErrorKind::internal, "a transfer's source is of another shard");
    }
    {
        Query query(connection_,
                    "INSERT INTO transfers (shard, source, code, debit_code, debit_owner,"
                    " credit_code, credit_owner, amount_minor, settlement_date)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
        query << shard << transfer.source << static_cast<std::int64_t>(transfer.code)
              << number(transfer.debit.code) << transfer.debit.owner_text()
              << number(transfer.credit.code) << transfer.credit.owner_text()
              << transfer.amount_minor << transfer.settlement_date.yyyymmdd;
        TRY_VOID(query.run());
    }
    if (connection_.changes() != 0) {
        changes_.add(transfer);
        return {};
    }
    const auto there = TRY(transfers_of(transfer.source));
    if (std::ranges::find(there, transfer) != there.end()) return {};
    return fail(ErrorKind::conflict, "another transfer has that source and code");
}

Result<void> SqliteTx::post(std::span<const Transfer> transfers) {
    for (const Transfer& transfer : transfers) TRY_VOID(insert_transfer(transfer));
    return {};
}

Result<Balance> SqliteTx::balance(const BalanceKey& key) {
    Query query(connection_,
                "SELECT debits_minor, credits_minor FROM balances"
                " WHERE shard = ? AND code = ? AND owner = ? AND settlement_date = ?");
    query << key.account.shard << number(key.account.code) << key.account.owner_text()
          << key.date.yyyymmdd;
    Balance balance = TRY(sum(query));
    changes_.each(key.account.code, [&](const BalanceKey& changed, const Balance& change) {
        if (changed == key) accumulate(balance, change);
    });
    return balance;
}

Result<Balance> SqliteTx::balance(const pay::AccountId& account) {
    Query query(connection_,
                "SELECT COALESCE(SUM(debits_minor), 0), COALESCE(SUM(credits_minor), 0)"
                " FROM balances WHERE shard = ? AND code = ? AND owner = ?");
    query << account.shard << number(account.code) << account.owner_text();
    Balance balance = TRY(sum(query));
    changes_.each(account.code, [&](const BalanceKey& changed, const Balance& change) {
        if (changed.account == account) accumulate(balance, change);
    });
    return balance;
}

Result<Balance> SqliteTx::balance(AccountCode code, BusinessDate date) {
    Query query(connection_,
                "SELECT COALESCE(SUM(debits_minor), 0), COALESCE(SUM(credits_minor), 0)"
                " FROM balances WHERE code = ? AND settlement_date = ?");
    query << number(code) << date.yyyymmdd;
    Balance balance = TRY(sum(query));
    changes_.each(code, [&](const BalanceKey& changed, const Balance& change) {
        if (changed.date == date) accumulate(balance, change);
    });
    return balance;
}

Result<Balance> SqliteTx::receivable(const CounterpartyDay& day) {
    const pay::AccountId owed = pay::receivable_account(day.counterparty, 0);
    Query query(connection_,
                "SELECT COALESCE(SUM(debits_minor), 0), COALESCE(SUM(credits_minor), 0)"
                " FROM balances WHERE code = ? AND settlement_date = ? AND owner = ?");
    query << number(owed.code) << day.date.yyyymmdd << day.counterparty;
    Balance balance = TRY(sum(query));
    changes_.each(owed.code, [&](const BalanceKey& changed, const Balance& change) {
        const bool same = changed.date == day.date && changed.account.owner == owed.owner;
        if (same) accumulate(balance, change);
    });
    return balance;
}

// A question of reports: sees what is durable.
Reader::List<std::string> SqliteTx::counterparties(BusinessDate date) {
    Query query(connection_,
                "SELECT DISTINCT owner FROM balances WHERE code IN (?, ?) AND settlement_date = ?"
                " ORDER BY owner");
    query << number(AccountCode::network_receivable) << number(AccountCode::wallet_receivable)
          << date.yyyymmdd;
    return all(query, [](Query& row) { return row.text(); });
}

Result<pay::Balances> SqliteTx::balances() {
    pay::Balances balances;
    {
        Query query(connection_,
                    "SELECT shard, code, owner, settlement_date, debits_minor, credits_minor"
                    " FROM balances");
        while (TRY(query.step())) {
            const auto shard = query.whole<pay::Shard>();
            const auto code = query.whole<AccountCode>();
            const auto id = account(code, shard, query.text());
            const BusinessDate date{query.whole<std::uint32_t>()};
            balances[{id, date}] = read_balance(query);
        }
    }
    using enum AccountCode;
    for (const AccountCode code :
         {network_receivable, wallet_receivable, bank, suspense_short, merchant_payable,
          upstream_fee_payable, reserve, suspense_long, fee_income}) {
        changes_.each(code, [&](const BalanceKey& changed, const Balance& change) {
            accumulate(balances[changed], change);
        });
    }
    return balances;
}

// A question of reports: sees what is durable, not what the open batch is about to write.
Reader::List<pay::MerchantDay> SqliteTx::merchant_days(BusinessDate date, const TextPage& page) {
    std::vector<pay::MerchantDay> days;
    {
        Query query(connection_,
                    "SELECT owner, debits_minor, credits_minor FROM balances"
                    " WHERE code = ? AND settlement_date = ? AND owner > ? ORDER BY owner LIMIT ?");
        query << number(AccountCode::merchant_payable) << date.yyyymmdd << page.after
              << rows_of(page.rows_max);
        days = TRY(all(query, [](Query& row) {
            pay::MerchantDay day{.merchant = row.text()};
            day.day = read_balance(row);
            return day;
        }));
    }
    for (pay::MerchantDay& day : days) {
        day.total =
            TRY(balance(pay::merchant_account(AccountCode::merchant_payable, day.merchant)));
    }
    return days;
}

Result<merchant::Usage> SqliteTx::usage(std::string_view merchant, BusinessDate date) {
    const auto payable = pay::merchant_account(AccountCode::merchant_payable, merchant);
    const std::uint32_t month_first = date.yyyymmdd / 100 * 100;
    merchant::Usage usage;
    {
        Query query(connection_,
                    "SELECT settlement_date, credits_minor FROM balances WHERE shard = ?"
                    " AND code = ? AND owner = ? AND settlement_date BETWEEN ? AND ?");
        query << payable.shard << number(payable.code) << merchant << month_first
              << month_first + 99;
        while (TRY(query.step())) {
            const bool same_day = query.whole<std::uint32_t>() == date.yyyymmdd;
            const std::int64_t credits = query.number();
            usage.month_minor += credits;
            if (same_day) usage.day_minor += credits;
        }
    }
    changes_.each(payable.code, [&](const BalanceKey& changed, const Balance& change) {
        if (changed.account != payable || changed.date.yyyymmdd / 100 * 100 != month_first) return;
        usage.month_minor += change.credits_minor;
        if (changed.date == date) usage.day_minor += change.credits_minor;
    });
    // Answered out of payments_in_flight alone, however many payments the merchant has.
    Query query(connection_,
                "SELECT COALESCE(SUM(amount_minor), 0) FROM payments WHERE shard = ?"
                " AND state IN (1, 2, 5, 6) AND kind = 1 AND merchant = ?");
    query << payable.shard << merchant;
    if (!TRY(query.step())) return usage;
    const std::int64_t in_flight = query.number() + TRY(wallet_in_flight(merchant));
    usage.day_minor += in_flight;
    usage.month_minor += in_flight;
    return usage;
}

Reader::Found<pay::Payout> SqliteTx::payout(const Id128& id) {
    Query query(connection_,
                "SELECT id, merchant, settlement_date, amount_minor, state, created_at"
                " FROM payouts WHERE shard = ? AND id = ?");
    query << pay::shard_of(id) << id;
    return one(query, read_payout);
}

Reader::List<pay::Payout> SqliteTx::payouts_on(BusinessDate date, const IdPage& page) {
    Query query(connection_,
                "SELECT id, merchant, settlement_date, amount_minor, state, created_at"
                " FROM payouts WHERE settlement_date = ? AND id > ? ORDER BY id LIMIT ?");
    query << date.yyyymmdd << page.after << rows_of(page.rows_max);
    return all(query, read_payout);
}

Result<void> SqliteTx::insert(const pay::Payout& payout) {
    Query query(connection_,
                "INSERT INTO payouts (shard, id, merchant, settlement_date, amount_minor, state,"
                " created_at) VALUES (?, ?, ?, ?, ?, ?, ?)");
    query << pay::shard_of(payout.id) << payout.id << payout.merchant
          << payout.settlement_date.yyyymmdd << payout.amount_minor
          << static_cast<std::int64_t>(payout.state) << payout.created_at.unix_ms;
    return query.run();
}

Result<void> SqliteTx::update(const pay::Payout& payout) {
    Query query(connection_, "UPDATE payouts SET state = ? WHERE shard = ? AND id = ?");
    query << static_cast<std::int64_t>(payout.state) << pay::shard_of(payout.id) << payout.id;
    return touch(connection_, query);
}

}  // namespace softpos::store
