// Every difference is one transfer, and taken back by another one.
#include "platform/server/settlement_books.h"

#include "crypto/hash.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace softpos::server {

using pay::ReconciliationItem;
using pay::ReconciliationKind;
using store::CounterpartyDay;

namespace {

bool same_movement(const pay::ClearingKey& a, const pay::ClearingKey& b) {
    return a.terminal == b.terminal && a.stan == b.stan && a.rrn == b.rrn;
}

std::string name_of(const pay::ClearingKey& key) {
    return std::to_string(key.settlement_date.yyyymmdd) + "/" + key.terminal + "/" +
           std::to_string(key.stan) + "/" + key.rrn;
}

}  // namespace

Id128 settlement_id(std::string_view merchant, std::string_view what) {
    const auto digest = crypto::sha256(bytes_of(what));
    const pay::Shard shard = pay::shard_of(merchant);
    Id128 id;
    std::copy_n(digest.begin(), id.bytes.size(), id.bytes.begin());
    id.bytes[0] = static_cast<std::uint8_t>(shard >> 8);
    id.bytes[1] = static_cast<std::uint8_t>(shard);
    return id;
}

std::string day_name(const CounterpartyDay& day) {
    const std::string date = std::to_string(day.date.yyyymmdd);
    return day.counterparty == pay::card_network ? date : date + "/" + day.counterparty;
}

CounterpartyDay day_before(const CounterpartyDay& day) {
    return {pay::day_before(day.date), day.counterparty};
}

Result<DayBooks> DayBooks::open(store::Tx& tx, const CounterpartyDay& day) {
    DayBooks books(tx, day);
    books.before_ = TRY(tx.exceptions(day_before(day)));
    books.known_ = TRY(tx.exceptions(day));
    books.run_ = std::to_string(TRY(tx.next_number("reconciliation")));
    return books;
}

// A short item that the counterparty had on the day before already: it was a long one there.
const store::ReconciliationException* DayBooks::early_of(const ReconciliationItem& item) const {
    if (item.kind != ReconciliationKind::short_item) return nullptr;
    const auto found = std::ranges::find_if(before_, [&](const Exception& old) {
        return old.item.kind == ReconciliationKind::long_item &&
               same_movement(old.item.key, item.key) && old.item.file_minor == item.ours_minor;
    });
    return found == before_.end() ? nullptr : &*found;
}

Result<void> DayBooks::add(Exception& exception) {
    const ReconciliationItem& item = exception.item;
    exception.id = settlement_id(item.merchant, name_of(item.key) + "/" + run_);
    const Exception* const early = early_of(item);
    if (early != nullptr) {
        exception.open = false;
        TRY_VOID(tx_.close_exception(day_before(day_), early->id));
    }
    if (item.kind == ReconciliationKind::cross_day) return {};
    return tx_.post(pay::post_clearing_difference({.source = exception.id,
                                                   .counterparty = day_.counterparty,
                                                   .merchant = item.merchant,
                                                   .date = day_.date,
                                                   .difference_minor = item.difference_minor(),
                                                   .takes_back = early != nullptr}));
}

Result<void> DayBooks::take_back(const Exception& old) {
    if (old.item.kind == ReconciliationKind::cross_day) return {};
    const bool was_early = early_of(old.item) != nullptr;
    return tx_.post(pay::post_clearing_difference(
        {.source = settlement_id(old.item.merchant, "undo/" + old.id.text() + "/" + run_),
         .counterparty = day_.counterparty,
         .merchant = old.item.merchant,
         .date = day_.date,
         .difference_minor = -old.item.difference_minor(),
         .takes_back = !was_early}));
}

Result<void> DayBooks::book_differences(std::vector<Exception>& exceptions) {
    for (Exception& exception : exceptions) {
        const auto same = std::ranges::find(known_, exception.item, &Exception::item);
        if (same == known_.end()) {
            TRY_VOID(add(exception));
        } else {
            exception = *same;
        }
    }
    for (const Exception& old : known_) {
        const bool still =
            std::ranges::find(exceptions, old.id, &Exception::id) != exceptions.end();
        if (!still) TRY_VOID(take_back(old));
    }
    return {};
}

Result<void> DayBooks::end_waiting(const std::vector<pay::ClearingRecord>& carried) {
    for (const auto& record : carried) {
        const auto waited = std::ranges::find_if(before_, [&](const Exception& old) {
            return old.item.kind == ReconciliationKind::cross_day &&
                   same_movement(old.item.key, record.key);
        });
        if (waited == before_.end() || !waited->open) continue;
        TRY_VOID(tx_.close_exception(day_before(day_), waited->id));
    }
    return {};
}

// "gross/fees"
Result<FileMoney> DayBooks::booked_money(pay::Shard shard) {
    FileMoney booked;
    const auto text =
        TRY(tx_.setting("money/" + day_name(day_) + "/" + std::to_string(shard))).value_or("");
    const std::size_t middle = text.find('/');
    if (middle == std::string::npos) return booked;
    std::from_chars(text.data(), text.data() + middle, booked.gross_minor);
    std::from_chars(text.data() + middle + 1, text.data() + text.size(), booked.fees_minor);
    return booked;
}

Result<std::int64_t> DayBooks::book_money(const MoneyByShard& money) {
    std::int64_t before = 0;
    for (pay::Shard shard = 0; shard < pay::shard_count; ++shard) {
        const FileMoney booked = TRY(booked_money(shard));
        before += booked.gross_minor;
        const auto found = money.find(shard);
        // Where more was given back than sold, nothing comes: it is taken off another day's.
        const bool comes = found != money.end() && found->second.gross_minor > 0;
        const FileMoney now = comes ? found->second : FileMoney{};
        const FileMoney more{now.gross_minor - booked.gross_minor,
                             now.fees_minor - booked.fees_minor};
        if (more.gross_minor == 0 && more.fees_minor == 0) continue;
        Id128 source = settlement_id({}, "clearing/" + day_name(day_) + "/" + run_);
        source.bytes[0] = static_cast<std::uint8_t>(shard >> 8);
        source.bytes[1] = static_cast<std::uint8_t>(shard);
        TRY_VOID(tx_.post(pay::post_clearing_money({.source = source,
                                                    .counterparty = day_.counterparty,
                                                    .shard = shard,
                                                    .date = day_.date,
                                                    .gross_minor = more.gross_minor,
                                                    .fees_minor = more.fees_minor})));
        TRY_VOID(tx_.set("money/" + day_name(day_) + "/" + std::to_string(shard),
                         std::to_string(now.gross_minor) + "/" + std::to_string(now.fees_minor)));
    }
    return before;
}

}  // namespace softpos::server
