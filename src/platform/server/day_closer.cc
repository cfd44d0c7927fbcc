// open -> settled (its time has come) -> over or empty (the date is behind us) -> paid.
#include "platform/server/day_closer.h"

#include "base/log.h"
#include "host/durable_file.h"
#include "platform/channel/switch_plan.h"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace softpos::server {
namespace {

using pay::BusinessDate;

constexpr std::size_t file_bytes_max = std::size_t{64} * 1024 * 1024;
constexpr int days_max = 400;           // Looked at in one round.
constexpr int days_for_empty_file = 3;  // So long a day without sales waits for a file.
constexpr std::int64_t minute_ms = 60'000;
constexpr Literal first_name = "closing/first";
constexpr char settled[] = "settled", over[] = "over", empty[] = "empty", paid_out[] = "paid";

std::string step_name(BusinessDate date) {
    return "closing/" + std::to_string(date.yyyymmdd);
}

// Changes whenever somebody puts another file there.
std::int64_t age_of(const std::string& path) {
    std::error_code failed;
    const auto time = std::filesystem::last_write_time(path, failed);
    return failed ? 0 : static_cast<std::int64_t>(time.time_since_epoch().count());
}

// In front of what is wrong with it.
std::string label_of(const store::CounterpartyDay& day) {
    return (day.counterparty == pay::card_network ? "file" : day.counterparty) + ": ";
}

}  // namespace

std::optional<std::uint32_t> close_minute(std::string_view hhmm) {
    return channel::minute_of_day(hhmm);
}

Result<void> DayCloser::load() {
    for (const char* name : {"/inbox", "/outbox"}) {
        TRY(host::Directory::make(parts_.folder + name));
    }
    const BusinessDate today = pay::china_date(parts_.clock.now());
    return parts_.store.run([&](store::Tx& tx) -> Result<void> {
        if (TRY(tx.setting(first_name.c_str()))) return {};
        return tx.set(first_name.c_str(), std::to_string(today.yyyymmdd));
    });
}

void DayCloser::start_rounds() {
    parts_.timers.after(parts_.round_ms, [this] {
        look();
        start_rounds();
    });
}

std::vector<DayCloser::Waiting> DayCloser::waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_;
}

Result<std::string> DayCloser::step_of(BusinessDate date) {
    std::string step = "open";
    TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
        step = TRY(reader.setting(step_name(date))).value_or("open");
        return {};
    }));
    return step;
}

Result<void> DayCloser::remember(BusinessDate date, std::string_view step) {
    return parts_.store.run([&](store::Tx& tx) { return tx.set(step_name(date), step); });
}

Result<DayCloser::Progress> DayCloser::settle(BusinessDate date, std::string_view next) {
    const auto batches = parts_.jobs.settle(date);
    if (!batches) {
        log(LogLevel::warning, "closing: day not settled", batches.error());
        const bool open = batches.error().kind == ErrorKind::conflict;
        return Progress{{}, open ? "open payments" : "network"};
    }
    const auto differing =
        std::ranges::count_if(*batches, [](const auto& batch) { return !batch.balanced; });
    log(differing == 0 ? LogLevel::info : LogLevel::warning, "closing: batches reported",
        {{"date", std::int64_t{date.yyyymmdd}},
         {"batches", static_cast<std::int64_t>(batches->size())},
         {"differing", static_cast<std::int64_t>(differing)}});
    // A day on which nothing was sold may have no file.
    const std::string_view step = next == over && batches->empty() ? empty : next;
    TRY_VOID(remember(date, step));
    return Progress{std::string(step), {}};
}

std::string DayCloser::inbox_file(const store::CounterpartyDay& day) const {
    const bool card = day.counterparty == pay::card_network;
    return parts_.folder + "/inbox/" + (card ? std::string("ACOMN") : day.counterparty) + "-" +
           std::to_string(day.date.yyyymmdd);
}

Result<std::string> DayCloser::take_in(const store::CounterpartyDay& day, const std::string& path) {
    const Buffer file = TRY(host::read_file(path, file_bytes_max));
    const std::string name = std::filesystem::path(path).filename();
    const auto taken = day.counterparty == pay::card_network
                           ? parts_.jobs.import_clearing(day.date, name, text_of(file))
                           : parts_.jobs.import_bill(day, file);
    if (taken) return std::string();
    const Error& error = taken.error();
    const bool twice = error.kind == ErrorKind::conflict && error.detail != 0;
    if (error.kind != ErrorKind::malformed && !twice) return std::unexpected(error);
    log(LogLevel::error, "closing: file refused", error);
    return label_of(day) + "line " + std::to_string(error.detail) + ", column " +
           std::to_string(error.at);
}

