// Commands to a card and its answers, in the short form of ISO/IEC 7816-4 that every payment card
// speaks.
//
// Spec: [ISO7816-4] 5.1.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstdint>
#include <optional>

namespace softpos::codec {

constexpr std::size_t command_data_bytes_max = 255;
constexpr std::size_t response_data_bytes_max = 256;

// `data` is borrowed. `le` is how many bytes the card may answer with, 1 to 256; 256 travels as 00.
//
//     encode({.cla = 0x00, .ins = 0xA4, .p1 = 0x04, .p2 = 0x00, .data = aid, .le = 256})
struct CommandApdu {
    std::uint8_t cla = 0;
    std::uint8_t ins = 0;
    std::uint8_t p1 = 0;
    std::uint8_t p2 = 0;
    Bytes data{};
    std::optional<unsigned> le{};
};

Buffer encode(const CommandApdu& command);  // Too much data or a wrong le: CHECKed.

// unsupported on the extended form, malformed on anything else that is not a short command.
Result<CommandApdu> parse_command(Bytes bytes);

struct ResponseApdu {
    Bytes data;  // Borrowed.
    std::uint16_t sw = 0;

    bool ok() const { return sw == 0x9000; }
};

Result<ResponseApdu> parse_response(Bytes bytes);

}  // namespace softpos::codec
