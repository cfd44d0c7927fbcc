// Blocks that published cases are made of: PINs in clear, and chained and folded data.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <optional>
#include <string_view>

namespace softpos::conformance {

// ISO 9564 format 0: 0L PIN F.. xor 0000 and the last twelve digits of the PAN before its check
// digit. Spec: [ISO-9564-1] 9.3.2.
std::optional<Buffer> iso0_pin_block(std::string_view pin, std::string_view pan);

// The UnionPay one for SM4, of 16 bytes; its two halves before they are added up.
struct Sm4PinFields {
    Buffer pin, pan;
};
std::optional<Sm4PinFields> sm4_pin_fields(std::string_view pin, std::string_view pan);

// CBC with TDES from a zero vector; `data` is filled up with zeros.
Result<Buffer> tdes_cbc(Bytes key, Bytes data);

// All blocks of the size added up, the last one filled up with zeros.
Buffer xor_of_blocks(Bytes data, std::size_t block_bytes);

// Byte by byte, as far as the shorter one goes.
Buffer xor_of(Bytes a, Bytes b);

}  // namespace softpos::conformance
