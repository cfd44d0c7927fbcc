// The vault's memory of who asked for what: lines chained by a MAC, in files that only grow.
#pragma once

#include "base/secret.h"
#include "host/durable_file.h"
#include "protocol/vault_journal.h"

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace softpos::keys {

using protocol::JournalLine;
using protocol::JournalMac;

// Up to where a journal is known.
struct JournalHead {
    std::uint64_t sequence = 0;
    JournalMac mac{};

    friend bool operator==(const JournalHead&, const JournalHead&) = default;
};

// The MAC of each line is over the MAC of the line before it and its own content, so that none can
// be changed, taken out or put in between by anybody without the key. What is cut off at the end
// shows in the head that the vault's store keeps.
//
// Files: journal.1, journal.2, ...; each begins with the head it goes on from.
class Journal {
public:
    static constexpr std::uint64_t file_bytes_max = 4UL * 1024 * 1024;
    static constexpr std::size_t read_lines_max = 200;

    // The newest file is read and checked; malformed where it does not hold together.
    static Result<Journal> open(const std::string& directory, SecretBytes key);

    const JournalHead& head() const { return head_; }  // Of what is chained, written or not.

    // The next line of the chain, with sequence and MAC; in memory until write().
    const JournalLine& chain(JournalLine line);
    // The last line was not written anywhere after all; `before` is the head from before it.
    void take_back(const JournalHead& before);
    // Lines that were chained before a crash and may not have reached the file. malformed where
    // they do not go on from it.
    Result<void> restore(const std::vector<JournalLine>& lines);
    const std::deque<JournalLine>& unwritten() const { return unwritten_; }
    Result<void> write();

    // Whether the line at a head that was kept elsewhere is the one that is here. Lines in files
    // before the newest are not looked at.
    bool agrees_with(const JournalHead& kept) const;

    // Everything on disk, from the first line. Writes first.
    Result<JournalHead> verify();
    // From a sequence number on, read_lines_max at most. Writes first.
    Result<std::vector<JournalLine>> read(std::uint64_t from);

private:
    using OnLine = std::function<Result<void>(const JournalLine&)>;

    Journal(std::string directory, SecretBytes key)
        : directory_(std::move(directory)), key_(std::move(key)) {}
    std::string file_name(std::uint64_t number) const;
    Result<void> open_newest();
    Result<host::AppendLog> open_file(std::uint64_t number, JournalHead& head,
                                      const OnLine& on_line) const;
    Result<void> next_file();
    JournalMac mac_of(const JournalMac& before, const JournalLine& line) const;

    std::string directory_;
    SecretBytes key_;
    std::uint64_t file_number_ = 1;
    std::optional<host::AppendLog> file_;
    std::vector<JournalHead> newest_heads_;  // Of the lines in the newest file when it was opened.
    JournalHead written_;
    JournalHead head_;
    std::deque<JournalLine> unwritten_;
};

}  // namespace softpos::keys
