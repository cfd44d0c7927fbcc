// What the vault's files say, entry by entry: keys with their attributes, and used serial numbers.
// Clear text; vault_store seals it.
#pragma once

#include "base/secret.h"
#include "platform/keys/authorise.h"
#include "platform/keys/replay_window.h"

#include <string>
#include <variant>
#include <vector>

namespace softpos::keys {

constexpr std::size_t key_bytes_max = 32;
constexpr std::size_t stored_name_bytes_max = protocol::key_alias_bytes_max + 8;
constexpr std::size_t record_entries_bytes_max = 8UL * 1024;

using InitialKeyId = std::array<std::uint8_t, 8>;

struct KeyEntry {
    std::string name;  // An alias, or "alias/mac" for a working key.
    KeyAttributes attributes;
    KeyState state = KeyState::active;
    SecretBytes key;
};

struct ReplayEntry {
    InitialKeyId initial_key_id{};
    std::uint32_t floor = 0;
    std::uint32_t counter = 0;
    CardDigest digest{};
};

using Entry = std::variant<KeyEntry, ReplayEntry>;

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
    void put_bytes(Bytes bytes);
    void put_byte(std::uint8_t byte) { put_bytes(Bytes(&byte, 1)); }

    SecretBytes bytes_;
    std::size_t size_ = 0;
};

// malformed where it is not what EntryWriter writes; attributes that no key may have included.
Result<std::vector<Entry>> read_entries(Bytes bytes);

}  // namespace softpos::keys
