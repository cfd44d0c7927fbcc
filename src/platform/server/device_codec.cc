// One put and one take for each part, in the order of the structure.
#include "platform/server/device_codec.h"

#include "protocol/spa_fields.h"

#include <utility>

namespace softpos::server {
namespace {

// NOLINTNEXTLINE(google-build-using-namespace): the words that this file is written in.
using namespace protocol::spa_fields;
using monitor::DeviceRecord;

// Version 1 knew no keys of hardware, and is still read.
constexpr unsigned record_version = 2;
constexpr std::size_t record_fields = 28;
constexpr std::size_t key_bytes_max = 1024;
constexpr std::size_t serial_bytes_max = 80;
constexpr std::size_t items_max = std::size_t{protocol::finding_codes} * protocol::trust_classes;
constexpr Size terminal_size{8, 8};
constexpr Size claim_size{0, protocol::claim_bytes_max};
constexpr Size key_size{0, key_bytes_max};

constexpr auto put_finding = [](CborWriter& out, const protocol::Finding& one) { put(out, one); };

void put_pins(CborWriter& out, const monitor::Pins& pins) {
    out.begin_array(12);
    out.put_bytes(pins.core_sign_point);
    out.put_bytes(pins.core_seal_point);
    out.put_bytes(pins.measurement);
    out.put_unsigned(static_cast<std::uint64_t>(pins.kind));
    out.put_unsigned(static_cast<std::uint64_t>(pins.home));
    put_buffer(out, pins.device_key, key_size);
    put_buffer(out, pins.device_id, key_size);
    put_buffer(out, pins.boot_key, key_size);
    put_text(out, pins.root_serial, {0, serial_bytes_max});
    put_text(out, pins.model, claim_size);
    put_text(out, pins.app_package, claim_size);
    out.put_integer(pins.at.unix_ms);
}

Result<monitor::Pins> take_pins(CborReader& in) {
    TRY_VOID(take_fields(in, 12));
    monitor::Pins pins;
    pins.core_sign_point = TRY(take_array<65>(in));
    pins.core_seal_point = TRY(take_array<65>(in));
    pins.measurement = TRY(take_array<32>(in));
    pins.kind = TRY(take_number<protocol::EvidenceKind>(in, protocol::evidence_kinds));
    pins.home = TRY(take_number<attest::KeyHome>(in, monitor::key_homes - 1));
    pins.device_key = TRY(take_buffer(in, key_size));
    pins.device_id = TRY(take_buffer(in, key_size));
    pins.boot_key = TRY(take_buffer(in, key_size));
    pins.root_serial = TRY(take_text(in, {0, serial_bytes_max}));
    pins.model = TRY(take_text(in, claim_size));
    pins.app_package = TRY(take_text(in, claim_size));
    pins.at = {TRY(in.take_integer())};
    return pins;
}

void put_marks(CborWriter& out, const monitor::Marks& marks) {
    out.begin_array(4);
    for (const auto mark :
         {marks.os_version, marks.os_patch, marks.app_version, marks.sdk_version}) {
        out.put_unsigned(mark);
    }
}

Result<monitor::Marks> take_marks(CborReader& in) {
    TRY_VOID(take_fields(in, 4));
    monitor::Marks marks;
    for (auto* mark :
         {&marks.os_version, &marks.os_patch, &marks.app_version, &marks.sdk_version}) {
        *mark = TRY(take_number<std::uint32_t>(in, UINT32_MAX));
    }
    return marks;
}

void put_keys(CborWriter& out, const monitor::HardwareKeys& keys) {
    out.begin_array(4);
    put_buffer(out, keys.tpm_name, key_size);
    out.put_unsigned(keys.tpm_resets);
    put_buffer(out, keys.apple_key, key_size);
    out.put_unsigned(keys.apple_counter);
}

Result<monitor::HardwareKeys> take_keys(CborReader& in) {
    TRY_VOID(take_fields(in, 4));
    monitor::HardwareKeys keys;
    keys.tpm_name = TRY(take_buffer(in, key_size));
    keys.tpm_resets = TRY(take_number<std::uint32_t>(in, UINT32_MAX));
    keys.apple_key = TRY(take_buffer(in, key_size));
    keys.apple_counter = TRY(take_number<std::uint32_t>(in, UINT32_MAX));
    return keys;
}

void put_item(CborWriter& out, const monitor::ScoreItem& item) {
    out.begin_array(4);
    put_enum(out, item.code);
    put_enum(out, item.origin);
    out.put_unsigned(item.milli_points);
    out.put_integer(item.at.unix_ms);
}

Result<monitor::ScoreItem> take_item(CborReader& in) {
    TRY_VOID(take_fields(in, 4));
    monitor::ScoreItem item;
    item.code = TRY(take_enum<protocol::FindingCode>(in, protocol::finding_codes));
    item.origin = TRY(take_enum<protocol::TrustClass>(in, protocol::trust_classes));
    item.milli_points = TRY(in.take_unsigned());
    item.at = {TRY(in.take_integer())};
    return item;
}

void put_latch(CborWriter& out, const std::optional<monitor::Latch>& latch) {
    if (!latch) return out.put_null();
    out.begin_array(3);
    put(out, latch->finding);
    out.put_integer(latch->at.unix_ms);
    out.put_bool(latch->released);
}

Result<std::optional<monitor::Latch>> take_latch(CborReader& in) {
    if (TRY(in.take_null())) return std::optional<monitor::Latch>();
    TRY_VOID(take_fields(in, 3));
    monitor::Latch latch;
    latch.finding = TRY(take_finding(in));
    latch.at = {TRY(in.take_integer())};
    latch.released = TRY(in.take_bool());
    return std::optional(latch);
}

void put_open(CborWriter& out, const std::optional<monitor::OpenPermit>& open) {
    if (!open) return out.put_null();
    out.begin_array(4);
    put_enum(out, open->purpose);
    out.put_integer(open->amount_minor);
    out.put_unsigned(open->currency);
    out.put_integer(open->at.unix_ms);
}

Result<std::optional<monitor::OpenPermit>> take_open(CborReader& in) {
    if (TRY(in.take_null())) return std::optional<monitor::OpenPermit>();
    TRY_VOID(take_fields(in, 4));
    monitor::OpenPermit open;
    open.purpose = TRY(take_enum<protocol::PermitPurpose>(in, protocol::permit_purposes));
    open.amount_minor = TRY(in.take_integer());
    open.currency = TRY(take_number<std::uint16_t>(in, UINT16_MAX));
    open.at = {TRY(in.take_integer())};
    return std::optional(open);
}

// How the place was found is no part of what is kept of it.
void put_place(CborWriter& out, const std::optional<protocol::Location>& place) {
    if (!place) return out.put_null();
    out.begin_array(3);
    out.put_integer(place->latitude_e6);
    out.put_integer(place->longitude_e6);
    out.put_unsigned(place->accuracy_m);
}

Result<std::optional<protocol::Location>> take_place(CborReader& in) {
    if (TRY(in.take_null())) return std::optional<protocol::Location>();
    TRY_VOID(take_fields(in, 3));
    const std::int64_t latitude_e6 = TRY(in.take_integer());
    const std::int64_t longitude_e6 = TRY(in.take_integer());
    if (!std::in_range<std::int32_t>(latitude_e6) || !std::in_range<std::int32_t>(longitude_e6)) {
        return wrong("device: degrees", in);
    }
    protocol::Location place;
    place.latitude_e6 = static_cast<std::int32_t>(latitude_e6);
    place.longitude_e6 = static_cast<std::int32_t>(longitude_e6);
    place.accuracy_m = TRY(take_number<std::uint32_t>(in, UINT32_MAX));
    return std::optional(place);
}

// The second half: what moves with each message.
void put_moving(CborWriter& out, const DeviceRecord& device) {
    out.put_unsigned(device.last_sequence);
    out.put_unsigned(device.last_event);
    out.put_bytes(device.last_body);
    out.put_bytes(device.journal_head);
    out.put_integer(device.last_seen.unix_ms);
    out.put_integer(device.last_permit.unix_ms);
    out.put_integer(device.last_evidence.unix_ms);
    out.put_bytes(device.last_address);
    put_place(out, device.last_location);
    out.put_integer(device.last_location_at.unix_ms);
    out.put_bool(device.silent);
    put_open(out, device.open);
    out.put_unsigned(device.command_number);
    out.put_unsigned(device.policy_version);
    out.put_unsigned(device.phone_policy);
    out.put_bytes(device.evidence_digest);
}

Result<void> take_moving(CborReader& in, DeviceRecord& device) {
    device.last_sequence = TRY(in.take_unsigned());
    device.last_event = TRY(in.take_unsigned());
    device.last_body = TRY(take_array<32>(in));
    device.journal_head = TRY(take_array<32>(in));
    device.last_seen = {TRY(in.take_integer())};
    device.last_permit = {TRY(in.take_integer())};
    device.last_evidence = {TRY(in.take_integer())};
    device.last_address = TRY(take_array<32>(in));
    device.last_location = TRY(take_place(in));
    device.last_location_at = {TRY(in.take_integer())};
    device.silent = TRY(in.take_bool());
    device.open = TRY(take_open(in));
    device.command_number = TRY(in.take_unsigned());
    device.policy_version = TRY(take_number<std::uint32_t>(in, UINT32_MAX));
    device.phone_policy = TRY(take_number<std::uint32_t>(in, UINT32_MAX));
    device.evidence_digest = TRY(take_array<32>(in));
    return {};
}

}  // namespace

Buffer encode_device(const DeviceRecord& device) {
    Buffer bytes;
    CborWriter out(bytes);
    out.begin_array(record_fields);
    out.put_unsigned(record_version);
    put_text(out, device.terminal, terminal_size);
    put_enum(out, device.state);
    put_pins(out, device.pins);
    put_marks(out, device.marks);
    put_keys(out, device.keys);
    out.put_unsigned(device.hardware);
    out.put_unsigned(device.grade);
    put_list(out, device.score, items_max, put_item);
    put_list(out, device.standing, items_max, put_finding);
    put_latch(out, device.latch);
    out.put_bool(device.operator_hold);
    put_moving(out, device);
    return bytes;
}

Result<DeviceRecord> decode_device(Bytes bytes) {
    CborReader in(bytes);
    const std::size_t fields = TRY(in.take_array(record_fields));
    const std::uint64_t version = TRY(in.take_unsigned());
    if (version < 1 || version > record_version) {
        return fail(ErrorKind::unsupported, "device: version of its record");
    }
    const bool with_keys = version == record_version;
    if (fields != (with_keys ? record_fields : record_fields - 1)) {
        return wrong("device: number of fields", in);
    }
    DeviceRecord device;
    device.terminal = TRY(take_text(in, terminal_size));
    device.state = TRY(take_enum<monitor::DeviceState>(in, monitor::device_states));
    device.pins = TRY(take_pins(in));
    device.marks = TRY(take_marks(in));
    if (with_keys) device.keys = TRY(take_keys(in));
    device.hardware = TRY(take_number<protocol::CapabilitySet>(in, UINT8_MAX));
    device.grade = TRY(take_number<std::uint8_t>(in, monitor::grades - 1));
    device.score = TRY(take_list<monitor::ScoreItem>(in, items_max, take_item));
    device.standing = TRY(take_list<protocol::Finding>(in, items_max, take_finding));
    device.latch = TRY(take_latch(in));
    device.operator_hold = TRY(in.take_bool());
    TRY_VOID(take_moving(in, device));
    TRY_VOID(in.end());
    return device;
}

void put_record(const DeviceRecord& device, std::uint32_t score, Instant now,
                store::DeviceRow& row) {
    row.terminal = device.terminal;
    row.state = static_cast<std::uint8_t>(device.state);
    row.grade = device.grade;
    row.score = score;
    row.last_seen = device.last_seen;
    row.changed_at = now;
    ++row.version;
    row.record = encode_device(device);
}

}  // namespace softpos::server
