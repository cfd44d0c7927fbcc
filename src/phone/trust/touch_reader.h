// Touches out of the records of an input device: where a finger came down, and where it left.
#pragma once

#include "base/bytes.h"
#include "phone/trust/pin_picture.h"

#include <array>
#include <cstdint>
#include <optional>

namespace softpos::trust {

// What an axis of the device tells, at its ends.
struct AxisRange {
    std::int32_t min = 0;
    std::int32_t max = 0;
};

// A press counts where the finger came down and left on the same key, so that who slips off a key,
// or lays a hand down and draws it away, has pressed nothing. With several fingers only the first.
//
// Spec: [LINUX-INPUT] records of struct input_event, 64-bit.
class TouchReader {
public:
    static constexpr std::size_t record_bytes = 24;

    TouchReader(const PinPicture& picture, AxisRange across, AxisRange down)
        : picture_(picture), across_(across), down_(down) {}

    // One record; anything of another size or unknown type is passed over.
    std::optional<PinKey> take(Bytes record);

private:
    void take_position(std::uint16_t code, std::int32_t value);
    std::optional<PinKey> end_of_report();

    PinPicture picture_;
    AxisRange across_;
    AxisRange down_;
    std::int32_t x_ = 0;
    std::int32_t y_ = 0;
    std::int32_t slot_ = 0;
    bool touched_ = false;
    bool was_touched_ = false;
    std::optional<PinKey> began_on_;
};

}  // namespace softpos::trust
