// The numbers move in memory before anything is written, so that a write of unknown outcome uses
// its number up.
#include "phone/trust/core_journal.h"

#include "crypto/hash.h"
#include "protocol/call_fields.h"

#include <algorithm>

namespace softpos::trust {
namespace {

using protocol::CommandDone;
using protocol::CoreEvent;

constexpr protocol::CallHead journal_head{1, 0x21};  // Version of the form; a journal, not a call.
constexpr std::size_t event_bytes = 14;              // Number 8, code, severity, detail 4.
constexpr std::size_t done_bytes = 17;               // Command 16, obeyed.

void put_number(Buffer& out, std::uint64_t number, unsigned bytes) {
    for (unsigned left = bytes; left-- > 0;) {
        out.push_back(static_cast<std::uint8_t>(number >> (8 * left)));
    }
}
std::uint64_t number_of(Bytes bytes) {
    std::uint64_t number = 0;
    for (const std::uint8_t byte : bytes) number = number << 8 | byte;
    return number;
}

std::unexpected<Error> damaged() {
    return fail(ErrorKind::malformed, "trust: the journal is damaged");
}

Buffer events_field(const std::vector<CoreEvent>& events) {
    Buffer out;
    for (const CoreEvent& event : events) {
        put_number(out, event.sequence, 8);
        out.push_back(static_cast<std::uint8_t>(event.code));
        out.push_back(static_cast<std::uint8_t>(event.severity));
        put_number(out, event.detail, 4);
    }
    return out;
}
Result<std::vector<CoreEvent>> read_events(Bytes field) {
    if (field.size() % event_bytes != 0) return damaged();
    std::vector<CoreEvent> events;
    for (std::size_t at = 0; at < field.size(); at += event_bytes) {
        const Bytes one = field.subspan(at, event_bytes);
        const auto code = protocol::finding_code(one[8]);
        const bool severe = one[9] >= 1 && one[9] <= 3;
        if (!code || !severe) return damaged();
        events.push_back({number_of(one.first(8)), *code, static_cast<protocol::Severity>(one[9]),
                          static_cast<std::uint32_t>(number_of(one.last(4)))});
    }
    return events;
}

Buffer done_field(const std::vector<CommandDone>& done) {
    Buffer out;
    for (const CommandDone& one : done) {
        append(out, one.id.bytes);
        out.push_back(one.obeyed ? 1 : 0);
    }
    return out;
}
Result<std::vector<CommandDone>> read_done(Bytes field) {
    if (field.size() % done_bytes != 0) return damaged();
    std::vector<CommandDone> done;
    for (std::size_t at = 0; at < field.size(); at += done_bytes) {
        const Bytes one = field.subspan(at, done_bytes);
        CommandDone command;
        std::ranges::copy(one.first(16), command.id.bytes.begin());
        command.obeyed = one[16] == 1;
        if (one[16] > 1) return damaged();
        done.push_back(command);
    }
    return done;
}

template <typename T>
void add_bounded(std::vector<T>& list, const T& one, std::size_t count_max) {
    if (list.size() == count_max) list.erase(list.begin());
    list.push_back(one);
}

}  // namespace

protocol::Digest32 next_journal_head(const protocol::Digest32& head, Bytes body) {
    Buffer both(head.begin(), head.end());
    append(both, crypto::sha256(body));
    return crypto::sha256(both);
}

Result<CoreJournal> CoreJournal::load(TrustedPlatform& platform) {
    auto stored = platform.load_journal();
    if (!stored && stored.error().kind == ErrorKind::not_found) return CoreJournal();
    const SecretBytes bytes = TRY(std::move(stored));
    protocol::CallReader in = TRY(protocol::CallReader::open(bytes.bytes()));
    if (in.head().version != journal_head.version || in.head().call != journal_head.call) {
        return fail(ErrorKind::unsupported, "trust: form of the journal", in.head().version);
    }
    CoreJournal journal;
    journal.sequence_ = TRY(in.take_number(8));
    journal.head_ = TRY(in.take_array<32>());
    journal.last_event_ = TRY(in.take_number(8));
    const std::uint64_t time = TRY(in.take_number(8));
    if (time > INT64_MAX) return damaged();
    journal.server_time_.unix_ms = static_cast<std::int64_t>(time);
    journal.events_ = TRY(read_events(TRY(in.take({0, protocol::core_events_max * event_bytes}))));
    journal.done_ = TRY(read_done(TRY(in.take({0, protocol::commands_max * done_bytes}))));
    // Journals that were closed, and those from before this field, end here.
    if (in.next_is_present()) {
        if (TRY(in.take_number(1)) != 1) return damaged();
        journal.was_open_ = true;
        journal.stored_open_ = true;
    }
    TRY_VOID(in.end());
    return journal;
}

Result<void> CoreJournal::write(TrustedPlatform& platform, const protocol::Digest32& head,
                                bool open) const {
    protocol::CallWriter out(journal_head);
    out.put_number(sequence_, 8);
    out.put(head);
    out.put_number(last_event_, 8);
    out.put_number(static_cast<std::uint64_t>(server_time_.unix_ms), 8);
    out.put(events_field(events_));
    out.put(done_field(done_));
    if (open) out.put_number(1, 1);
    return platform.save_journal(out.take());
}

Result<void> CoreJournal::save(TrustedPlatform& platform) {
    stored_open_ = true;  // Also where it fails: it may have had its effect.
    return write(platform, head_, true);
}

Result<void> CoreJournal::close(TrustedPlatform& platform) {
    if (!stored_open_) return {};
    TRY_VOID(write(platform, head_, false));
    stored_open_ = false;
    return {};
}

Result<void> CoreJournal::enter(TrustedPlatform& platform, Bytes body) {
    ++sequence_;
    const protocol::Digest32 head = next_journal_head(head_, body);
    stored_open_ = true;
    TRY_VOID(write(platform, head, true));
    head_ = head;
    return {};
}

void CoreJournal::skip_to(std::uint64_t sequence) {
    sequence_ = std::max(sequence_, sequence);
}

void CoreJournal::add(protocol::FindingCode code, protocol::Severity severity,
                      std::uint32_t detail) {
    add_bounded(events_, CoreEvent{++last_event_, code, severity, detail},
                protocol::core_events_max);
}

void CoreJournal::add(const CommandDone& done) {
    add_bounded(done_, done, protocol::commands_max);
}

void CoreJournal::note_server_time(Instant at) {
    server_time_ = std::max(server_time_, at);
}

}  // namespace softpos::trust
