// Both protocols of touch devices end a report with SYN_REPORT; single-touch codes are sent by
// both.
#include "phone/trust/touch_reader.h"

#include <algorithm>

namespace softpos::trust {
namespace {

// Numbers of the input interface.
namespace type {
constexpr std::uint16_t sync = 0;
constexpr std::uint16_t key = 1;
constexpr std::uint16_t absolute = 3;
}  // namespace type
namespace code {
constexpr std::uint16_t report = 0;
constexpr std::uint16_t x = 0;
constexpr std::uint16_t y = 1;
constexpr std::uint16_t slot = 0x2F;
constexpr std::uint16_t slot_x = 0x35;
constexpr std::uint16_t slot_y = 0x36;
constexpr std::uint16_t touch = 0x14A;
}  // namespace code

std::uint64_t little_endian(Bytes bytes) {
    std::uint64_t number = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) number = number << 8 | bytes[i];
    return number;
}

// From what the device tells to a point of the panel, whatever it tells.
unsigned point_of(std::int32_t value, AxisRange range, unsigned points) {
    const std::int64_t span = std::int64_t{range.max} - range.min + 1;
    if (span <= 0) return 0;
    const std::int64_t from_min = std::int64_t{value} - range.min;
    return static_cast<unsigned>(
        std::clamp<std::int64_t>(from_min * points / span, 0, std::int64_t{points} - 1));
}

bool same(const std::optional<PinKey>& a, const std::optional<PinKey>& b) {
    return a && b && a->kind == b->kind && a->place == b->place;
}

}  // namespace

std::optional<PinKey> TouchReader::take(Bytes record) {
    if (record.size() != record_bytes) return std::nullopt;
    const auto kind = static_cast<std::uint16_t>(little_endian(record.subspan(16, 2)));
    const auto what = static_cast<std::uint16_t>(little_endian(record.subspan(18, 2)));
    const auto value = static_cast<std::int32_t>(little_endian(record.subspan(20, 4)));
    if (kind == type::absolute) take_position(what, value);
    if (kind == type::key && what == code::touch) touched_ = value != 0;
    if (kind == type::sync && what == code::report) return end_of_report();
    return std::nullopt;
}

void TouchReader::take_position(std::uint16_t what, std::int32_t value) {
    switch (what) {
        case code::slot:
            slot_ = value;
            break;
        case code::slot_x:
            if (slot_ == 0) x_ = value;
            break;
        case code::slot_y:
            if (slot_ == 0) y_ = value;
            break;
        case code::x:
            x_ = value;
            break;
        case code::y:
            y_ = value;
            break;
        default:
            break;
    }
}

std::optional<PinKey> TouchReader::end_of_report() {
    const bool came = touched_ && !was_touched_;
    const bool left = !touched_ && was_touched_;
    was_touched_ = touched_;
    if (!came && !left) return std::nullopt;
    const Panel& panel = picture_.panel();
    const auto key =
        picture_.key_at(point_of(x_, across_, panel.width), point_of(y_, down_, panel.height));
    if (came) {
        began_on_ = key;
        return std::nullopt;
    }
    const auto pressed = same(key, began_on_) ? key : std::nullopt;
    began_on_.reset();
    return pressed;
}

}  // namespace softpos::trust
