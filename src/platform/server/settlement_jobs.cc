// Each job reads what it needs, decides by the pure rules of pay, and writes in one commit.
#include "platform/server/settlement_jobs.h"

#include "base/log.h"
#include "base/pan.h"
#include "crypto/hash.h"
#include "platform/channel/clearing_file.h"
#include "platform/channel/payout_file.h"
#include "platform/pay/settlement.h"
#include "platform/pay/shard.h"

#include <algorithm>
#include <charconv>
#include <future>
#include <map>
#include <set>
#include <utility>

namespace softpos::server {
namespace {

using channel::ClearingColumn;
using pay::BusinessDate;
using pay::ClearingRecord;

constexpr auto settle_wait = std::chrono::seconds(20);
constexpr std::size_t exceptions_max = 10'000;
constexpr std::size_t lines_max = 2'000'000;

std::string proof_name(BusinessDate date) {
    return "proved/" + std::to_string(date.yyyymmdd);
}

std::unexpected<Error> busy() {
    return fail(ErrorKind::conflict, "settlement: another job is running");
}

// The same item always gets the same id, so that a second run books nothing twice.
Id128 id_for(std::string_view merchant, std::string_view what) {
    const auto digest = crypto::sha256(bytes_of(what));
    const pay::Shard shard = pay::shard_of(merchant);
    Id128 id;
    std::copy_n(digest.begin(), id.bytes.size(), id.bytes.begin());
    id.bytes[0] = static_cast<std::uint8_t>(shard >> 8);
    id.bytes[1] = static_cast<std::uint8_t>(shard);
    return id;
}

std::string name_of(const pay::ClearingKey& key) {
    return std::to_string(key.settlement_date.yyyymmdd) + "/" + key.terminal + "/" +
           std::to_string(key.stan) + "/" + key.rrn;
}

std::uint32_t number_of(std::string_view digits) {
    std::uint32_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

// One of the three sides, page by page.
using Side = Result<std::vector<ClearingRecord>> (store::Reader::*)(BusinessDate,
                                                                    const store::ClearingPage&);
pay::ClearingSource pages_of(store::Reader& reader, Side side, BusinessDate date) {
    struct Pages {
        std::vector<ClearingRecord> rows;
        std::size_t next = 0;
        store::ClearingPage page;
        bool more = true;
    };
    const auto pages = std::make_shared<Pages>();
    return [&reader, side, date, pages]() -> Result<std::optional<ClearingRecord>> {
        if (pages->next == pages->rows.size() && pages->more) {
            pages->rows = TRY((reader.*side)(date, pages->page));
            pages->next = 0;
            pages->more = pages->rows.size() == pages->page.rows_max;
            if (!pages->rows.empty()) pages->page.after = pages->rows.back().key;
        }
        if (pages->next == pages->rows.size()) return std::nullopt;
        return pages->rows[pages->next++];
    };
}

store::ClearingLine line_of(const channel::ClearingRow& row, BusinessDate date,
                            std::string_view file, std::uint32_t number) {
    const bool back = row.gives_back();
    const std::int64_t fee =
        row.fee_minor(ClearingColumn::fee_payable) + row.fee_minor(ClearingColumn::switch_fee);
    store::ClearingLine line;
    line.file = file;
    line.line = number;
    line.masked_pan = mask_pan(row.at(ClearingColumn::pan));
    line.record.key = {.settlement_date = date,
                       .terminal = row.at(ClearingColumn::terminal),
                       .stan = number_of(row.at(ClearingColumn::trace)),
                       .rrn = row.at(ClearingColumn::reference)};
    line.record.merchant = row.at(ClearingColumn::merchant);
    line.record.amount_minor = back ? -row.amount_minor() : row.amount_minor();
    // What the network keeps: payable is negative for us, receivable gives it back.
    line.record.fee_minor = -fee - row.fee_minor(ClearingColumn::fee_receivable);
    return line;
}

}  // namespace

Result<BatchOutcome> SettlementJobs::settle_batch(const TerminalRef& terminal,
                                                  std::uint32_t batch) {
    pay::BatchTotals totals;
    TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
        for (const auto& payment : TRY(reader.payments_in_batch(terminal.terminal, batch))) {
            TRY_VOID(add_to_batch(payment, totals));
        }
        return {};
    }));
    const auto answered = std::make_shared<std::promise<Result<bool>>>();
    auto future = answered->get_future();
    // A network that does not know the terminal today does not settle with it.
    Upstream* const upstream = &parts_.upstream;
    upstream->prepare(terminal, [=](const Result<void>& ready) {
        if (!ready) return answered->set_value(std::unexpected(ready.error()));
        upstream->settle_batch(terminal, batch, totals,
                               [answered](Result<bool> same) { answered->set_value(same); });
    });
    if (future.wait_for(settle_wait) != std::future_status::ready) {
        return fail(ErrorKind::unavailable, "settlement: the network does not answer",
                    detail_of(SendFailure::network));
    }
    BatchOutcome outcome;
    outcome.terminal = terminal.terminal;
    outcome.batch = batch;
    outcome.debit_minor = totals.debit_minor;
    outcome.debit_count = totals.debit_count;
    outcome.credit_minor = totals.credit_minor;
    outcome.credit_count = totals.credit_count;
    outcome.balanced = TRY(future.get());
    // The next payment signs in again, and so gets the batch that the network has open then.
    parts_.upstream.sign_out(terminal.terminal, [] {});
    return outcome;
}

