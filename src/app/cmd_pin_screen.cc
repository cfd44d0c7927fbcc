// softpos pin-screen: what the customer would see on a panel of some size, as a PNG, so that a
// maker of terminals knows before the first is built whether fingers fit on the keys.
#include "app/commands.h"
#include "base/random.h"
#include "host/durable_file.h"
#include "phone/trust/pin_picture.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace softpos::app {
namespace {

struct PinScreenOptions {
    trust::Panel panel{720, 1280, 320};
    std::string merchant = "NOODLES";
    std::int64_t amount_minor = 12'850;
    std::size_t entered = 3;
    std::string glyphs;
    std::string out;
};

void put_number(Buffer& out, std::uint32_t number) {
    for (int shift = 24; shift >= 0; shift -= 8) {
        out.push_back(static_cast<std::uint8_t>(number >> shift));
    }
}

// Spec: [PNG] 5 (chunks), 11 (their content), annex D (CRC).
std::uint32_t crc_of(Bytes bytes) {
    std::uint32_t crc = 0xFFFFFFFF;
    for (const std::uint8_t byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320U : 0U);
    }
    return ~crc;
}

void put_chunk(Buffer& out, std::string_view type, Bytes content) {
    put_number(out, static_cast<std::uint32_t>(content.size()));
    Buffer checked(type.begin(), type.end());
    append(checked, content);
    append(out, checked);
    put_number(out, crc_of(checked));
}

// Stored and not compressed: one bit a point is small enough. Spec: [RFC-1950], [RFC-1951] 3.2.4.
Buffer stored(Bytes content) {
    constexpr std::size_t block_bytes_max = 65'535;
    Buffer out{0x78, 0x01};
    std::uint32_t low = 1;
    std::uint32_t high = 0;
    for (const std::uint8_t byte : content) {
        low = (low + byte) % 65'521;
        high = (high + low) % 65'521;
    }
    while (!content.empty()) {
        const Bytes block = content.first(std::min(content.size(), block_bytes_max));
        content = content.subspan(block.size());
        out.push_back(content.empty() ? 1 : 0);
        for (const std::size_t size : {block.size(), ~block.size()}) {
            out.push_back(static_cast<std::uint8_t>(size));
            out.push_back(static_cast<std::uint8_t>(size >> 8));
        }
        append(out, block);
    }
    put_number(out, high << 16 | low);
    return out;
}

Buffer png_of(const trust::Panel& panel, const std::vector<std::uint32_t>& points) {
    Buffer header;
    put_number(header, panel.width);
    put_number(header, panel.height);
    append(header, Buffer{1, 0, 0, 0, 0});  // One bit of grey.
    Buffer rows;
    for (unsigned y = 0; y < panel.height; ++y) {
        rows.push_back(0);  // No filter.
        for (unsigned x = 0; x < panel.width; x += 8) {
            unsigned bits = 0;
            for (unsigned i = 0; i < 8; ++i) {
                const bool light = x + i < panel.width &&
                                   points[std::size_t{y} * panel.width + x + i] != trust::ink_dark;
                bits = bits << 1 | (light ? 1U : 0U);
            }
            rows.push_back(static_cast<std::uint8_t>(bits));
        }
    }
    Buffer png{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    put_chunk(png, "IHDR", header);
    put_chunk(png, "IDAT", stored(rows));
    put_chunk(png, "IEND", {});
    return png;
}

Result<void> make_picture(const PinScreenOptions& options) {
    const auto picture = TRY(trust::PinPicture::on(options.panel));
    trust::GlyphFile glyphs;
    if (!options.glyphs.empty()) {
        const Buffer text = TRY(host::read_file(options.glyphs, trust::GlyphFile::bytes_max));
        glyphs = TRY(trust::GlyphFile::parse(text));
    }
    trust::PinScreen screen;
    screen.merchant_name = options.merchant;
    screen.amount_minor = options.amount_minor;
    SystemRandom random;
    const trust::PinEntry entry(std::move(screen), random, {});
    trust::PinScreen shown = entry.screen();
    shown.entered = options.entered;
    std::vector<std::uint32_t> points(std::size_t{options.panel.width} * options.panel.height);
    picture.draw(shown, glyphs, points);
    return host::write_durably(options.out, png_of(options.panel, points), 0644);
}

int run(const PinScreenOptions& options) {
    const auto made = make_picture(options);
    if (made) return 0;
    std::fprintf(stderr, "softpos pin-screen: %s (%u)\n", made.error().what.c_str(),
                 made.error().detail);
    return 1;
}

}  // namespace

void add_pin_screen(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<PinScreenOptions>();
    CLI::App* command =
        app.add_subcommand("pin-screen", "the customer's screen on a panel, as a PNG");
    command->add_option("--out", options->out, "the PNG")->required();
    command->add_option("--width", options->panel.width, "points")->capture_default_str();
    command->add_option("--height", options->panel.height, "points")->capture_default_str();
    command->add_option("--dpi", options->panel.dpi, "points an inch")->capture_default_str();
    command->add_option("--merchant", options->merchant, "name")->capture_default_str();
    command->add_option("--amount", options->amount_minor, "fen")->capture_default_str();
    command->add_option("--entered", options->entered, "digits so far")->check(CLI::Range(0, 12));
    command->add_option("--glyphs", options->glyphs, "bitmap font in lines of CODE:ROWS");
    command->callback([&chosen, options] { chosen = [=] { return run(*options); }; });
}

}  // namespace softpos::app
