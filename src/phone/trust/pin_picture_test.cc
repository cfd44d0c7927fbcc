// The picture of the pad: what a customer reads off it, and what nobody can.
#include "phone/trust/pin_picture.h"

#include "base/random.h"
#include "phone/trust/pin_screen_reader.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

namespace softpos::trust {
namespace {

constexpr Panel phone{720, 1280, 320};
constexpr Panel panels[] = {phone, {1080, 2400, 420}, {800, 480, 133}, {480, 800, 217}};

PinScreen screen_for(std::string name = "NOODLES", std::int64_t amount_minor = 12'850) {
    PinScreen screen;
    screen.merchant_name = std::move(name);
    screen.amount_minor = amount_minor;
    return screen;
}

Points drawn(const PinPicture& picture, const PinScreen& screen) {
    Points points = blank(picture.panel());
    picture.draw(screen, GlyphFile(), points);
    return points;
}

// 10 mm are 9 mm and the gap to the next key.
TEST(PinPicture, KeysAreLargeApartAndOnThePanel) {
    for (const Panel& panel : panels) {
        const auto picture = PinPicture::on(panel);
        ASSERT_TRUE(picture) << panel.width;
        std::vector<Rect> keys;
        for (std::size_t place = 0; place < pin_places; ++place)
            keys.push_back(picture->key(place));
        keys.push_back(picture->clear_key());
        keys.push_back(picture->confirm_key());
        keys.push_back(picture->cancel_key());
        std::vector<int> owners(std::size_t{panel.width} * panel.height);
        for (const Rect& key : keys) {
            EXPECT_GE(key.width * 254, key_side_min_mm * panel.dpi * 10);
            EXPECT_GE(key.height * 254, key_side_min_mm * panel.dpi * 10);
            ASSERT_LE(key.x + key.width, panel.width);
            ASSERT_LE(key.y + key.height, panel.height);
            for (unsigned y = key.y; y < key.y + key.height; ++y) {
                for (unsigned x = key.x; x < key.x + key.width; ++x) {
                    ++owners[std::size_t{y} * panel.width + x];
                }
            }
        }
        EXPECT_EQ(*std::ranges::max_element(owners), 1) << "no point belongs to two keys";
    }
}

TEST(PinPicture, SmallPanelsAreRefused) {
    for (const Panel& panel : {Panel{0, 0, 320},
                               {320, 480, 320},
                               {720, 1280, 0},
                               {720, 600, 320},
                               {5000, 1280, 320},
                               {720, 1280, 5000},
                               {300, 1280, 320}}) {
        EXPECT_FALSE(PinPicture::on(panel)) << panel.width << "x" << panel.height;
    }
}

// 21 to 1: white on black, and nothing between. WCAG's formula, with luminances in thousandths.
// Shows: MPOC-1E-SCREEN
TEST(PinPicture, ContrastIsTheHighestThereIs) {
    const auto picture = PinPicture::on(phone).value();
    for (const auto kind : {PinScreen::Kind::pad, PinScreen::Kind::done}) {
        PinScreen screen = screen_for();
        screen.kind = kind;
        screen.entered = 3;
        const Points points = drawn(picture, screen);
        const std::set<std::uint32_t> inks(points.begin(), points.end());
        EXPECT_EQ(inks, (std::set<std::uint32_t>{ink_dark, ink_light}));
    }
    constexpr unsigned white_luminance = 1000;
    constexpr unsigned black_luminance = 0;
    EXPECT_GE((white_luminance + 50) / (black_luminance + 50), 7U);
}

TEST(PinPicture, EachDigitCanBeReadAtItsPlace) {
    for (const Panel& panel : panels) {
        const auto picture = PinPicture::on(panel).value();
        SeededRandom random(11);
        const PinEntry entry(screen_for(), random, {});
        EXPECT_EQ(read_pad(picture, drawn(picture, entry.screen())), entry.screen().digit_at);
    }
}

// Shows: A35
TEST(PinPicture, EveryEntryHasAPadOfItsOwn) {
    const auto picture = PinPicture::on(phone).value();
    SeededRandom random(11);
    std::set<Points> pads;
    for (int i = 0; i < 20; ++i) {
        const PinEntry entry(screen_for(), random, {});
        pads.insert(drawn(picture, entry.screen()));
    }
    EXPECT_EQ(pads.size(), 20U);
}

// Whatever was pressed, the picture is the same: it depends on how many, and on nothing else of the
// PIN.
// Shows: A35, MPOC-1E-SCREEN
TEST(PinPicture, NoPictureDependsOnTheDigits) {
    auto prng = testing::Prng::from_environment();
    const auto picture = PinPicture::on(phone).value();
    for (int round = 0; round < 8; ++round) {
        const std::uint64_t layout = prng.below(1'000'000);
        SeededRandom one_random(layout);
        SeededRandom other_random(layout);
        PinEntry one(screen_for(), one_random, {});
        PinEntry other(screen_for(), other_random, {});
        const std::size_t count = 4 + prng.below(9);
        for (std::size_t i = 0; i < count; ++i) {
            one.press({PinKey::Kind::digit, static_cast<std::uint8_t>(prng.below(10))});
            other.press({PinKey::Kind::digit, static_cast<std::uint8_t>(prng.below(10))});
            ASSERT_EQ(drawn(picture, one.screen()), drawn(picture, other.screen()))
                << "SEED=" << prng.seed();
        }
        one.press({PinKey::Kind::confirm, 0});
        other.press({PinKey::Kind::confirm, 0});
        ASSERT_EQ(drawn(picture, one.screen()), drawn(picture, other.screen()));
        EXPECT_FALSE(read_pad(picture, drawn(picture, one.screen()))) << "and the pad is gone";
    }
}

TEST(PinPicture, DotsCount) {
    const auto picture = PinPicture::on(phone).value();
    std::set<Points> seen;
    for (std::size_t entered = 0; entered <= 12; ++entered) {
        PinScreen screen = screen_for();
        screen.entered = entered;
        seen.insert(drawn(picture, screen));
    }
    EXPECT_EQ(seen.size(), 13U);
}

TEST(PinPicture, MerchantAndAmountStandOnIt) {
    const auto picture = PinPicture::on(phone).value();
    const Points usual = drawn(picture, screen_for());
    EXPECT_NE(drawn(picture, screen_for("NOODLES", 12'851)), usual);
    EXPECT_NE(drawn(picture, screen_for("NOODLE", 12'850)), usual);
}

TEST(PinPicture, TouchesFindTheirKeys) {
    const auto picture = PinPicture::on(phone).value();
    for (std::size_t place = 0; place < pin_places; ++place) {
        const Rect& key = picture.key(place);
        for (const auto& [x, y] :
             {std::pair{key.x, key.y}, {key.x + key.width - 1, key.y + key.height - 1}}) {
            const auto found = picture.key_at(x, y);
            ASSERT_TRUE(found);
            EXPECT_EQ(found->kind, PinKey::Kind::digit);
            EXPECT_EQ(found->place, place);
        }
        EXPECT_FALSE(picture.key_at(key.x + key.width, key.y)) << "between keys is nothing";
    }
    EXPECT_EQ(picture.key_at(picture.confirm_key().x, picture.confirm_key().y)->kind,
              PinKey::Kind::confirm);
    EXPECT_EQ(picture.key_at(picture.cancel_key().x, picture.cancel_key().y)->kind,
              PinKey::Kind::cancel);
    EXPECT_FALSE(picture.key_at(10, 10));
    EXPECT_FALSE(picture.key_at(UINT32_MAX, UINT32_MAX));
}

// Any name, any amount: the sanitizer watches the edges of the picture.
TEST(PinPicture, AnyNameFits) {
    auto prng = testing::Prng::from_environment();
    const auto glyphs = GlyphFile::parse(
        bytes_of("5C0F:0100010001000100010011101108110421042102410281020100010005000200\n"));
    ASSERT_TRUE(glyphs);
    for (int round = 0; round < 40; ++round) {
        const Panel& panel = panels[prng.below(std::size(panels))];
        const auto picture = PinPicture::on(panel).value();
        const Buffer bytes = prng.bytes(prng.below(200));
        PinScreen screen = screen_for(std::string(text_of(bytes)) + "小小",
                                      static_cast<std::int64_t>(prng.below(2'000'000'000)));
        screen.entered = prng.below(13);
        Points points = blank(panel);
        picture.draw(screen, *glyphs, points);
        ASSERT_TRUE(std::ranges::all_of(
            points, [](std::uint32_t p) { return p == ink_dark || p == ink_light; }))
            << "SEED=" << prng.seed();
    }
}

}  // namespace
}  // namespace softpos::trust
