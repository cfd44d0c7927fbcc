// A record of a file is either the head that the file goes on from, or lines.
#include "platform/keys/journal.h"

#include "base/check.h"
#include "crypto/mac.h"
#include "protocol/vault_keys.h"

#include <algorithm>
#include <filesystem>

namespace softpos::keys {
namespace {

constexpr std::uint8_t head_mark = 'H';
constexpr std::uint8_t lines_mark = 'L';
constexpr std::size_t head_bytes = 1 + 8 + sizeof(JournalMac);

std::unexpected<Error> broken() {
    return std::unexpected(protocol::error_of(ErrorKind::malformed, protocol::VaultFault::journal));
}

Buffer packed(const JournalHead& head) {
    Buffer out{head_mark};
    for (unsigned i = 0; i < 8; ++i) {
        out.push_back(static_cast<std::uint8_t>(head.sequence >> (56 - 8 * i) & 0xFF));
    }
    append(out, head.mac);
    return out;
}

Result<JournalHead> unpacked(Bytes record) {
    if (record.size() != head_bytes) return broken();
    JournalHead head;
    for (const std::uint8_t byte : record.subspan(1, 8)) head.sequence = head.sequence << 8 | byte;
    std::ranges::copy(record.last(sizeof(JournalMac)), head.mac.begin());
    return head;
}

}  // namespace

Result<Journal> Journal::open(const std::string& directory, SecretBytes key) {
    Journal journal(directory, std::move(key));
    TRY_VOID(journal.open_newest());
    return journal;
}

std::string Journal::file_name(std::uint64_t number) const {
    return directory_ + "/journal." + std::to_string(number);
}

JournalMac Journal::mac_of(const JournalMac& before, const JournalLine& line) const {
    Buffer all(before.begin(), before.end());
    append(all, protocol::journal_body(line));
    return crypto::hmac_sha256(key_.bytes(), all);
}

// Checks every line against the one before it; `head` is where the file must go on from, and then
// where it ends.
Result<host::AppendLog> Journal::open_file(std::uint64_t number, JournalHead& head,
                                           const OnLine& on_line) const {
    Result<void> verdict;
    bool first = true;
    const auto take = [&](Bytes record) -> Result<void> {
        if (record.empty()) return broken();
        if (std::exchange(first, false)) {
            const JournalHead from = TRY(unpacked(record));
            if (record[0] != head_mark || from != head) return broken();
            return {};
        }
        if (record[0] != lines_mark) return broken();
        for (const JournalLine& line : TRY(protocol::read_journal_lines(record.subspan(1)))) {
            const bool next = line.sequence == head.sequence + 1;
            if (!next || !equal_constant_time(line.mac, mac_of(head.mac, line))) return broken();
            head = {line.sequence, line.mac};
            TRY_VOID(on_line(line));
        }
        return {};
    };
    auto file = TRY(host::AppendLog::open(file_name(number), [&](Bytes record) {
        if (verdict) verdict = take(record);
    }));
    TRY_VOID(verdict);
    if (first) TRY_VOID(file.append(packed(head)));
    return file;
}

// The newest file says itself where it goes on from: whoever wants to know more asks verify().
Result<void> Journal::open_newest() {
    while (std::filesystem::exists(file_name(file_number_ + 1))) ++file_number_;
    JournalHead from;
    for (; file_number_ > 1; --file_number_) {
        std::optional<Result<JournalHead>> said;
        TRY(host::AppendLog::open(file_name(file_number_), [&](Bytes record) {
            if (!said) said = unpacked(record);
        }));
        // A crash may have come before a new file's first record: then the one before is the last.
        if (!said) continue;
        from = TRY(*said);
        break;
    }
    newest_heads_.push_back(from);
    file_ = TRY(open_file(file_number_, from, [this](const JournalLine& line) -> Result<void> {
        newest_heads_.push_back({line.sequence, line.mac});
        return {};
    }));
    written_ = head_ = from;
    return {};
}

const JournalLine& Journal::chain(JournalLine line) {
    line.sequence = head_.sequence + 1;
    line.mac = mac_of(head_.mac, line);
    head_ = {line.sequence, line.mac};
    unwritten_.push_back(std::move(line));
    return unwritten_.back();
}

void Journal::take_back(const JournalHead& before) {
    CHECK(!unwritten_.empty() && before.sequence + 1 == head_.sequence);
    unwritten_.pop_back();
    head_ = before;
}

Result<void> Journal::restore(const std::vector<JournalLine>& lines) {
    for (const JournalLine& line : lines) {
        if (line.sequence <= head_.sequence) continue;
        const bool next = line.sequence == head_.sequence + 1;
        if (!next || !equal_constant_time(line.mac, mac_of(head_.mac, line))) return broken();
        head_ = {line.sequence, line.mac};
        unwritten_.push_back(line);
    }
    return {};
}

bool Journal::agrees_with(const JournalHead& kept) const {
    if (kept.sequence > head_.sequence) return false;
    const auto here = std::ranges::find(newest_heads_, kept.sequence, &JournalHead::sequence);
    if (here != newest_heads_.end()) return *here == kept;
    // Between the file's end and the head there is only what was restored, which was checked.
    return kept.sequence < newest_heads_.front().sequence || kept.sequence > written_.sequence;
}

Result<void> Journal::next_file() {
    JournalHead from = written_;
    const std::uint64_t number = file_number_ + 1;
    file_ =
        TRY(open_file(number, from, [](const JournalLine&) -> Result<void> { return broken(); }));
    file_number_ = number;
    return {};
}

Result<void> Journal::write() {
    while (!unwritten_.empty()) {
        if (file_->size() > file_bytes_max) TRY_VOID(next_file());
        Buffer record{lines_mark};
        std::size_t count = 0;
        while (count < unwritten_.size() && record.size() + protocol::journal_line_bytes_max <=
                                                host::AppendLog::record_bytes_max) {
            protocol::put_journal_line(record, unwritten_[count++]);
        }
        TRY_VOID(file_->append(record));
        const JournalLine& last = unwritten_[count - 1];
        written_ = {last.sequence, last.mac};
        unwritten_.erase(unwritten_.begin(),
                         unwritten_.begin() + static_cast<std::ptrdiff_t>(count));
    }
    return {};
}

Result<JournalHead> Journal::verify() {
    TRY_VOID(write());
    JournalHead head;
    for (std::uint64_t number = 1; number <= file_number_; ++number) {
        TRY(open_file(number, head, [](const JournalLine&) -> Result<void> { return {}; }));
    }
    if (head != head_) return broken();
    return head;
}

Result<std::vector<JournalLine>> Journal::read(std::uint64_t from) {
    TRY_VOID(write());
    std::vector<JournalLine> lines;
    JournalHead head;
    for (std::uint64_t number = 1; number <= file_number_; ++number) {
        TRY(open_file(number, head, [&](const JournalLine& line) -> Result<void> {
            if (line.sequence >= from && lines.size() < read_lines_max) lines.push_back(line);
            return {};
        }));
    }
    return lines;
}

}  // namespace softpos::keys
