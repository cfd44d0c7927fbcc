// Touches: what counts as a press, and what does not.
#include "phone/trust/touch_reader.h"

#include "phone/trust/pin_screen_reader.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

namespace softpos::trust {
namespace {

class Touches : public ::testing::Test {
protected:
    std::vector<PinKey> take(const Buffer& records) {
        std::vector<PinKey> keys;
        for (std::size_t at = 0; at < records.size(); at += TouchReader::record_bytes) {
            const auto key = reader.take(Bytes(records).subspan(at, TouchReader::record_bytes));
            if (key) keys.push_back(*key);
        }
        return keys;
    }

    PinPicture picture = PinPicture::on({720, 1280, 320}).value();
    TouchReader reader{picture, {0, 719}, {0, 1279}};
};

TEST_F(Touches, EachKeyIsPressedOnce) {
    for (std::size_t place = 0; place < pin_places; ++place) {
        const auto keys = take(touch_records(picture.key(place)));
        ASSERT_EQ(keys.size(), 1U);
        EXPECT_EQ(keys[0].kind, PinKey::Kind::digit);
        EXPECT_EQ(keys[0].place, place);
    }
    EXPECT_EQ(take(touch_records(picture.confirm_key())).at(0).kind, PinKey::Kind::confirm);
    EXPECT_EQ(take(touch_records(picture.clear_key())).at(0).kind, PinKey::Kind::clear);
    EXPECT_EQ(take(touch_records(picture.cancel_key())).at(0).kind, PinKey::Kind::cancel);
    EXPECT_TRUE(take(touch_records(5, 5)).empty());
}

// Down on one key and up on another is neither.
TEST_F(Touches, SlippingOffAKeyPressesNothing) {
    Buffer down = touch_records(picture.key(0));
    Buffer up = touch_records(picture.key(4));
    down.resize(4 * TouchReader::record_bytes);
    // The finger moves, and goes up: position, position, then the two last records.
    Buffer moved(up.begin(), up.begin() + 2 * TouchReader::record_bytes);
    moved.insert(moved.end(), up.begin() + 4 * TouchReader::record_bytes, up.end());
    EXPECT_TRUE(take(down).empty());
    EXPECT_TRUE(take(moved).empty());
    EXPECT_EQ(take(touch_records(picture.key(4))).size(), 1U) << "and the next touch is whole";
}

TEST_F(Touches, DevicesWithOtherUnitsReachTheSameKeys) {
    TouchReader scaled(picture, {100, 100 + 4095}, {-2000, 2000});
    const Rect& key = picture.key(7);
    const unsigned x = 100 + (key.x + key.width / 2) * 4096 / 720;
    const int y = -2000 + static_cast<int>((key.y + key.height / 2) * 4001 / 1280);
    std::optional<PinKey> pressed;
    const Buffer records = touch_records(x, static_cast<unsigned>(y));
    for (std::size_t at = 0; at < records.size(); at += TouchReader::record_bytes) {
        const auto one = scaled.take(Bytes(records).subspan(at, TouchReader::record_bytes));
        if (one) pressed = one;
    }
    ASSERT_TRUE(pressed);
    EXPECT_EQ(pressed->place, 7);
}

TEST_F(Touches, NonsenseIsPassedOver) {
    auto prng = testing::Prng::from_environment();
    for (int i = 0; i < 20'000; ++i) (void)reader.take(prng.bytes(prng.below(30)));
    for (int i = 0; i < 20'000; ++i) (void)reader.take(prng.bytes(TouchReader::record_bytes));
    (void)take(touch_records(5, 5));
    EXPECT_FALSE(take(touch_records(picture.key(3))).empty()) << "SEED=" << prng.seed();
}

}  // namespace
}  // namespace softpos::trust
