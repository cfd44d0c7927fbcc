// Entries, each whole and with a checksum of its own, in a host::AppendLog; the last one of a key
// holds. What stood behind a torn record is found by its own marks, so that a log that was cut in
// the middle is told from one that was torn at its end.
#include "phone/device/idempotency_journal.h"

#include "base/check.h"
#include "base/money.h"
#include "crypto/hash.h"

#include <algorithm>
#include <unistd.h>

namespace softpos::device {
namespace {

constexpr std::array<std::uint8_t, 4> entry_mark{'S', 'P', 'J', '1'};
constexpr std::size_t checksum_bytes = 8;
constexpr std::size_t entry_body_bytes_max = 16 * 1024;

void put_number(Buffer& out, std::uint64_t number, unsigned bytes) {
    for (unsigned i = bytes; i-- > 0;) out.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
}

void put_text(Buffer& out, std::string_view text) {
    CHECK(text.size() <= payment_json_bytes_max);
    put_number(out, text.size(), 2);
    append(out, bytes_of(text));
}

std::optional<std::uint64_t> take_number(ByteReader& in, unsigned bytes) {
    const auto taken = in.take(bytes);
    if (!taken) return std::nullopt;
    std::uint64_t number = 0;
    for (const std::uint8_t byte : *taken) number = number << 8 | byte;
    return number;
}

std::optional<std::string> take_text(ByteReader& in, std::size_t bytes_max) {
    const auto size = take_number(in, 2);
    if (!size || *size > bytes_max) return std::nullopt;
    const auto text = in.take(static_cast<std::size_t>(*size));
    return text ? std::optional(std::string(softpos::text_of(*text))) : std::nullopt;
}

std::array<std::uint8_t, checksum_bytes> checksum_of(Bytes bytes) {
    const auto digest = crypto::sha256(bytes);
    std::array<std::uint8_t, checksum_bytes> sum{};
    std::copy_n(digest.begin(), sum.size(), sum.begin());
    return sum;
}

std::unexpected<Error> damaged(std::size_t at) {
    return fail(ErrorKind::malformed, "journal: an entry is damaged", 0, at);
}

template <typename Array>
bool take_array(ByteReader& in, Array& out) {
    const auto bytes = in.take(out.size());
    if (!bytes) return false;
    std::ranges::copy(*bytes, out.begin());
    return true;
}

bool decode_body(ByteReader body, JournalEntry& entry) {
    const auto state = body.take_byte();
    const auto kind = body.take_byte();
    if (!state || *state > static_cast<std::uint8_t>(EntryState::answered)) return false;
    if (!kind || *kind > static_cast<std::uint8_t>(PaymentKind::refund)) return false;
    entry.state = static_cast<EntryState>(*state);
    entry.request.kind = static_cast<PaymentKind>(*kind);
    if (!take_array(body, entry.request.key.bytes)) return false;
    if (!take_array(body, entry.request.digest)) return false;
    const auto amount = take_number(body, 8);
    const auto trace = take_number(body, 4);
    const auto started = take_number(body, 8);
    const auto sent = take_number(body, 8);
    if (!amount || *amount > std::uint64_t{amount_minor_max}) return false;
    if (!trace || *trace == 0 || *trace > trace_max || !started || !sent) return false;
    entry.request.amount_minor = static_cast<std::int64_t>(*amount);
    entry.trace = static_cast<std::uint32_t>(*trace);
    entry.started_at.unix_ms = static_cast<std::int64_t>(*started);
    entry.sent_at.unix_ms = static_cast<std::int64_t>(*sent);
    const auto reference = take_text(body, reference_bytes_max);
    const auto original = take_text(body, payment_id_bytes_max);
    const auto payment_id = take_text(body, payment_id_bytes_max);
    const auto result = take_text(body, payment_json_bytes_max);
    if (!reference || !original || !payment_id || !result || !body.empty()) return false;
    entry.request.reference = *reference;
    entry.request.original_payment_id = *original;
    entry.payment_id = *payment_id;
    entry.result_json = *result;
    return (entry.state == EntryState::answered) == !entry.result_json.empty();
}

bool same_request(const JournalRequest& a, const JournalRequest& b) {
    return a.kind == b.kind && a.digest == b.digest;
}

}  // namespace

Buffer encode_entry(const JournalEntry& entry) {
    Buffer body;
    body.push_back(static_cast<std::uint8_t>(entry.state));
    body.push_back(static_cast<std::uint8_t>(entry.request.kind));
    append(body, entry.request.key.bytes);
    append(body, entry.request.digest);
    put_number(body, static_cast<std::uint64_t>(entry.request.amount_minor), 8);
    put_number(body, entry.trace, 4);
    put_number(body, static_cast<std::uint64_t>(entry.started_at.unix_ms), 8);
    put_number(body, static_cast<std::uint64_t>(entry.sent_at.unix_ms), 8);
    put_text(body, entry.request.reference);
    put_text(body, entry.request.original_payment_id);
    put_text(body, entry.payment_id);
    put_text(body, entry.result_json);
    CHECK(body.size() <= entry_body_bytes_max);

    Buffer out(entry_mark.begin(), entry_mark.end());
    put_number(out, body.size(), 2);
    append(out, body);
    const auto sum = checksum_of(out);
    append(out, sum);
    return out;
}

Result<JournalEntry> decode_entry(ByteReader& in) {
    const std::size_t at = in.position();
    ByteReader ahead = in;
    const Bytes whole = in.rest();
    const auto mark = ahead.take(entry_mark.size());
    if (!mark || !std::ranges::equal(*mark, entry_mark)) return damaged(at);
    const auto size = take_number(ahead, 2);
    if (!size || *size > entry_body_bytes_max) return damaged(at);
    const auto body = ahead.take(static_cast<std::size_t>(*size));
    const auto sum = ahead.take(checksum_bytes);
    if (!body || !sum) return damaged(at);
    const Bytes covered = whole.first(entry_mark.size() + 2 + body->size());
    if (!std::ranges::equal(checksum_of(covered), *sum)) return damaged(at);
    JournalEntry entry;
    if (!decode_body(ByteReader(*body), entry)) return damaged(at);
    in = ahead;
    return entry;
}

std::size_t count_entries(Bytes image) {
    std::size_t count = 0;
    std::size_t at = 0;
    while (at < image.size()) {
        const Bytes rest = image.subspan(at);
        const auto found = std::ranges::search(rest, entry_mark);
        if (found.empty()) break;
        at += static_cast<std::size_t>(found.begin() - rest.begin());
        ByteReader reader(image.subspan(at));
        if (decode_entry(reader)) {
            ++count;
            at += reader.position();
        } else {
            ++at;
        }
    }
    return count;
}

Result<std::unique_ptr<IdempotencyJournal>> IdempotencyJournal::open(const std::string& path,
                                                                     const JournalLimits& limits) {
    auto journal = std::unique_ptr<IdempotencyJournal>(new IdempotencyJournal(path, limits));
    TRY_VOID(journal->load());
    return journal;
}

// Opening the log cuts off everything behind its first bad record. So a copy is opened first: where
// whole entries were lost by that, the damage is not at the end, and the original stays untouched.
Result<void> IdempotencyJournal::load() {
    auto image = host::read_file(path_, file_bytes_hard_max);
    if (!image && image.error().kind != ErrorKind::not_found) {
        return std::unexpected(image.error());
    }
    // A new file's name must be on disk too, which appending alone does not see to.
    if (!image) TRY_VOID(host::write_durably(path_, {}));
    if (image && !image->empty()) {
        const std::string copy = path_ + ".check";
        TRY_VOID(host::write_durably(copy, *image));
        std::size_t seen = 0;
        const auto opened =
            host::AppendLog::open(copy, [&](Bytes record) { seen += count_entries(record); });
        ::unlink(copy.c_str());
        if (!opened) return std::unexpected(opened.error());
        if (seen != count_entries(*image)) {
            return fail(ErrorKind::malformed, "journal: damaged before its end");
        }
    }
    Result<void> taken;
    log_ = TRY(host::AppendLog::open(path_, [&](Bytes record) {
        ByteReader reader(record);
        while (taken && !reader.empty()) {
            const auto entry = decode_entry(reader);
            taken = entry ? take(*entry) : std::unexpected(entry.error());
        }
    }));
    return taken;
}

// One entry read back. States only go forward; anything else was not written by us.
Result<void> IdempotencyJournal::take(const JournalEntry& entry) {
    const auto known = entries_.find(entry.request.key);
    if (known == entries_.end()) {
        const Order order = next_order_++;
        order_[order] = entry.request.key;
        entries_.emplace(entry.request.key, std::pair(order, entry));
        last_trace_ = entry.trace;
        return {};
    }
    JournalEntry& old = known->second.second;
    const bool repeated = encode_entry(old) == encode_entry(entry);
    if (!repeated && (!same_request(old.request, entry.request) || entry.state <= old.state)) {
        return fail(ErrorKind::malformed, "journal: an entry goes back");
    }
    old = entry;
    return {};
}

// On disk first, in memory second.
Result<void> IdempotencyJournal::write(const JournalEntry& entry) {
    if (!log_) TRY_VOID(compact_locked());
    const auto appended = log_->append(encode_entry(entry));
    if (!appended) {
        log_.reset();
        return appended;
    }
    TRY_VOID(take(entry));
    if (log_->size() > limits_.file_bytes_max) {
        // The entry is safe already: a compaction that fails is tried again by the next write.
        (void)compact_locked();
    }
    return {};
}

Result<JournalEntry> IdempotencyJournal::begin(const JournalRequest& request, Instant now) {
    const std::lock_guard lock(mutex_);
    if (const auto known = entries_.find(request.key); known != entries_.end()) {
        if (!same_request(known->second.second.request, request)) {
            return fail(ErrorKind::conflict, "journal: the key stands for another request");
        }
        return known->second.second;
    }
    const auto open = std::ranges::count_if(
        entries_, [](const auto& row) { return row.second.second.state != EntryState::answered; });
    if (static_cast<std::size_t>(open) >= limits_.open_max) {
        return fail(ErrorKind::denied, "journal: too many payments are unresolved");
    }
    if (request.reference.size() > reference_bytes_max ||
        request.original_payment_id.size() > payment_id_bytes_max || request.amount_minor < 0 ||
        request.amount_minor > amount_minor_max) {
        return fail(ErrorKind::malformed, "journal: the request is outside its limits");
    }
    JournalEntry entry;
    entry.request = request;
    entry.trace = last_trace_ % trace_max + 1;
    entry.started_at = now;
    TRY_VOID(write(entry));
    return entry;
}

Result<void> IdempotencyJournal::mark_sent(const Id128& key, Instant now) {
    const std::lock_guard lock(mutex_);
    const auto known = entries_.find(key);
    if (known == entries_.end()) return fail(ErrorKind::not_found, "journal: no such key");
    JournalEntry entry = known->second.second;
    if (entry.state != EntryState::started) {
        return fail(ErrorKind::conflict, "journal: was sent already");
    }
    entry.state = EntryState::sent;
    entry.sent_at = now;
    return write(entry);
}

Result<void> IdempotencyJournal::mark_answered(const Id128& key, const Payment& payment) {
    const std::lock_guard lock(mutex_);
    const auto known = entries_.find(key);
    if (known == entries_.end()) return fail(ErrorKind::not_found, "journal: no such key");
    if (payment.result == PaymentResult::indeterminate) {
        return fail(ErrorKind::conflict, "journal: an unknown outcome is no answer");
    }
    JournalEntry entry = known->second.second;
    if (entry.state == EntryState::answered) {
        return fail(ErrorKind::conflict, "journal: was answered already");
    }
    entry.state = EntryState::answered;
    entry.payment_id = payment.payment_id;
    entry.result_json = payment_json(payment);
    if (entry.payment_id.size() > payment_id_bytes_max ||
        entry.result_json.size() > payment_json_bytes_max) {
        return fail(ErrorKind::malformed, "journal: the answer is over its limit");
    }
    return write(entry);
}

std::optional<JournalEntry> IdempotencyJournal::find(const Id128& key) const {
    const std::lock_guard lock(mutex_);
    const auto known = entries_.find(key);
    return known == entries_.end() ? std::nullopt : std::optional(known->second.second);
}

std::optional<JournalEntry> IdempotencyJournal::find_payment(std::string_view payment_id) const {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find_if(entries_, [&](const auto& row) {
        return !payment_id.empty() && row.second.second.payment_id == payment_id;
    });
    return found == entries_.end() ? std::nullopt : std::optional(found->second.second);
}

std::optional<JournalEntry> IdempotencyJournal::last() const {
    const std::lock_guard lock(mutex_);
    if (order_.empty()) return std::nullopt;
    return entries_.at(order_.rbegin()->second).second;
}

std::vector<JournalEntry> IdempotencyJournal::in_state(EntryState state) const {
    const std::lock_guard lock(mutex_);
    std::vector<JournalEntry> found;
    for (const auto& [order, key] : order_) {
        const JournalEntry& entry = entries_.at(key).second;
        if (entry.state == state) found.push_back(entry);
    }
    return found;
}

std::size_t IdempotencyJournal::open_count() const {
    return in_state(EntryState::started).size() + in_state(EntryState::sent).size();
}

Result<void> IdempotencyJournal::compact() {
    const std::lock_guard lock(mutex_);
    return compact_locked();
}

void IdempotencyJournal::forget_old() {
    std::size_t answered = 0;
    for (auto row = order_.rbegin(); row != order_.rend();) {
        const bool is_answered = entries_.at(row->second).second.state == EntryState::answered;
        answered += is_answered ? 1 : 0;
        if (is_answered && answered > limits_.answered_kept) {
            entries_.erase(row->second);
            row = std::make_reverse_iterator(order_.erase(std::prev(row.base())));
        } else {
            ++row;
        }
    }
}

// The new content is made beside the old file, several entries to a record, and then put in its
// place by one rename.
Result<void> IdempotencyJournal::compact_locked() {
    forget_old();
    const std::string beside = path_ + ".new";
    ::unlink(beside.c_str());
    auto fresh = TRY(host::AppendLog::open(beside, [](Bytes) {}));
    Buffer record;
    for (const auto& [order, key] : order_) {
        const Buffer entry = encode_entry(entries_.at(key).second);
        if (record.size() + entry.size() > host::AppendLog::record_bytes_max) {
            TRY_VOID(fresh.append(record));
            record.clear();
        }
        append(record, entry);
    }
    if (!record.empty()) TRY_VOID(fresh.append(record));
    const Buffer image = TRY(host::read_file(beside, file_bytes_hard_max));
    log_.reset();
    TRY_VOID(host::write_durably(path_, image));
    ::unlink(beside.c_str());
    log_ = TRY(host::AppendLog::open(path_, [](Bytes) {}));
    return {};
}

}  // namespace softpos::device
