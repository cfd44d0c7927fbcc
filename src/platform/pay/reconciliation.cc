// A merge of three sorted streams.
#include "platform/pay/reconciliation.h"

#include <algorithm>
#include <memory>

namespace softpos::pay {
namespace {

// One side: its next record, and the proof that it comes in order.
class Side {
public:
    explicit Side(const ClearingSource& source) : source_(source) {}

    Result<void> advance() {
        const std::optional<ClearingKey> before =
            record_ ? std::optional(record_->key) : std::nullopt;
        record_ = TRY(source_());
        if (before && record_ && record_->key <= *before) {
            return fail(ErrorKind::malformed, "reconciliation input is out of order or twice");
        }
        return {};
    }
    const std::optional<ClearingRecord>& record() const { return record_; }
    const ClearingRecord* at(const ClearingKey& key) const {
        return record_ && record_->key == key ? &*record_ : nullptr;
    }

private:
    const ClearingSource& source_;
    std::optional<ClearingRecord> record_;
};

void count(std::int64_t& number, std::int64_t& sum, std::int64_t minor) {
    ++number;
    sum += minor;
}

// What the three sides have under one key.
struct Trio {
    const ClearingRecord* ours;
    const ClearingRecord* log;
    const ClearingRecord* file;
};

ReconciliationItem compare(const Trio& trio) {
    using enum ReconciliationKind;
    const auto& [ours, log, file] = trio;
    const ClearingRecord& any = ours != nullptr ? *ours : file != nullptr ? *file : *log;
    ReconciliationItem item{.kind = matched,
                            .key = any.key,
                            .merchant = any.merchant,
                            .ours_minor = ours != nullptr ? ours->amount_minor : 0,
                            .file_minor = file != nullptr ? file->amount_minor : 0,
                            .in_log = log != nullptr,
                            .payment = ours != nullptr ? ours->payment : Id128{}};
    if (ours == nullptr) {
        item.kind = long_item;
    } else if (file == nullptr) {
        const bool wait = !ours->carried && ours->near_cut_over;
        item.kind = wait ? cross_day : short_item;
    } else if (ours->amount_minor != file->amount_minor) {
        item.kind = amount_differs;
    } else if (log == nullptr && !ours->carried) {
        item.kind = not_in_log;
    }
    return item;
}

void tally(const ReconciliationItem& item, ReconciliationReport& report) {
    switch (item.kind) {
        case ReconciliationKind::not_in_log:
            ++report.not_in_log_count;
            [[fallthrough]];
        case ReconciliationKind::matched:
            return count(report.matched_count, report.matched_minor, item.file_minor);
        case ReconciliationKind::long_item:
            return count(report.long_count, report.long_minor, item.file_minor);
        case ReconciliationKind::short_item:
            return count(report.short_count, report.short_minor, item.ours_minor);
        case ReconciliationKind::amount_differs:
            return count(report.differing_count, report.difference_minor, item.difference_minor());
        case ReconciliationKind::cross_day:
            return count(report.cross_day_count, report.cross_day_minor, item.ours_minor);
    }
}

void tally(const Trio& trio, ReconciliationReport& report) {
    if (trio.ours != nullptr) {
        count(report.ours_count, report.ours_minor, trio.ours->amount_minor);
        if (trio.ours->carried) {
            count(report.carried_count, report.carried_minor, trio.ours->amount_minor);
        }
    }
    if (trio.log != nullptr) count(report.log_count, report.log_minor, trio.log->amount_minor);
    if (trio.file != nullptr) {
        count(report.file_count, report.file_minor, trio.file->amount_minor);
        report.file_fee_minor += trio.file->fee_minor;
    }
}

std::optional<ClearingKey> smallest(const Side& a, const Side& b, const Side& c) {
    std::optional<ClearingKey> key;
    for (const Side* side : {&a, &b, &c}) {
        if (side->record() && (!key || side->record()->key < *key)) key = side->record()->key;
    }
    return key;
}

}  // namespace

std::string_view name_of(ReconciliationKind kind) {
    switch (kind) {
        case ReconciliationKind::matched:
            return "matched";
        case ReconciliationKind::long_item:
            return "long";
        case ReconciliationKind::short_item:
            return "short";
        case ReconciliationKind::amount_differs:
            return "amount_differs";
        case ReconciliationKind::cross_day:
            return "cross_day";
        case ReconciliationKind::not_in_log:
            return "not_in_log";
    }
    return "unknown";
}

bool ReconciliationReport::adds_up() const {
    const std::int64_t expected =
        ours_minor - short_minor - cross_day_minor + long_minor + difference_minor;
    return expected == file_minor;
}

Result<ReconciliationReport> reconcile(const ReconciliationInput& input, Report what,
                                       const ReconciliationSink& sink) {
    ReconciliationReport report{.date = input.date, .counterparty = input.counterparty};
    Side ours(input.ours), log(input.log), file(input.file);
    for (Side* side : {&ours, &log, &file}) TRY_VOID(side->advance());
    while (const auto key = smallest(ours, log, file)) {
        const Trio trio{ours.at(*key), log.at(*key), file.at(*key)};
        tally(trio, report);
        const bool nothing_moved = trio.ours == nullptr && trio.file == nullptr;
        if (!nothing_moved) {
            const ReconciliationItem item = compare(trio);
            tally(item, report);
            if (what == Report::everything || item.kind != ReconciliationKind::matched) {
                TRY_VOID(sink(item));
            }
        }
        for (Side* side : {&ours, &log, &file}) {
            if (side->at(*key) != nullptr) TRY_VOID(side->advance());
        }
    }
    return report;
}

ClearingRecord carried_record(const ReconciliationItem& item) {
    return {.key = item.key,
            .merchant = item.merchant,
            .amount_minor = item.ours_minor,
            .payment = item.payment,
            .carried = true};
}

ClearingSource with_carried(std::vector<ClearingRecord> carried, BusinessDate date,
                            ClearingSource ours) {
    for (ClearingRecord& record : carried) {
        record.key.settlement_date = date;
        record.carried = true;
    }
    std::ranges::sort(carried, {}, &ClearingRecord::key);
    struct Merge {
        std::vector<ClearingRecord> carried;
        std::size_t position = 0;
        ClearingSource ours;
        std::optional<ClearingRecord> next;
        bool started = false;
    };
    // Shared because a std::function must be copyable; all copies read the one stream.
    const auto merge = std::make_shared<Merge>();
    merge->carried = std::move(carried);
    merge->ours = std::move(ours);
    return [merge]() -> Result<std::optional<ClearingRecord>> {
        if (!merge->started) {
            merge->next = TRY(merge->ours());
            merge->started = true;
        }
        const bool any_carried = merge->position < merge->carried.size();
        if (any_carried &&
            (!merge->next || merge->carried[merge->position].key < merge->next->key)) {
            return merge->carried[merge->position++];
        }
        auto taken = std::move(merge->next);
        merge->next.reset();
        if (taken) merge->next = TRY(merge->ours());
        return taken;
    };
}

bool clearing_proves(const ReconciliationReport& report, std::int64_t receivable_minor) {
    return report.adds_up() &&
           receivable_minor + report.carried_minor - report.cross_day_minor == report.file_minor;
}

}  // namespace softpos::pay
