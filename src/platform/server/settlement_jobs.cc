// Each job reads what it needs, decides by the pure rules of pay, and writes in one commit.
#include "platform/server/settlement_jobs.h"

#include "base/log.h"
#include "base/pan.h"
#include "crypto/hash.h"
#include "platform/channel/clearing_file.h"
#include "platform/channel/payout_file.h"
#include "platform/channel/wallet/bill.h"
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
using store::CounterpartyDay;

constexpr std::uint32_t settle_ms = 20'000;
constexpr std::size_t exceptions_max = 10'000;
constexpr std::size_t lines_max = 2'000'000;

std::string proof_name(const CounterpartyDay& day) {
    return "proved/" + day_name(day);
}

std::string bill_name(const CounterpartyDay& day) {
    return "bill/" + day_name(day);
}

std::unexpected<Error> busy() {
    return fail(ErrorKind::conflict, "settlement: another job is running");
}

// Where the merchant's rows live: a wallet's line names our payment, and that names the shard.
pay::Shard shard_for(const ClearingRecord& record) {
    const auto payment = Id128::parse(record.key.rrn);
    const bool ours = payment && pay::shard_of(*payment) < pay::shard_count;
    return ours ? pay::shard_of(*payment) : pay::shard_of(record.merchant);
}

std::uint32_t number_of(std::string_view digits) {
    std::uint32_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

// One of the three sides, page by page.
using Side = Result<std::vector<ClearingRecord>> (store::Reader::*)(const CounterpartyDay&,
                                                                    const store::ClearingPage&);
pay::ClearingSource pages_of(store::Reader& reader, Side side, const CounterpartyDay& day) {
    struct Pages {
        std::vector<ClearingRecord> rows;
        std::size_t next = 0;
        store::ClearingPage page;
        bool more = true;
    };
    const auto pages = std::make_shared<Pages>();
    return [&reader, side, day, pages]() -> Result<std::optional<ClearingRecord>> {
        if (pages->next == pages->rows.size() && pages->more) {
            pages->rows = TRY((reader.*side)(day, pages->page));
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

Literal literal_of(std::string_view counterparty) {
    const auto channel = pay::wallet_channel(counterparty);
    if (!channel) return "network";
    switch (*channel) {
        case pay::WalletChannel::alipay:
            return "alipay";
        case pay::WalletChannel::wechat:
            return "wechat";
        case pay::WalletChannel::unionpay:
            break;
    }
    return "unionpay";
}

// Which of our payments a line is about, where it is one of ours.
Result<ClearingRecord> record_of(store::Reader& reader, const CounterpartyDay& day,
                                 const wallet::BillRow& row) {
    constexpr std::uint32_t void_kind = 1, refund_kind = 2;
    ClearingRecord record{.key = {.settlement_date = day.date, .terminal = day.counterparty}};
    record.key.rrn = row.order;
    record.merchant = row.shop;
    record.amount_minor = row.gives_back ? -row.amount_minor : row.amount_minor;
    record.fee_minor = row.fee_minor;
    if (!row.gives_back) return record;
    record.key.stan = refund_kind;
    if (const auto back = Id128::parse(row.back_number)) {
        const auto trade = TRY(reader.wallet_trade(*back));
        if (trade && trade->kind != pay::PaymentKind::purchase) {
            record.key.stan = trade->kind == pay::PaymentKind::refund ? refund_kind : void_kind;
            record.key.rrn = row.back_number;
            record.merchant = trade->merchant;
            return record;
        }
    }
    const auto order = Id128::parse(row.order);
    if (const auto voided = order ? TRY(reader.wallet_void_of(*order)) : std::nullopt) {
        record.key.stan = void_kind;
        record.key.rrn = voided->id.text();
        record.merchant = voided->merchant;
    } else if (!row.back_number.empty()) {
        record.key.rrn = row.back_number;
    }
    return record;
}

// Paid and given back within the bill, and by our books never paid: what was cancelled too late for
// the payer not to have paid, but in time for nobody to have got anything.
Result<void> find_undone(store::Reader& reader, std::vector<store::BillLine>& lines,
                         const std::map<std::string, std::vector<std::size_t>>& backs) {
    std::map<std::string_view, std::size_t> sales;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const auto& key = lines[i].record.key;
        if (key.stan == 0 && backs.contains(key.rrn)) sales.emplace(key.rrn, i);
    }
    for (const auto& [order, given_back] : backs) {
        const auto sale = sales.find(order);
        const auto id = Id128::parse(order);
        if (sale == sales.end() || !id) continue;
        const auto trade = TRY(reader.wallet_trade(*id));
        std::int64_t sum = lines[sale->second].record.amount_minor;
        for (const std::size_t at : given_back) sum += lines[at].record.amount_minor;
        if (!trade || trade->state == pay::TradeState::paid || sum != 0) continue;
        lines[sale->second].undone = true;
        for (const std::size_t at : given_back) lines[at].undone = true;
    }
    return {};
}

Result<std::vector<store::BillLine>> bill_lines(store::Reader& reader, const CounterpartyDay& day,
                                                Bytes file) {
    const auto channel = pay::wallet_channel(day.counterparty);
    if (!channel) return fail(ErrorKind::not_found, "bill: no such wallet");
    std::vector<store::BillLine> lines;
    std::map<std::string, std::vector<std::size_t>> backs;  // By the payment's number.
    const auto take = [&](const wallet::BillRow& row) -> Result<void> {
        if (row.date != 0 && row.date != day.date.yyyymmdd) {
            return fail(ErrorKind::malformed, "bill: of another day", row.line);
        }
        if (row.gives_back) backs[row.order].push_back(lines.size());
        lines.push_back({.line = row.line, .record = TRY(record_of(reader, day, row))});
        return {};
    };
    TRY_VOID(wallet::read_bill(*channel, file, take));
    TRY_VOID(find_undone(reader, lines, backs));
    return lines;
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
    const auto answered_now = [&] {
        return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    };
    if (parts_.meanwhile) {
        parts_.meanwhile(answered_now, settle_ms);
    } else {
        (void)future.wait_for(std::chrono::milliseconds(settle_ms));
    }
    if (!answered_now()) {
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

Result<ClearingImport> SettlementJobs::import_bill(const CounterpartyDay& day, Bytes file) {
    const std::unique_lock one(running_, std::try_to_lock);
    if (!one) return busy();
    std::vector<store::BillLine> lines;
    TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
        lines = TRY(bill_lines(reader, day, file));
        return {};
    }));
    ClearingImport result;
    for (const store::BillLine& line : lines) {
        result.net_minor += line.record.amount_minor;
        result.fee_minor += line.record.fee_minor;
        if (line.undone) ++result.undone;
    }
    result.lines = static_cast<std::int64_t>(lines.size());
    TRY_VOID(parts_.store.run([&](store::Tx& tx) -> Result<void> {
        TRY_VOID(tx.replace_bill(day, lines));
        return tx.set(bill_name(day), std::to_string(lines.size()));
    }));
    return result;
}

Result<ReconciliationOutcome> SettlementJobs::compare(const CounterpartyDay& day,
                                                      std::vector<ClearingRecord>& carried,
                                                      MoneyByShard& money) {
    ReconciliationOutcome outcome;
    const Instant now = parts_.clock.now();
    TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
        for (const auto& exception : TRY(reader.exceptions(day_before(day)))) {
            const bool waits = exception.item.kind == pay::ReconciliationKind::cross_day;
            if (waits) carried.push_back(pay::carried_record(exception.item));
        }
        const auto file = pages_of(reader, &store::Reader::cleared, day);
        const pay::ReconciliationInput input{
            .date = day.date,
            .counterparty = day.counterparty,
            .ours =
                pay::with_carried(carried, day.date, pages_of(reader, &store::Reader::booked, day)),
            .log = pages_of(reader, &store::Reader::answered, day),
            .file = [&]() -> Result<std::optional<ClearingRecord>> {
                auto record = TRY(file());
                if (record) {
                    FileMoney& sums = money[shard_for(*record)];
                    sums.gross_minor += record->amount_minor;
                    sums.fees_minor += record->fee_minor;
                }
                return record;
            }};
        outcome.report = TRY(pay::reconcile(
            input, pay::Report::exceptions,
            [&](const pay::ReconciliationItem& item) -> Result<void> {
                if (outcome.exceptions.size() == exceptions_max) {
                    return fail(ErrorKind::denied, "reconciliation: too many exceptions");
                }
                outcome.exceptions.push_back({.date = day.date, .item = item, .found_at = now});
                return {};
            }));
        // A wallet's bill may be empty, the network's file is not where something was sold.
        const bool card = day.counterparty == pay::card_network;
        const bool there = card ? outcome.report.file_count != 0 || outcome.report.ours_count == 0
                                : TRY(reader.setting(bill_name(day))).has_value();
        if (there) return {};
        return fail(ErrorKind::conflict, "reconciliation: no file of that day yet");
    }));
    return outcome;
}

