// For tests: reads the pad off a picture, as a customer does, by comparing each key with each
// digit.
#pragma once

#include "base/check.h"
#include "phone/trust/pin_picture.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace softpos::trust {

using Points = std::vector<std::uint32_t>;

inline Points blank(const Panel& panel) {
    return Points(std::size_t{panel.width} * panel.height, 0x00123456);
}

inline Points cut(const Panel& panel, const Points& points, const Rect& rect) {
    Points out;
    for (unsigned y = rect.y; y < rect.y + rect.height; ++y) {
        const auto row = points.begin() + static_cast<std::ptrdiff_t>(y) * panel.width + rect.x;
        out.insert(out.end(), row, row + rect.width);
    }
    return out;
}

// nullopt where some key shows no digit.
inline std::optional<std::array<std::uint8_t, pin_places>> read_pad(const PinPicture& picture,
                                                                    const Points& points) {
    std::array<std::uint8_t, pin_places> digits{};
    digits.fill(0xFF);
    for (std::uint8_t digit = 0; digit < 10; ++digit) {
        PinScreen one;
        one.digit_at.fill(digit);
        Points same = blank(picture.panel());
        picture.draw(one, GlyphFile(), same);
        for (std::size_t place = 0; place < pin_places; ++place) {
            const Rect& key = picture.key(place);
            if (cut(picture.panel(), points, key) == cut(picture.panel(), same, key)) {
                digits[place] = digit;
            }
        }
    }
    if (std::ranges::find(digits, 0xFF) != digits.end()) return std::nullopt;
    return digits;
}

// The records of an input device for a touch at a point: down, and up again.
inline Buffer touch_records(unsigned x, unsigned y) {
    Buffer out;
    const auto record = [&](std::uint16_t type, std::uint16_t code, std::uint32_t value) {
        out.resize(out.size() + 16);
        for (const std::uint32_t part : {std::uint32_t{type} | std::uint32_t{code} << 16, value}) {
            for (unsigned byte = 0; byte < 4; ++byte) {
                out.push_back(static_cast<std::uint8_t>(part >> (8 * byte)));
            }
        }
    };
    record(3, 0, x);
    record(3, 1, y);
    record(1, 0x14A, 1);
    record(0, 0, 0);
    record(1, 0x14A, 0);
    record(0, 0, 0);
    return out;
}
inline Buffer touch_records(const Rect& key) {
    return touch_records(key.x + key.width / 2, key.y + key.height / 2);
}

}  // namespace softpos::trust
