// What the phone promised to remember: every payment is written down here before anything of it
// leaves the phone, so that no crash makes one be taken twice or be forgotten.
#pragma once

#include "base/clock.h"
#include "base/ids.h"
#include "host/durable_file.h"
#include "phone/device/payment.h"

#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace softpos::device {

// started: nothing has left the phone. sent: something may have, and only the platform knows what
// came of it. answered: over; the result is kept and never changes.
enum class EntryState : std::uint8_t { started, sent, answered };

struct JournalRequest {
    Id128 key;
    PaymentKind kind = PaymentKind::purchase;
    std::array<std::uint8_t, 32> digest{};  // Of the whole request: the key stands for no other.
    std::int64_t amount_minor = 0;          // 0 for a void.
    std::string reference;
    std::string original_payment_id;  // Void and refund.
};

struct JournalEntry {
    JournalRequest request;
    EntryState state = EntryState::started;
    std::uint32_t trace = 0;  // 1 to trace_max, in the order of the starts.
    Instant started_at;
    Instant sent_at;  // 0 until sent.
    std::string payment_id;
    std::string result_json;  // Empty until answered.
};

constexpr std::uint32_t trace_max = 999'999;  // Six digits, as terminals count; then 1 again.

struct JournalLimits {
    std::uint64_t file_bytes_max = 512 * 1024;  // Compacted when larger.
    std::size_t answered_kept = 256;            // Older ones the platform still remembers.
    std::size_t open_max = 32;                  // Unresolved ones; no new payment beyond.
};

// One file, owned by one process. Any thread may call.
//
//     auto journal = TRY(IdempotencyJournal::open(path));
//     const JournalEntry entry = TRY(journal->begin(request, now));   // conflict: other request
//     TRY_VOID(journal->mark_sent(key, now));                         // on disk when it returns
//     ... send ...
//     TRY_VOID(journal->mark_answered(key, payment));
class IdempotencyJournal {
public:
    static constexpr std::uint64_t file_bytes_hard_max = 16 * 1024 * 1024;

    // Cuts off a record that a crash tore at the end. Damage anywhere else is malformed and leaves
    // the file as it is: a journal that lost an entry could have a payment taken twice.
    static Result<std::unique_ptr<IdempotencyJournal>> open(const std::string& path,
                                                            const JournalLimits& limits = {});

    // The entry of this key: a new one in state started, or the one that is there. conflict where
    // the key stands for another request, denied where too many are unresolved.
    Result<JournalEntry> begin(const JournalRequest& request, Instant now);
    Result<void> mark_sent(const Id128& key, Instant now);
    Result<void> mark_answered(const Id128& key, const Payment& payment);

    std::optional<JournalEntry> find(const Id128& key) const;
    std::optional<JournalEntry> find_payment(std::string_view payment_id) const;
    std::optional<JournalEntry> last() const;                    // The latest start.
    std::vector<JournalEntry> in_state(EntryState state) const;  // In the order of the starts.
    std::size_t open_count() const;

    // Writes only what is still needed to a new file and puts it in the place of the old one.
    Result<void> compact();

private:
    using Order = std::uint64_t;
    IdempotencyJournal(std::string path, JournalLimits limits)
        : path_(std::move(path)), limits_(limits) {}
    Result<void> load();
    Result<void> take(const JournalEntry& entry);
    Result<void> write(const JournalEntry& entry);
    Result<void> compact_locked();
    void forget_old();

    std::string path_;
    JournalLimits limits_;
    mutable std::mutex mutex_;
    std::optional<host::AppendLog> log_;  // Empty after a failed write: compaction makes a new one.
    std::map<Id128, std::pair<Order, JournalEntry>> entries_;
    std::map<Order, Id128> order_;
    Order next_order_ = 1;
    std::uint32_t last_trace_ = 0;
};

// One entry as bytes and back; apart so that it is tested and fuzzed alone. Entries stand for
// themselves: mark, size, content, checksum.
Buffer encode_entry(const JournalEntry& entry);
Result<JournalEntry> decode_entry(ByteReader& in);

// How many whole entries stand in these bytes, wherever they begin.
std::size_t count_entries(Bytes image);

}  // namespace softpos::device
