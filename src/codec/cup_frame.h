// The envelope of a cup-pos message: a transport address (TPDU) and a header of digits, in front of
// the MTI. The two length bytes in front of all that belong to the link.
//
// Spec: [CUP-POS] 1.1 (as public terminal code shows it; the paper itself was not read).
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <array>
#include <cstdint>

namespace softpos::codec {

using Tpdu = std::array<std::uint8_t, 5>;       // 60, destination (2), origin (2).
using CupHeader = std::array<std::uint8_t, 6>;  // Twelve digits.

constexpr std::size_t cup_frame_head_bytes = 11;
constexpr std::size_t cup_frame_bytes_max = cup_frame_head_bytes + 4096;

struct CupFrame {
    Tpdu tpdu{};
    CupHeader header{};
    Bytes message{};  // From the MTI on; borrowed.
};

// `after_length` is one frame without its two length bytes. unsupported on the dial monitor head
// that some access servers put in between.
Result<CupFrame> parse_frame(Bytes after_length);

Buffer build_frame(const CupFrame& frame);

// The address of an answer: origin and destination change places.
Tpdu answer_tpdu(const Tpdu& tpdu);

// What the host wants done next; the sixth digit of the header of an answer.
enum class ProcessingDemand : std::uint8_t {
    none,
    magnetic_parameters,
    upload_state,
    sign_in,
    ca_keys,
    chip_parameters,
    terminal_management,
    bin_list,
};
// Digits above 7 have no meaning that we know: none.
ProcessingDemand processing_demand(const CupHeader& header);

}  // namespace softpos::codec