Result<ReconciliationOutcome> SettlementJobs::reconcile(const CounterpartyDay& day) {
    const std::unique_lock one(running_, std::try_to_lock);
    if (!one) return busy();
    MoneyByShard money;
    std::vector<ClearingRecord> carried;
    ReconciliationOutcome outcome = TRY(compare(day, carried, money));
    TRY_VOID(parts_.store.run([&](store::Tx& tx) -> Result<void> {
        DayBooks books = TRY(DayBooks::open(tx, day));
        TRY_VOID(books.book_differences(outcome.exceptions));
        TRY_VOID(books.end_waiting(carried));
        TRY_VOID(tx.put(outcome.report, outcome.exceptions));
        // What the account says, apart from the money itself.
        outcome.receivable_minor = TRY(tx.receivable(day)).debit_net();
        outcome.receivable_minor += TRY(books.book_money(money));
        outcome.proved = clearing_proves(outcome.report, outcome.receivable_minor);
        return tx.set(proof_name(day), outcome.proved ? "yes" : "no");
    }));
    log(outcome.proved ? LogLevel::info : LogLevel::warning, "day reconciled",
        {{"date", std::int64_t{day.date.yyyymmdd}},
         {"with", literal_of(day.counterparty)},
         {"exceptions", static_cast<std::int64_t>(outcome.exceptions.size())},
         {"proved", outcome.proved ? Literal("yes") : Literal("no")}});
    return outcome;
}

Result<std::vector<std::string>> SettlementJobs::counterparties(BusinessDate date) {
    std::vector<std::string> names;
    TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
        names = TRY(reader.counterparties(date));
        for (const auto channel : pay::wallet_channels) {
            const CounterpartyDay day{date, std::string(name_of(channel))};
            if (std::ranges::find(names, day.counterparty) != names.end()) continue;
            for (const auto& exception : TRY(reader.exceptions(day_before(day)))) {
                if (exception.item.kind != pay::ReconciliationKind::cross_day) continue;
                names.push_back(day.counterparty);
                break;
            }
        }
        return {};
    }));
    return names;
}

Result<bool> SettlementJobs::proved(const CounterpartyDay& day) {
    bool proved = false;
    TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
        proved = TRY(reader.setting(proof_name(day))).value_or("") == "yes";
        return {};
    }));
    return proved;
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
    std::vector<std::string> needed = TRY(counterparties(date));
    if (needed.empty()) needed.emplace_back(pay::card_network);
    for (const std::string& name : needed) {
        if (TRY(proved({date, name}))) continue;
        return fail(ErrorKind::conflict, "payout: the day is not reconciled and proved");
    }
    std::vector<pay::MerchantDay> days;
    TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
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
