// Shapes are enlarged in two smoothing steps, so that corners of large letters are not stairs.
#include "phone/trust/pin_picture.h"

#include "base/check.h"
#include "phone/trust/terminal_ui.h"

#include <algorithm>
#include <string>
#include <vector>

namespace softpos::trust {
namespace {

constexpr unsigned own_units = 9;        // Of a line: seven rows, and one above and below.
constexpr unsigned characters_max = 64;  // Of a line of text.

// A shape at some size.
class Shape {
public:
    explicit Shape(const Glyph& glyph) : Shape(glyph.width, glyph.height) {
        for (unsigned y = 0; y < height; ++y) {
            for (unsigned x = 0; x < width; ++x) set(x, y, glyph.at(x, y));
        }
    }

    bool at(unsigned x, unsigned y) const {
        return x < width && y < height && points_[std::size_t{y} * width + x];
    }

    // Twice as large; a corner is filled where its two neighbours agree against the two others.
    Shape doubled() const {
        Shape out(width * 2, height * 2);
        for (unsigned y = 0; y < height; ++y) {
            for (unsigned x = 0; x < width; ++x) {
                const bool here = at(x, y);
                const bool up = y > 0 && at(x, y - 1);
                const bool left = x > 0 && at(x - 1, y);
                const bool right = at(x + 1, y);
                const bool down = at(x, y + 1);
                const bool edge = up != down && left != right;
                out.set(2 * x, 2 * y, edge && left == up ? left : here);
                out.set(2 * x + 1, 2 * y, edge && up == right ? right : here);
                out.set(2 * x, 2 * y + 1, edge && left == down ? left : here);
                out.set(2 * x + 1, 2 * y + 1, edge && down == right ? right : here);
            }
        }
        return out;
    }

    unsigned width;
    unsigned height;

private:
    Shape(unsigned wide, unsigned high)
        : width(wide), height(high), points_(std::size_t{wide} * high) {}
    void set(unsigned x, unsigned y, bool on) { points_[std::size_t{y} * width + x] = on; }

    std::vector<bool> points_;
};

class Canvas {
public:
    Canvas(const Panel& panel, std::span<std::uint32_t> points, const GlyphFile& glyphs)
        : panel_(panel), points_(points), glyphs_(glyphs) {}

    void fill(const Rect& rect, std::uint32_t ink) {
        for (unsigned y = rect.y; y < rect.y + rect.height; ++y) {
            const auto row = points_.subspan(std::size_t{y} * panel_.width + rect.x, rect.width);
            std::ranges::fill(row, ink);
        }
    }

    void frame(const Rect& rect, unsigned thick) {
        fill(rect, ink_light);
        fill({rect.x + thick, rect.y + thick, rect.width - 2 * thick, rect.height - 2 * thick},
             ink_dark);
    }

    // In the middle of `rect`, as large as fits below `height_max`.
    void text(const Rect& rect, std::string_view words, std::uint32_t ink) {
        std::vector<Glyph> line;
        while (const auto character = next_character(words)) {
            if (line.size() == characters_max) break;
            line.push_back(glyph_of(*character));
        }
        unsigned height = rect.height;
        while (height > own_units && width_of(line, height) > rect.width) --height;
        const unsigned wide = width_of(line, height);
        unsigned x = rect.x + (rect.width - std::min(wide, rect.width)) / 2;
        const unsigned y = rect.y + (rect.height - height) / 2;
        for (const Glyph& glyph : line) {
            const unsigned step = advance_of(glyph, height);
            if (x + step > rect.x + rect.width) break;
            shape({x, y, step, height}, glyph, ink);
            x += step;
        }
    }

private:
    Glyph glyph_of(char32_t character) const {
        if (const auto own = own_glyph(character)) return *own;
        if (const auto found = glyphs_.find(character)) return *found;
        // A frame for what it has no shape for, so that it is seen that something is missing.
        return {5, 7, {0xF800, 0x8800, 0x8800, 0x8800, 0x8800, 0x8800, 0xF800}};
    }
    static unsigned advance_of(const Glyph& glyph, unsigned height) {
        if (glyph.height == glyph_side_max) return height * glyph.width / glyph_side_max;
        return height * (glyph.width + 1) / own_units;
    }
    static unsigned width_of(const std::vector<Glyph>& line, unsigned height) {
        unsigned sum = 0;
        for (const Glyph& glyph : line) sum += advance_of(glyph, height);
        return sum;
    }

    void shape(const Rect& cell, const Glyph& glyph, std::uint32_t ink) {
        const bool whole_cell = glyph.height == glyph_side_max;
        const Shape drawn = Shape(glyph).doubled().doubled();
        const unsigned high = whole_cell ? cell.height : cell.height * glyph.height / own_units;
        const unsigned wide = whole_cell ? cell.width : high * glyph.width / glyph.height;
        const unsigned top = cell.y + (cell.height - high) / 2;
        for (unsigned y = 0; y < high; ++y) {
            for (unsigned x = 0; x < std::min(wide, cell.width); ++x) {
                if (!drawn.at(x * drawn.width / wide, y * drawn.height / high)) continue;
                points_[std::size_t{top + y} * panel_.width + cell.x + x] = ink;
            }
        }
    }

