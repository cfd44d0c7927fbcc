// What the vault's files say, entry by entry: keys with their attributes, used serial
// numbers, what is known of phones, operators, and the journal's last lines. Clear text;
// vault_store seals it.
#pragma once

#include "base/secret.h"
#include "platform/keys/journal.h"
#include "platform/keys/key_entry.h"
#include "platform/keys/replay_window.h"
#include "protocol/vault_requests.h"

#include <string>
#include <variant>
#include <vector>

namespace softpos::keys {

using protocol::InitialKeyId;

constexpr std::size_t key_body_bytes_max = 250;
constexpr std::size_t stored_name_bytes_max = protocol::key_alias_bytes_max + 8;
constexpr std::size_t record_entries_bytes_max = 16UL * 1024;

using protocol::DeviceKind;

// Serial numbers count apart for each base key of a phone, and for each use of a terminal's.
enum class ReplayOf : std::uint8_t { cards, pins, terminal_pins, terminal_macs };
constexpr unsigned replays = 4;

constexpr DeviceKind kind_of(ReplayOf of) {
    return of == ReplayOf::cards || of == ReplayOf::pins ? DeviceKind::phone : DeviceKind::terminal;
}

// Who counted. The same eight bytes are another device in the other kind.
struct DeviceId {
    InitialKeyId id{};
    DeviceKind kind = DeviceKind::phone;

    friend bool operator==(const DeviceId&, const DeviceId&) = default;
};

struct ReplayEntry {
    InitialKeyId initial_key_id{};
    ReplayOf of = ReplayOf::cards;
    std::uint32_t floor = 0;
    std::uint32_t counter = 0;
    CardDigest digest{};
};

// What else is known of a device.
struct DeviceEntry {
    DeviceId device{};
    bool revoked = false;
    std::uint8_t pin_failures = 0;  // Since its initial key of PINs was made.
};

// A line that may not have reached the journal's file yet, and up to where the journal went when
// everything was written anew.
struct JournalEntry {
    JournalLine line{};
};
struct JournalHeadEntry {
    JournalHead head{};
};

struct OperatorsEntry {
    std::uint8_t quorum = 0;
    std::vector<protocol::VaultOperator> operators{};
};

using Entry = std::variant<KeyEntry, ReplayEntry, DeviceEntry, JournalEntry, JournalHeadEntry,
                           OperatorsEntry>;

// Entries behind each other in memory that is wiped, up to record_entries_bytes_max.
class EntryWriter {
public:
    EntryWriter() : bytes_(record_entries_bytes_max) {}

    bool fits(const Entry& entry) const;
    void put(const Entry& entry);  // CHECKs that it fits.
    Bytes bytes() const { return bytes_.bytes().first(size_); }
    bool empty() const { return size_ == 0; }
    void clear() { size_ = 0; }

private:
    void put_one(const KeyEntry& key);
    void put_one(const ReplayEntry& replay);
    void put_one(const DeviceEntry& device);
    void put_one(const JournalEntry& journal);
    void put_one(const JournalHeadEntry& journal);
    void put_one(const OperatorsEntry& operators);
    void put_bytes(Bytes bytes);
    void put_byte(std::uint8_t byte) { put_bytes(Bytes(&byte, 1)); }

    SecretBytes bytes_;
    std::size_t size_ = 0;
};

// malformed where it is not what EntryWriter writes; attributes that no key may have included.
Result<std::vector<Entry>> read_entries(Bytes bytes);

}  // namespace softpos::keys