Result<std::vector<BatchOutcome>> SettlementJobs::settle(BusinessDate date) {
    const std::unique_lock one(running_, std::try_to_lock);
    if (!one) return busy();
    std::set<std::pair<std::pair<std::string, std::string>, std::uint32_t>> batches;
    store::IdPage page{.after = {}, .rows_max = store::page_rows_max};
    TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
        for (bool more = true; more;) {
            const auto payments = TRY(reader.payments_on(date, page));
            more = payments.size() == page.rows_max;
            if (!payments.empty()) page.after = payments.back().id;
            for (const auto& payment : payments) {
                batches.insert({{payment.terminal, payment.merchant}, payment.batch});
            }
        }
        return {};
    }));
    std::vector<BatchOutcome> outcomes;
    for (const auto& [who, batch] : batches) {
        outcomes.push_back(TRY(settle_batch({who.first, who.second}, batch)));
    }
    return outcomes;
}

// The whole file is read before a line of it is kept.
Result<ClearingImport> SettlementJobs::import_clearing(BusinessDate date,
                                                       std::string_view file_name,
                                                       std::string_view text) {
    const std::unique_lock one(running_, std::try_to_lock);
    if (!one) return busy();
    std::vector<store::ClearingLine> lines;
    ClearingImport result;
    std::uint32_t number = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty()) continue;
        if (lines.size() == lines_max) return fail(ErrorKind::denied, "clearing: too many lines");
        const auto row = TRY(channel::parse_clearing_line(line, number));
        lines.push_back(line_of(row, date, file_name, number));
        result.net_minor += lines.back().record.amount_minor;
        result.fee_minor += lines.back().record.fee_minor;
    }
    result.lines = static_cast<std::int64_t>(lines.size());
    TRY_VOID(parts_.store.run([&](store::Tx& tx) -> Result<void> {
        for (const auto& line : lines) TRY_VOID(tx.add(line));
        return {};
    }));
    return result;
}

// Differences to suspense, differences that have gone back out of it, the network's money to the
// bank: each once, however often the day is compared.
Result<void> SettlementJobs::book(store::Tx& tx, ReconciliationOutcome& outcome,
                                  const MoneyByShard& money) const {
    const BusinessDate date = outcome.report.date;
    const auto before = TRY(tx.exceptions(date));
    for (const auto& old : before) {
        const bool still = std::ranges::any_of(outcome.exceptions,
                                               [&](const auto& now) { return now.id == old.id; });
        const std::int64_t difference = old.item.difference_minor();
        if (still || difference == 0) continue;
        const Id128 undo = id_for(old.item.merchant, "undo/" + name_of(old.item.key));
        TRY_VOID(
            tx.post(pay::post_clearing_difference(undo, old.item.merchant, date, -difference)));
    }
    TRY_VOID(tx.put(outcome.report, outcome.exceptions));
    for (const auto& exception : outcome.exceptions) {
        const auto& item = exception.item;
        if (item.difference_minor() == 0) continue;
        TRY_VOID(tx.post(pay::post_clearing_difference(exception.id, item.merchant, date,
                                                       item.difference_minor())));
    }
    // What the account says, apart from money that an earlier run booked as received.
    outcome.receivable_minor =
        TRY(tx.balance(pay::AccountCode::network_receivable, date)).debit_net();
    for (const auto& [shard, sums] : money) {
        Id128 source = id_for({}, "clearing/" + std::to_string(date.yyyymmdd));
        source.bytes[0] = static_cast<std::uint8_t>(shard >> 8);
        source.bytes[1] = static_cast<std::uint8_t>(shard);
        const bool booked = !TRY(tx.transfers_of(source)).empty();
        if (booked) outcome.receivable_minor += sums.gross_minor;
        if (booked || sums.gross_minor <= 0) continue;
        TRY_VOID(tx.post(pay::post_clearing_money({.source = source,
                                                   .shard = shard,
                                                   .date = date,
                                                   .gross_minor = sums.gross_minor,
                                                   .fees_minor = sums.fees_minor})));
    }
    outcome.proved = clearing_proves(outcome.report, outcome.receivable_minor);
    return tx.set(proof_name(date), outcome.proved ? "yes" : "no");
}