// A file that was refused or proves nothing stays where it is until somebody puts another there.
Result<std::string> DayCloser::prove(const store::CounterpartyDay& day) {
    if (TRY(parts_.jobs.proved(day))) return std::string();
    const std::string path = inbox_file(day);
    if (!std::filesystem::exists(path)) {
        return day.counterparty == pay::card_network ? "file" : label_of(day) + "no bill";
    }
    const std::int64_t age = age_of(path);
    {
        const std::lock_guard lock(mutex_);
        const auto before = tried_.find(path);
        if (before != tried_.end() && before->second.first == age) return before->second.second;
    }
    std::string why = TRY(take_in(day, path));
    if (why.empty()) {
        const auto compared = TRY(parts_.jobs.reconcile(day));
        if (compared.proved) return std::string();
        why = (day.counterparty == pay::card_network ? std::string() : label_of(day)) +
              "exceptions: " + std::to_string(compared.exceptions.size());
    }
    const std::lock_guard lock(mutex_);
    tried_[path] = {age, why};
    return why;
}

Result<void> DayCloser::pay(BusinessDate date) {
    const auto paid = TRY(parts_.jobs.pay_out(date));
    TRY_VOID(host::write_durably(parts_.folder + "/outbox/payout-" + std::to_string(date.yyyymmdd),
                                 bytes_of(paid.file)));
    log(LogLevel::info, "closing: day paid out",
        {{"date", std::int64_t{date.yyyymmdd}}, {"total_minor", paid.total_minor}});
    return remember(date, paid_out);
}

// Of a date that is behind us: everybody's file, then the merchants' money.
Result<DayCloser::Progress> DayCloser::finish(BusinessDate date, BusinessDate today, Progress at) {
    const store::CounterpartyDay cards{.date = date};
    auto needed = TRY(parts_.jobs.counterparties(date));
    const bool named = std::ranges::find(needed, cards.counterparty) != needed.end();
    const bool has_file = std::filesystem::exists(inbox_file(cards));
    if (!named && (at.step != empty || has_file)) needed.push_back(cards.counterparty);
    if (needed.empty()) {
        BusinessDate until = date;
        for (int i = 0; i < days_for_empty_file; ++i) until = pay::day_after(until);
        if (today < until) return Progress{at.step, "file"};
        TRY_VOID(remember(date, paid_out));
        return Progress{paid_out, {}};
    }
    std::string waits_for;
    for (const std::string& name : needed) {
        const std::string why = TRY(prove({date, name}));
        if (why.empty()) continue;
        if (!waits_for.empty()) waits_for += ", ";
        waits_for += why;
    }
    if (!waits_for.empty()) return Progress{at.step, waits_for};
    TRY_VOID(pay(date));
    return Progress{paid_out, {}};
}

// As far as it goes now.
Result<DayCloser::Progress> DayCloser::advance(BusinessDate date, BusinessDate today, Progress at) {
    if (at.step == "open") {
        auto next = TRY(settle(date, settled));
        if (next.step.empty()) return Progress{at.step, std::move(next.waits_for)};
        at = std::move(next);
    }
    if (at.step == settled) {
        if (date >= today) return Progress{at.step, "end of the day"};
        auto next = TRY(settle(date, over));
        if (next.step.empty()) return Progress{at.step, std::move(next.waits_for)};
        at = std::move(next);
    }
    return finish(date, today, std::move(at));
}

void DayCloser::look() {
    const std::lock_guard one(round_);
    const Instant now = parts_.clock.now();
    const BusinessDate today = pay::china_date(now);
    // As many minutes ago as the day is closed after: the date that was then is due by now.
    const BusinessDate last =
        pay::china_date({now.unix_ms - std::int64_t{parts_.close_minute} * minute_ms});
    std::optional<BusinessDate> date;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        const auto first = TRY(reader.setting(first_name.c_str()));
        if (first) date = TRY(pay::parse_date(*first));
        return {};
    });
    if (!read) return log(LogLevel::error, "closing: not known how far", read.error());
    std::vector<Waiting> waiting;
    bool all_before_paid = true;
    for (int i = 0; date && *date <= last && i < days_max; ++i, date = pay::day_after(*date)) {
        const auto step = step_of(*date);
        if (!step) return log(LogLevel::error, "closing: not known how far", step.error());
        Progress at{*step, {}};
        if (at.step != paid_out) {
            auto next = advance(*date, today, at);
            if (next) {
                at = *std::move(next);
            } else {
                log(LogLevel::error, "closing: day not closed", next.error());
                at.waits_for = "store or files";
            }
        }
        if (at.step != paid_out) {
            all_before_paid = false;
            waiting.push_back({*date, at.step, at.waits_for});
        } else if (all_before_paid) {
            // Never asked for again.
            const auto next = std::to_string(pay::day_after(*date).yyyymmdd);
            const auto moved =
                parts_.store.run([&](store::Tx& tx) { return tx.set(first_name.c_str(), next); });
            if (!moved) log(LogLevel::error, "closing: not written how far", moved.error());
        }
    }
    const std::lock_guard lock(mutex_);
    waiting_ = std::move(waiting);
}

}  // namespace softpos::server