    const Panel& panel_;
    std::span<std::uint32_t> points_;
    const GlyphFile& glyphs_;
};

unsigned points_of_mm(const Panel& panel, unsigned mm) {
    return (mm * panel.dpi * 10 + 253) / 254;
}

struct Words {
    std::string_view chinese;
    std::string_view english;
};

// Without shapes for Chinese the English stands alone, and not beside a row of frames.
std::string both(const GlyphFile& glyphs, const Words& words) {
    if (glyphs.size() == 0) return std::string(words.english);
    return std::string(words.chinese) + " " + std::string(words.english);
}

Words heading_of(PinScreen::Kind kind) {
    switch (kind) {
        case PinScreen::Kind::pad:
            return {"请输入密码", "ENTER PIN"};
        case PinScreen::Kind::done:
            return {"密码已输入", "PIN ENTERED"};
        case PinScreen::Kind::cancelled:
            return {"已取消", "CANCELLED"};
        case PinScreen::Kind::timed_out:
            break;
    }
    return {"输入超时", "TIME IS OVER"};
}

}  // namespace

// Two fifths of the height for what is paid, the rest for the keys in five rows.
Result<PinPicture> PinPicture::on(const Panel& panel) {
    if (panel.width > panel_side_max || panel.height > panel_side_max || panel.dpi == 0 ||
        panel.dpi > 1200) {
        return fail(ErrorKind::denied, "pin screen: no panel of this size");
    }
    const unsigned gap = points_of_mm(panel, 1);
    const unsigned top = panel.height * 2 / 5;
    const unsigned side_min = points_of_mm(panel, key_side_min_mm);
    if (panel.width < 4 * gap + 3 * side_min || panel.height - top < 6 * gap + 5 * side_min) {
        return fail(ErrorKind::denied, "pin screen: the panel is too small for fingers");
    }
    PinPicture picture(panel);
    const unsigned wide = (panel.width - 4 * gap) / 3;
    const unsigned high = (panel.height - top - 6 * gap) / 5;
    const auto cell = [&](unsigned column, unsigned row) {
        return Rect{gap + column * (wide + gap), top + gap + row * (high + gap), wide, high};
    };
    for (unsigned place = 0; place < 9; ++place) {
        picture.keys_[place] = cell(place % 3, place / 3);
    }
    picture.cancel_ = cell(0, 3);
    picture.keys_[9] = cell(1, 3);
    picture.clear_ = cell(2, 3);
    picture.confirm_ = cell(0, 4);
    picture.confirm_.width = 3 * wide + 2 * gap;
    return picture;
}

void PinPicture::draw(const PinScreen& screen, const GlyphFile& glyphs,
                      std::span<std::uint32_t> points) const {
    CHECK(points.size() == std::size_t{panel_.width} * panel_.height);
    Canvas canvas(panel_, points, glyphs);
    canvas.fill({0, 0, panel_.width, panel_.height}, ink_dark);
    const unsigned gap = points_of_mm(panel_, 1);
    const unsigned unit = panel_.height * 2 / 5 / 10;  // Ten lines for what is paid.
    const unsigned wide = panel_.width - 2 * gap;
    canvas.text({gap, unit / 2, wide, unit * 2}, screen.merchant_name, ink_light);
    canvas.text({gap, unit * 5 / 2, wide, unit * 7 / 2}, "CNY " + yuan_text(screen.amount_minor),
                ink_light);
    canvas.text({gap, unit * 6, wide, unit * 2}, both(glyphs, heading_of(screen.kind)), ink_light);
    if (screen.kind != PinScreen::Kind::pad) return;

    // Twelve, the most there can be, stand side by side with gaps of their own width.
    const unsigned dot = std::min(unit, panel_.width / 26);
    const auto count = static_cast<unsigned>(std::min(screen.entered, crypto::Pin::digits_max));
    for (unsigned i = 0; i < count; ++i) {
        const unsigned left = (panel_.width - (2 * count - 1) * dot) / 2;
        canvas.fill({left + 2 * i * dot, unit * 17 / 2, dot, dot}, ink_light);
    }
    const unsigned thick = std::max(2U, gap / 4);
    for (std::size_t place = 0; place < pin_places; ++place) {
        canvas.frame(keys_[place], thick);
        const Rect& key = keys_[place];
        const Rect inside{key.x + 2 * thick, key.y + key.height / 8, key.width - 4 * thick,
                          key.height * 3 / 4};
        const char digit = static_cast<char>('0' + screen.digit_at[place]);
        canvas.text(inside, {&digit, 1}, ink_light);
    }
    const auto label = [&](const Rect& key, const Words& words) {
        canvas.fill(key, ink_light);
        canvas.text(
            {key.x + 2 * thick, key.y + key.height / 3, key.width - 4 * thick, key.height / 3},
            both(glyphs, words), ink_dark);
    };
    label(cancel_, {"取消", "CANCEL"});
    label(clear_, {"更正", "CLEAR"});
    label(confirm_, {"确认", "OK"});
}

std::optional<PinKey> PinPicture::key_at(unsigned x, unsigned y) const {
    for (std::size_t place = 0; place < pin_places; ++place) {
        if (keys_[place].contains(x, y)) {
            return PinKey{PinKey::Kind::digit, static_cast<std::uint8_t>(place)};
        }
    }
    if (clear_.contains(x, y)) return PinKey{PinKey::Kind::clear, 0};
    if (confirm_.contains(x, y)) return PinKey{PinKey::Kind::confirm, 0};
    if (cancel_.contains(x, y)) return PinKey{PinKey::Kind::cancel, 0};
    return std::nullopt;
}

}  // namespace softpos::trust