Result<ReconciliationOutcome> SettlementJobs::reconcile(BusinessDate date) {
    const std::unique_lock one(running_, std::try_to_lock);
    if (!one) return busy();
    ReconciliationOutcome outcome;
    MoneyByShard money;
    const Instant now = parts_.clock.now();
    TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
        const auto file = pages_of(reader, &store::Reader::cleared, date);
        const pay::ReconciliationInput input{
            .date = date,
            .ours = pages_of(reader, &store::Reader::booked, date),
            .log = pages_of(reader, &store::Reader::answered, date),
            .file = [&]() -> Result<std::optional<ClearingRecord>> {
                auto record = TRY(file());
                if (record) {
                    auto& sums = money[pay::shard_of(record->merchant)];
                    sums.gross_minor += record->amount_minor;
                    sums.fees_minor += record->fee_minor;
                }
                return record;
            },
            // The file of the date is the network's own, so nothing of it is looked for in another.
            .near_cut_over = [](const ClearingRecord&) { return false; }};
        outcome.report = TRY(pay::reconcile(
            input, pay::Report::exceptions,
            [&](const pay::ReconciliationItem& item) -> Result<void> {
                if (outcome.exceptions.size() == exceptions_max) {
                    return fail(ErrorKind::denied, "reconciliation: too many exceptions");
                }
                outcome.exceptions.push_back({.id = id_for(item.merchant, name_of(item.key)),
                                              .date = date,
                                              .item = item,
                                              .found_at = now});
                return {};
            }));
        return {};
    }));
    if (outcome.report.file_count == 0 && outcome.report.ours_count != 0) {
        return fail(ErrorKind::conflict, "reconciliation: no clearing file of that day yet");
    }
    TRY_VOID(
        parts_.store.run([&](store::Tx& tx) -> Result<void> { return book(tx, outcome, money); }));
    log(outcome.proved ? LogLevel::info : LogLevel::warning, "day reconciled",
        {{"date", std::int64_t{date.yyyymmdd}},
         {"exceptions", static_cast<std::int64_t>(outcome.exceptions.size())},
         {"proved", outcome.proved ? Literal("yes") : Literal("no")}});
    return outcome;
}

Result<std::string> SettlementJobs::payout_line(store::Reader& reader, const pay::Payout& payout) {
    const auto merchant = TRY(reader.merchant(payout.merchant));
    if (!merchant) return fail(ErrorKind::not_found, "payout: no such merchant");
    const SecretBytes account = TRY(parts_.numbers.open(merchant->bank_account.sealed));
    return channel::format_payout_line(
        {.merchant = merchant->number,
         .category = merchant->mcc,
         .name = merchant->name,
         .bank = merchant->bank_name,
         .account = std::string(text_of(account.bytes())),
         .holder = merchant->account_holder,
         .region = merchant->region + "00",  // Six digits: the district is not known.
         .amount_minor = payout.amount_minor});
}

// The line for the bank comes first: what cannot be told to a bank is not booked as paid.
Result<void> SettlementJobs::pay_merchant(const pay::MerchantDay& day, BusinessDate date,
                                          PayoutRun& run) {
    std::optional<pay::Payout> payout;
    std::string line;
    bool payable = true;
    TRY_VOID(parts_.store.run([&](store::Tx& tx) -> Result<void> {
        payout = TRY(tx.payout(pay::payout_id(day.merchant, date)));
        const bool paid_before = payout.has_value();
        if (!paid_before) payout = pay::plan_payout(day, date, parts_.clock.now());
        if (!payout) return {};
        auto formatted = payout_line(tx, *payout);
        payable = formatted.has_value();
        if (!payable) {
            log(LogLevel::error, "payout: merchant cannot be paid", formatted.error());
            return {};
        }
        line = *std::move(formatted);
        if (paid_before) return {};
        payout->state = TRY(next_state(payout->state, pay::PayoutEvent::file_written));
        TRY_VOID(tx.insert(*payout));
        return tx.post(pay::post_payout(payout->id, payout->merchant, date, payout->amount_minor));
    }));
    if (!payout) return {};
    if (!payable) {
        run.not_payable.push_back(day.merchant);
        return {};
    }
    run.file += line + "\n";
    run.total_minor += payout->amount_minor;
    run.payouts.push_back(*std::move(payout));
    return {};
}

Result<PayoutRun> SettlementJobs::pay_out(BusinessDate date) {
    const std::unique_lock one(running_, std::try_to_lock);
    if (!one) return busy();
    std::vector<pay::MerchantDay> days;
    TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
        if (TRY(reader.setting(proof_name(date))).value_or("") != "yes") {
            return fail(ErrorKind::conflict, "payout: the day is not reconciled and proved");
        }
        store::TextPage page{.after = {}, .rows_max = store::page_rows_max};
        for (bool more = true; more;) {
            auto part = TRY(reader.merchant_days(date, page));
            more = part.size() == page.rows_max;
            if (!part.empty()) page.after = part.back().merchant;
            std::ranges::move(part, std::back_inserter(days));
        }
        return {};
    }));
    PayoutRun run;
    for (const auto& day : days) TRY_VOID(pay_merchant(day, date, run));
    return run;
}

}  // namespace softpos::server
