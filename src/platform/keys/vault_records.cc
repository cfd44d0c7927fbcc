// Fixed order, one length byte where something varies.
#include "platform/keys/vault_records.h"

#include "base/check.h"

#include <algorithm>

namespace softpos::keys {
namespace {

constexpr std::uint8_t key_mark = 'K';
constexpr std::uint8_t replay_mark = 'R';
constexpr std::size_t replay_bytes = 8 + 4 + 4 + 16;

std::unexpected<Error> bad() {
    return std::unexpected(protocol::error_of(ErrorKind::malformed, protocol::VaultFault::storage));
}

std::array<std::uint8_t, 4> big_endian(std::uint32_t number) {
    return {static_cast<std::uint8_t>(number >> 24), static_cast<std::uint8_t>(number >> 16 & 0xFF),
            static_cast<std::uint8_t>(number >> 8 & 0xFF),
            static_cast<std::uint8_t>(number & 0xFF)};
}

std::uint32_t number_of(Bytes in) {
    return std::uint32_t{in[0]} << 24 | std::uint32_t{in[1]} << 16 | std::uint32_t{in[2]} << 8 |
           in[3];
}

std::optional<Bytes> take_sized(ByteReader& in, std::size_t max) {
    const auto size = in.take_byte();
    if (!size || *size == 0 || *size > max) return std::nullopt;
    return in.take(*size);
}

Result<KeyEntry> read_key(ByteReader& in) {
    const auto name = take_sized(in, stored_name_bytes_max);
    if (!name) return bad();
    const auto head = in.take(4);
    const auto key = head ? take_sized(in, key_bytes_max) : std::nullopt;
    if (!key || (*head)[0] >= protocol::key_usages || (*head)[1] >= protocol::key_algorithms ||
        (*head)[3] > 1) {
        return bad();
    }
    const auto attributes =
        attributes_for(static_cast<KeyUsage>((*head)[0]), static_cast<KeyAlgorithm>((*head)[1]));
    if (!attributes || static_cast<std::uint8_t>(attributes->mode) != (*head)[2]) return bad();
    return KeyEntry{.name = std::string(text_of(*name)),
                    .attributes = *attributes,
                    .state = static_cast<KeyState>((*head)[3]),
                    .key = SecretBytes::copy_of(*key)};
}

Result<ReplayEntry> read_replay(ByteReader& in) {
    const auto bytes = in.take(replay_bytes);
    if (!bytes) return bad();
    ReplayEntry entry;
    std::ranges::copy(bytes->first(8), entry.initial_key_id.begin());
    entry.floor = number_of(bytes->subspan(8, 4));
    entry.counter = number_of(bytes->subspan(12, 4));
    std::ranges::copy(bytes->last(16), entry.digest.begin());
    return entry;
}

std::size_t size_of(const Entry& entry) {
    if (const auto* key = std::get_if<KeyEntry>(&entry)) {
        return 1 + 1 + key->name.size() + 4 + 1 + key->key.size();
    }
    return 1 + replay_bytes;
}

}  // namespace

bool EntryWriter::fits(const Entry& entry) const {
    return size_of(entry) <= bytes_.size() - size_;
}

void EntryWriter::put_bytes(Bytes bytes) {
    CHECK(bytes.size() <= bytes_.size() - size_);
    std::ranges::copy(bytes, bytes_.writable().subspan(size_).begin());
    size_ += bytes.size();
}

void EntryWriter::put(const Entry& entry) {
    if (const auto* key = std::get_if<KeyEntry>(&entry)) {
        CHECK(key->name.size() <= stored_name_bytes_max && key->key.size() <= key_bytes_max);
        put_byte(key_mark);
        put_byte(static_cast<std::uint8_t>(key->name.size()));
        put_bytes(bytes_of(key->name));
        put_byte(static_cast<std::uint8_t>(key->attributes.usage));
        put_byte(static_cast<std::uint8_t>(key->attributes.algorithm));
        put_byte(static_cast<std::uint8_t>(key->attributes.mode));
        put_byte(static_cast<std::uint8_t>(key->state));
        put_byte(static_cast<std::uint8_t>(key->key.size()));
        put_bytes(key->key.bytes());
        return;
    }
    const auto& replay = std::get<ReplayEntry>(entry);
    put_byte(replay_mark);
    put_bytes(replay.initial_key_id);
    put_bytes(big_endian(replay.floor));
    put_bytes(big_endian(replay.counter));
    put_bytes(replay.digest);
}

Result<std::vector<Entry>> read_entries(Bytes bytes) {
    std::vector<Entry> entries;
    ByteReader in(bytes);
    while (const auto mark = in.take_byte()) {
        if (*mark == key_mark) {
            entries.emplace_back(TRY(read_key(in)));
        } else if (*mark == replay_mark) {
            entries.emplace_back(TRY(read_replay(in)));
        } else {
            return bad();
        }
    }
    return entries;
}

}  // namespace softpos::keys
