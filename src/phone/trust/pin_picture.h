// The customer's screen as a picture: merchant, amount, dots and the shuffled pad, large, in black
// and white, with keys that a finger hits. Pure: a screen and a place for points go in; which key a
// touch means comes out.
#pragma once

#include "base/result.h"
#include "phone/trust/glyphs.h"
#include "phone/trust/pin_entry.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace softpos::trust {

// In points; `dpi` are points an inch.
struct Panel {
    unsigned width = 0;
    unsigned height = 0;
    unsigned dpi = 0;

    friend bool operator==(const Panel&, const Panel&) = default;
};
constexpr unsigned panel_side_max = 4096;
constexpr unsigned key_side_min_mm = 9;  // A finger that trembles still hits it.

struct Rect {
    unsigned x = 0;
    unsigned y = 0;
    unsigned width = 0;
    unsigned height = 0;

    bool contains(unsigned at_x, unsigned at_y) const {
        return at_x >= x && at_x - x < width && at_y >= y && at_y - y < height;
    }
};

// XRGB, 32 bits a point. Only these two are ever drawn: 21 to 1, the highest contrast there is.
constexpr std::uint32_t ink_dark = 0x000000;
constexpr std::uint32_t ink_light = 0xFFFFFF;

class PinPicture {
public:
    // denied where a key would be smaller than key_side_min_mm, or the panel is none.
    static Result<PinPicture> on(const Panel& panel);

    const Panel& panel() const { return panel_; }
    const Rect& key(std::size_t place) const { return keys_[place]; }
    const Rect& clear_key() const { return clear_; }
    const Rect& confirm_key() const { return confirm_; }
    const Rect& cancel_key() const { return cancel_; }

    // Every point of `points`, which has `panel.width` x `panel.height` of them, row by row.
    void draw(const PinScreen& screen, const GlyphFile& glyphs,
              std::span<std::uint32_t> points) const;

    // The key at a point; nullopt between keys. For the pad alone: other screens have no keys.
    std::optional<PinKey> key_at(unsigned x, unsigned y) const;

private:
    explicit PinPicture(const Panel& panel) : panel_(panel) {}

    Panel panel_;
    std::array<Rect, pin_places> keys_{};
    Rect clear_;
    Rect confirm_;
    Rect cancel_;
};

}  // namespace softpos::trust
