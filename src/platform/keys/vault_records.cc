// Fixed order, one length byte where something varies.
#include "platform/keys/vault_records.h"

#include "base/check.h"

#include <algorithm>
#include <array>

namespace softpos::keys {
namespace {

constexpr std::uint8_t key_mark = 'K';
constexpr std::uint8_t replay_mark = 'R';
constexpr std::uint8_t device_mark = 'P';
constexpr std::uint8_t journal_mark = 'J';
constexpr std::uint8_t head_mark = 'H';
constexpr std::uint8_t operators_mark = 'O';
constexpr std::size_t head_bytes = 8 + sizeof(JournalMac);
constexpr std::size_t attribute_bytes = 8;
constexpr std::size_t replay_bytes = 8 + 1 + 4 + 4 + 16;
constexpr std::size_t device_bytes = 8 + 1 + 1 + 1;

struct SizeRange {
    std::size_t min;
    std::size_t max;
};

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

std::optional<Bytes> take_sized(ByteReader& in, SizeRange size) {
    const auto count = in.take_byte();
    if (!count || *count < size.min || *count > size.max) return std::nullopt;
    return in.take(*count);
}

// Usage, algorithm, mode, exportability, version, dual control, state, protection.
std::array<std::uint8_t, attribute_bytes> packed(const KeyEntry& key) {
    const KeyAttributes& is = key.attributes;
    return {static_cast<std::uint8_t>(is.usage),
            static_cast<std::uint8_t>(is.algorithm),
            static_cast<std::uint8_t>(is.mode),
            static_cast<std::uint8_t>(is.exportability),
            is.version,
            static_cast<std::uint8_t>(is.dual_control ? 1 : 0),
            static_cast<std::uint8_t>(key.state),
            static_cast<std::uint8_t>(key.body.protection)};
}

Result<KeyEntry> read_key(ByteReader& in) {
    const auto name = take_sized(in, {1, stored_name_bytes_max});
    if (!name) return bad();
    const auto head = in.take(attribute_bytes);
    const auto body = head ? take_sized(in, {0, key_body_bytes_max}) : std::nullopt;
    if (!body) return bad();
    const Bytes is = *head;
    const bool known = is[0] < protocol::key_usages && is[1] < protocol::key_algorithms &&
                       is[5] <= 1 && is[6] < protocol::key_states && is[7] < protections;
    if (!known) return bad();
    KeyEntry key{.name = std::string(text_of(*name)),
                 .attributes = {.usage = static_cast<KeyUsage>(is[0]),
                                .algorithm = static_cast<KeyAlgorithm>(is[1]),
                                .mode = static_cast<KeyMode>(is[2]),
                                .exportability = static_cast<Exportability>(is[3]),
                                .version = is[4],
                                .dual_control = is[5] == 1},
                 .state = static_cast<KeyState>(is[6]),
                 .body = {static_cast<KeyProtection>(is[7]), SecretBytes::copy_of(*body)}};
    const bool gone = key.state == KeyState::destroyed;
    if (!is_legal(key.attributes) || body->empty() != gone) return bad();
    return key;
}

Result<ReplayEntry> read_replay(ByteReader& in) {
    const auto bytes = in.take(replay_bytes);
    if (!bytes || (*bytes)[8] >= replays) return bad();
    ReplayEntry entry;
    std::ranges::copy(bytes->first(8), entry.initial_key_id.begin());
    entry.of = static_cast<ReplayOf>((*bytes)[8]);
    entry.floor = number_of(bytes->subspan(9, 4));
    entry.counter = number_of(bytes->subspan(13, 4));
    std::ranges::copy(bytes->last(16), entry.digest.begin());
    return entry;
}

Result<DeviceEntry> read_device(ByteReader& in) {
    const auto bytes = in.take(device_bytes);
    if (!bytes || (*bytes)[8] >= protocol::device_kinds || (*bytes)[9] > 1) return bad();
    DeviceEntry entry;
    std::ranges::copy(bytes->first(8), entry.device.id.begin());
    entry.device.kind = static_cast<DeviceKind>((*bytes)[8]);
    entry.revoked = (*bytes)[9] == 1;
    entry.pin_failures = (*bytes)[10];
    return entry;
}

// One line with its size in two bytes in front.
Result<JournalEntry> read_journal(ByteReader& in) {
    const auto size = in.take(2);
    const auto bytes =
        size ? in.take(std::size_t{(*size)[0]} << 8 | std::size_t{(*size)[1]}) : std::nullopt;
    if (!bytes) return bad();
    auto lines = protocol::read_journal_lines(*bytes);
    if (!lines || lines->size() != 1) return bad();
    return JournalEntry{std::move(lines->front())};
}

Result<JournalHeadEntry> read_head(ByteReader& in) {
    const auto bytes = in.take(head_bytes);
    if (!bytes) return bad();
    JournalHeadEntry entry;
    for (const std::uint8_t byte : bytes->first(8)) {
        entry.head.sequence = entry.head.sequence << 8 | byte;
    }
    std::ranges::copy(bytes->last(sizeof(JournalMac)), entry.head.mac.begin());
    return entry;
}

Result<OperatorsEntry> read_operators(ByteReader& in) {
    const auto head = in.take(2);
    if (!head || (*head)[1] > protocol::operators_max) return bad();
    OperatorsEntry entry{.quorum = (*head)[0], .operators = {}};
    for (unsigned i = 0; i < (*head)[1]; ++i) {
        protocol::VaultOperator one;
        const auto name = take_sized(in, {1, protocol::operator_name_bytes_max});
        const auto point = name ? in.take(one.point.size()) : std::nullopt;
        if (!point || !protocol::is_operator_name(text_of(*name))) return bad();
        one.name = std::string(text_of(*name));
        std::ranges::copy(*point, one.point.begin());
        entry.operators.push_back(std::move(one));
    }
    return entry;
}

std::size_t size_of(const JournalEntry& entry) {
    return 1 + 2 + protocol::journal_body(entry.line).size() + entry.line.mac.size();
}
std::size_t size_of(const JournalHeadEntry&) {
    return 1 + head_bytes;
}
std::size_t size_of(const OperatorsEntry& entry) {
    std::size_t size = 3;
    for (const auto& one : entry.operators) size += 1 + one.name.size() + one.point.size();
    return size;
}
std::size_t size_of(const KeyEntry& key) {
    return 1 + 1 + key.name.size() + attribute_bytes + 1 + key.body.bytes.size();
}
std::size_t size_of(const ReplayEntry&) {
    return 1 + replay_bytes;
}
std::size_t size_of(const DeviceEntry&) {
    return 1 + device_bytes;
}

}  // namespace

bool EntryWriter::fits(const Entry& entry) const {
    const std::size_t size = std::visit([](const auto& one) { return size_of(one); }, entry);
    return size <= bytes_.size() - size_;
}

void EntryWriter::put_bytes(Bytes bytes) {
    CHECK(bytes.size() <= bytes_.size() - size_);
    std::ranges::copy(bytes, bytes_.writable().subspan(size_).begin());
    size_ += bytes.size();
}

void EntryWriter::put(const Entry& entry) {
    std::visit([this](const auto& one) { put_one(one); }, entry);
}

void EntryWriter::put_one(const KeyEntry& key) {
    CHECK(key.name.size() <= stored_name_bytes_max && key.body.bytes.size() <= key_body_bytes_max);
    put_byte(key_mark);
    put_byte(static_cast<std::uint8_t>(key.name.size()));
    put_bytes(bytes_of(key.name));
    put_bytes(packed(key));
    put_byte(static_cast<std::uint8_t>(key.body.bytes.size()));
    put_bytes(key.body.bytes.bytes());
}

void EntryWriter::put_one(const ReplayEntry& replay) {
    put_byte(replay_mark);
    put_bytes(replay.initial_key_id);
    put_byte(static_cast<std::uint8_t>(replay.of));
    put_bytes(big_endian(replay.floor));
    put_bytes(big_endian(replay.counter));
    put_bytes(replay.digest);
}

void EntryWriter::put_one(const DeviceEntry& device) {
    put_byte(device_mark);
    put_bytes(device.device.id);
    put_byte(static_cast<std::uint8_t>(device.device.kind));
    put_byte(device.revoked ? 1 : 0);
    put_byte(device.pin_failures);
}

void EntryWriter::put_one(const JournalEntry& journal) {
    Buffer line;
    protocol::put_journal_line(line, journal.line);
    put_byte(journal_mark);
    put_byte(static_cast<std::uint8_t>(line.size() >> 8));
    put_byte(static_cast<std::uint8_t>(line.size() & 0xFF));
    put_bytes(line);
}

void EntryWriter::put_one(const JournalHeadEntry& journal) {
    put_byte(head_mark);
    const std::uint64_t sequence = journal.head.sequence;
    put_bytes(big_endian(static_cast<std::uint32_t>(sequence >> 32)));
    put_bytes(big_endian(static_cast<std::uint32_t>(sequence & 0xFFFFFFFF)));
    put_bytes(journal.head.mac);
}

void EntryWriter::put_one(const OperatorsEntry& operators) {
    put_byte(operators_mark);
    put_byte(operators.quorum);
    put_byte(static_cast<std::uint8_t>(operators.operators.size()));
    for (const auto& one : operators.operators) {
        put_byte(static_cast<std::uint8_t>(one.name.size()));
        put_bytes(bytes_of(one.name));
        put_bytes(one.point);
    }
}

Result<std::vector<Entry>> read_entries(Bytes bytes) {
    std::vector<Entry> entries;
    ByteReader in(bytes);
    while (const auto mark = in.take_byte()) {
        if (*mark == key_mark) {
            entries.emplace_back(TRY(read_key(in)));
        } else if (*mark == replay_mark) {
            entries.emplace_back(TRY(read_replay(in)));
        } else if (*mark == device_mark) {
            entries.emplace_back(TRY(read_device(in)));
        } else if (*mark == journal_mark) {
            entries.emplace_back(TRY(read_journal(in)));
        } else if (*mark == head_mark) {
            entries.emplace_back(TRY(read_head(in)));
        } else if (*mark == operators_mark) {
            entries.emplace_back(TRY(read_operators(in)));
        } else {
            return bad();
        }
    }
    return entries;
}

}  // namespace softpos::keys
