// What the monitor knows of a phone, as the bytes that the store keeps.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "platform/monitor/device.h"
#include "platform/store/trust_records.h"

namespace softpos::server {

// Deterministic CBOR, version first. decode refuses everything that encode does not write:
// malformed, with the offset; unsupported for another version.
Buffer encode_device(const monitor::DeviceRecord& device);
Result<monitor::DeviceRecord> decode_device(Bytes bytes);

// Brings the columns that are asked for by the store up to what the record says.
void put_record(const monitor::DeviceRecord& device, std::uint32_t score, Instant now,
                store::DeviceRow& row);

}  // namespace softpos::server
