// Eleven bytes of head, then the message.
#include "codec/cup_frame.h"

#include <algorithm>
#include <string_view>

namespace softpos::codec {
namespace {

constexpr std::uint8_t tpdu_id = 0x60;
constexpr std::string_view monitor_mark = "LRI";
constexpr std::size_t message_bytes_min = 10;  // MTI and bitmap.

bool two_digits(std::uint8_t byte) {
    return (byte >> 4) < 10 && (byte & 0xF) < 10;
}

}  // namespace

Result<CupFrame> parse_frame(Bytes after_length) {
    if (after_length.size() > cup_frame_bytes_max) {
        return fail(ErrorKind::denied, "frame: too long", 0, cup_frame_bytes_max);
    }
    CupFrame frame;
    ByteReader in(after_length);
    const auto tpdu = in.take(frame.tpdu.size());
    if (!tpdu) return fail(ErrorKind::malformed, "frame: tpdu cut short", 0, after_length.size());
    if (tpdu->front() != tpdu_id) return fail(ErrorKind::malformed, "frame: no tpdu");
    std::ranges::copy(*tpdu, frame.tpdu.begin());
    if (text_of(in.rest()).starts_with(monitor_mark)) {
        return fail(ErrorKind::unsupported, "frame: dial monitor head", 0, in.position());
    }
    const auto header = in.take(frame.header.size());
    if (!header) {
        return fail(ErrorKind::malformed, "frame: header cut short", 0, after_length.size());
    }
    if (!std::ranges::all_of(*header, two_digits)) {
        return fail(ErrorKind::malformed, "frame: header digit", 0, frame.tpdu.size());
    }
    std::ranges::copy(*header, frame.header.begin());
    if (in.size() < message_bytes_min) {
        return fail(ErrorKind::malformed, "frame: no message", 0, in.position());
    }
    frame.message = in.rest();
    return frame;
}

Buffer build_frame(const CupFrame& frame) {
    Buffer out;
    out.reserve(cup_frame_head_bytes + frame.message.size());
    append(out, frame.tpdu);
    append(out, frame.header);
    append(out, frame.message);
    return out;
}

Tpdu answer_tpdu(const Tpdu& tpdu) {
    return {tpdu[0], tpdu[3], tpdu[4], tpdu[1], tpdu[2]};
}

ProcessingDemand processing_demand(const CupHeader& header) {
    const std::uint8_t digit = header[2] & 0x0F;
    constexpr auto last = static_cast<std::uint8_t>(ProcessingDemand::bin_list);
    return digit > last ? ProcessingDemand::none : static_cast<ProcessingDemand>(digit);
}

}  // namespace softpos::codec
