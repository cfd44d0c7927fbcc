// Any file of glyphs and any records of a touch device. What is accepted as glyphs is found again
// and drawn within the panel, in two inks; no digit's shape comes from it; touches press only keys
// that there are.
// links: trust emv crypto protocol codec host posture
#include "base/check.h"
#include "phone/trust/touch_reader.h"

#include <algorithm>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos;
    using namespace softpos::trust;
    static const PinPicture picture = PinPicture::on({360, 640, 160}).value();
    static std::vector<std::uint32_t> points(std::size_t{360} * 640);
    const Bytes input(data, size);
    if (const auto glyphs = GlyphFile::parse(input)) {
        for (char32_t digit = U'0'; digit <= U'9'; ++digit) CHECK(!glyphs->find(digit));
        if (glyphs->size() != 0) {
            PinScreen screen;
            screen.merchant_name =
                std::string(text_of(input.first(std::min<std::size_t>(size, 60))));
            screen.entered = size % 13;
            picture.draw(screen, *glyphs, points);
            CHECK(std::ranges::all_of(points, [](std::uint32_t point) {
                return point == ink_dark || point == ink_light;
            }));
        }
    }
    TouchReader reader(picture, {0, 359}, {0, 639});
    for (std::size_t at = 0; at + TouchReader::record_bytes <= size;
         at += TouchReader::record_bytes) {
        const auto key = reader.take(input.subspan(at, TouchReader::record_bytes));
        if (key) CHECK(key->place < pin_places);
    }
    return 0;
}
