// PIN blocks against a plain reading of the standard, over every half byte of every format.
#include "crypto/pin_block.h"

#include "base/hex.h"
#include "crypto/drbg.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <type_traits>

namespace softpos::crypto {
namespace {

using testing::unhex;

constexpr PinFormat formats[] = {PinFormat::iso0, PinFormat::iso1, PinFormat::iso2,
                                 PinFormat::iso3, PinFormat::iso4, PinFormat::unionpay_sm4};

Pin pin_of(std::string_view digits) {
    return Pin::parse(bytes_of(digits)).value();
}
Pan pan_of(std::string_view digits) {
    return Pan::parse(digits).value();
}
std::string digits_of(const Pin& pin) {
    return std::string(text_of(pin.clear_digits()));
}

BlockKey key_for(PinFormat format, std::uint8_t filler = 0x5B) {
    Buffer bytes(16, filler);
    bytes[0] = 0x12;
    return BlockKey::make(pin_cipher(format), bytes).value();
}

std::string encoded(PinFormat format, std::string_view pin, const Pan& pan) {
    SeededRandom random(1);
    return to_hex(encode_pin_block(format, pin_of(pin), &pan, random).bytes());
}

TEST(Pin, IsFourToTwelveDigits) {
    for (const std::string_view good : {"0000", "123456", "999999999999"}) {
        EXPECT_EQ(digits_of(pin_of(good)), good);
    }
    for (const std::string_view bad :
         {"", "123", "1234567890123", "12a4", "12 4", "123:", "/234", "\xB1\xB2\xB3\xB4"}) {
        const auto parsed = Pin::parse(bytes_of(bad));
        ASSERT_FALSE(parsed) << bad;
        EXPECT_EQ(parsed.error().kind, ErrorKind::malformed);
    }
}

TEST(Pin, IsMovedAndNotCopied) {
    static_assert(!std::is_copy_constructible_v<Pin> && !std::is_copy_assignable_v<Pin>);
    Pin first = pin_of("123456");
    const Pin second = std::move(first);
    EXPECT_EQ(first.size(), 0U);  // NOLINT(bugprone-use-after-move): that is the point.
    EXPECT_TRUE(first.clear_digits().empty());
    EXPECT_EQ(digits_of(second), "123456");
}

TEST(Pin, IsComparedWhole) {
    EXPECT_TRUE(pin_of("123456").same_as(pin_of("123456")));
    EXPECT_FALSE(pin_of("123456").same_as(pin_of("123457")));
    EXPECT_FALSE(pin_of("1234").same_as(pin_of("12340")));
    EXPECT_FALSE(pin_of("0000").same_as(pin_of("00000")));
}

// By hand: control and length, digits, filling; the account 012345678901 over the end.
TEST(PinBlock, FormatsWithoutRandomnessAreToTheByte) {
    const Pan pan = pan_of("6217000123456789019");
    EXPECT_EQ(encoded(PinFormat::iso0, "123456", pan), "06123575BA9876FE");
    EXPECT_EQ(encoded(PinFormat::iso2, "123456", pan), "26123456FFFFFFFF");
    EXPECT_EQ(encoded(PinFormat::unionpay_sm4, "123456", pan), "06123456FFFFFFFFFFFFFEDCBA9876FE");
    EXPECT_EQ(encoded(PinFormat::iso2, "123456789012", pan), "2C123456789012FF");
    // Eleven digits are left of the shortest PAN: the twelfth is zero.
    EXPECT_EQ(encoded(PinFormat::iso0, "0000", pan_of("123456789012")), "040001DCBA9876FE");
}

TEST(PinBlock, PanFieldOfFormat4SaysHowManyDigitsAreAboveTwelve) {
    const auto shown = [](std::string_view pan) { return to_hex(iso4_pan_field(pan).value()); };
    EXPECT_EQ(shown("6217000123456789019"), "76217000123456789019000000000000");
    EXPECT_EQ(shown("123456789012"), "01234567890120000000000000000000");
    EXPECT_EQ(shown("7"), "00000000000070000000000000000000");
    for (const std::string_view bad : {"", "12345678901234567890", "12345678901F"}) {
        ASSERT_FALSE(iso4_pan_field(bad)) << bad;
        EXPECT_EQ(iso4_pan_field(bad).error().kind, ErrorKind::malformed);
    }
}

// The standard read plainly over hex characters, without the PAN.
bool is_block(PinFormat format, std::string_view hex) {
    constexpr std::string_view controls = "012340";
    if (hex[0] != controls[static_cast<std::size_t>(format)]) return false;
    const auto size = std::string_view("0123456789ABCDEF").find(hex[1]);
    if (size < 4 || size > 12) return false;
    const auto decimal = [](char c) { return c >= '0' && c <= '9'; };
    if (!std::ranges::all_of(hex.substr(2, size), decimal)) return false;
    std::string_view filling = hex.substr(2 + size);
    switch (format) {
        case PinFormat::iso1:
            return true;
        case PinFormat::iso3:
            return std::ranges::none_of(filling, decimal);
        case PinFormat::iso4:
            filling.remove_suffix(16);
            return std::ranges::all_of(filling, [](char c) { return c == 'A'; });
        default:
            return std::ranges::all_of(filling, [](char c) { return c == 'F'; });
    }
}

// Every format and length, each half byte changed to every value: accepted exactly where the plain
// reading accepts, and always with the one error otherwise.
TEST(PinBlock, DecodingAgreesWithThePlainReading) {
    SeededRandom random(7);
    const Pan pan = pan_of("620000000000000000");  // An account of zeros changes nothing.
    constexpr std::string_view pins = "901234567890";
    std::size_t accepted = 0, refused = 0;
    for (const PinFormat format : formats) {
        for (std::size_t size = Pin::digits_min; size <= Pin::digits_max; ++size) {
            const std::string good = to_hex(
                encode_pin_block(format, pin_of(pins.substr(0, size)), &pan, random).bytes());
            ASSERT_TRUE(is_block(format, good)) << good;
            for (std::size_t place = 0; place < good.size(); ++place) {
                for (const char digit : std::string_view("0123456789ABCDEF")) {
                    std::string hex = good;
                    hex[place] = digit;
                    const auto pin = decode_pin_block(format, unhex(hex), &pan);
                    ASSERT_EQ(pin.has_value(), is_block(format, hex)) << hex;
                    ++(pin ? accepted : refused);
                    if (!pin) {
                        ASSERT_EQ(pin.error().kind, ErrorKind::denied);
                        ASSERT_STREQ(pin.error().what.c_str(), "pin block: refused");
                        ASSERT_EQ(pin.error().detail + pin.error().at, 0U);
                    } else {
                        ASSERT_EQ(digits_of(*pin), hex.substr(2, pin->size()));
                    }
                }
            }
        }
    }
    EXPECT_GT(accepted, 1000U);
    EXPECT_GT(refused, 10'000U);
}

TEST(PinBlock, WrongSizeIsTheSameErrorAsAWrongDigit) {
    const Pan pan = pan_of("6217000123456789019");
    for (const PinFormat format : formats) {
        for (const std::size_t size : {0UL, 7UL, 9UL, 15UL, 17UL}) {
            const auto pin = decode_pin_block(format, Buffer(size), &pan);
            ASSERT_FALSE(pin);
            EXPECT_STREQ(pin.error().what.c_str(), "pin block: refused");
        }
    }
}

TEST(PinBlock, FormatsThatBindThePanRefuseAnother) {
    SeededRandom random(3);
    const Pan pan = pan_of("6217000123456789019");
    const Pan other = pan_of("6217000123956789014");
    const Pin pin = pin_of("123456");
    for (const PinFormat format : formats) {
        if (format == PinFormat::iso2) continue;
        const BlockKey key = key_for(format);
        const PinBlock block = encrypt_pin(format, key, pin, &pan, random).value();
        EXPECT_EQ(block.bytes().size(), pin_block_bytes(format));
        const auto same = decrypt_pin(format, key, block.bytes(), &pan);
        ASSERT_TRUE(same);
        EXPECT_TRUE(same->same_as(pin));
        const auto moved = decrypt_pin(format, key, block.bytes(), &other);
        EXPECT_EQ(moved.has_value(), !binds_pan(format));
        // Another key gives noise, which now and then looks like a PIN but never like this one.
        const auto noise = decrypt_pin(format, key_for(format, 0x33), block.bytes(), &pan);
        EXPECT_TRUE(!noise || !noise->same_as(pin));
    }
}

// A random filling keeps equal PINs from looking equal.
TEST(PinBlock, RandomFillingDiffersAndReachesEveryValue) {
    SeededRandom random(11);
    const Pan pan = pan_of("620000000000000000");
    const Pin pin = pin_of("1234");
    for (const PinFormat format : formats) {
        std::set<std::string> blocks;
        std::set<char> fillings;
        for (int i = 0; i < 200; ++i) {
            const std::string hex = to_hex(encode_pin_block(format, pin, &pan, random).bytes());
            blocks.insert(hex);
            fillings.insert(hex.back());
        }
        const bool fixed = format == PinFormat::iso0 || format == PinFormat::iso2 ||
                           format == PinFormat::unionpay_sm4;
        EXPECT_EQ(blocks.size(), fixed ? 1U : 200U);
        EXPECT_EQ(fillings.size(), fixed ? 1U : format == PinFormat::iso3 ? 6U : 16U);
    }
}

TEST(PinBlock, KeyOfAnotherCipherAndAMissingPanAreOurOwnMistakes) {
    SeededRandom random(5);
    const Pan pan = pan_of("6217000123456789019");
    const Pin pin = pin_of("1234");
    for (const PinFormat format : formats) {
        for (const PinFormat other : formats) {
            if (pin_cipher(other) == pin_cipher(format) || format == PinFormat::iso2) continue;
            const auto block = encrypt_pin(format, key_for(other), pin, &pan, random);
            ASSERT_FALSE(block);
            EXPECT_EQ(block.error().kind, ErrorKind::malformed);
        }
        const auto block = encrypt_pin(format, key_for(format), pin, nullptr, random);
        EXPECT_EQ(block.has_value(), format == PinFormat::iso1);
    }
    const auto two = encrypt_pin(PinFormat::iso2, key_for(PinFormat::iso2), pin, nullptr, random);
    ASSERT_FALSE(two);
    EXPECT_EQ(two.error().kind, ErrorKind::unsupported);
}

// Rows: from. Columns: to. In the order of the enumeration.
TEST(PinTranslation, ChangesOfFormatAreThoseOfTheTable) {
    constexpr std::string_view table[] = {
        "+--+++",  // Format 0.
        "++-+++",  // Format 1.
        "------",  // Format 2.
        "+--+++",  // Format 3.
        "+--+++",  // Format 4.
        "+--+++",  // SM4.
    };
    SeededRandom random(9);
    const Pan pan = pan_of("6217000123456789019");
    const Pin pin = pin_of("86420");
    for (const PinFormat from : formats) {
        for (const PinFormat to : formats) {
            const bool allowed =
                table[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)] == '+';
            EXPECT_EQ(may_translate(from, to), allowed);
            const BlockKey source = key_for(from), target = key_for(to, 0x77);
            PinBlock block(pin_block_bytes(from));
            if (from != PinFormat::iso2) {
                block = encrypt_pin(from, source, pin, &pan, random).value();
            }
            const auto out =
                translate_pin({from, source}, block.bytes(), {to, target}, &pan, random);
            ASSERT_EQ(out.has_value(), allowed);
            if (!allowed) {
                EXPECT_EQ(out.error().kind, ErrorKind::denied);
                continue;
            }
            const auto got = decrypt_pin(to, target, out->bytes(), &pan);
            ASSERT_TRUE(got);
            EXPECT_TRUE(got->same_as(pin));
        }
    }
}

TEST(PinTranslation, BlockOfAnotherCardIsRefused) {
    SeededRandom random(13);
    const Pan pan = pan_of("6217000123456789019"), other = pan_of("6217000123956789014");
    const BlockKey source = key_for(PinFormat::iso4), target = key_for(PinFormat::iso0);
    const auto block = encrypt_pin(PinFormat::iso4, source, pin_of("123456"), &pan, random);
    ASSERT_TRUE(block);
    const auto out = translate_pin({PinFormat::iso4, source}, block->bytes(),
                                   {PinFormat::iso0, target}, &other, random);
    ASSERT_FALSE(out);
    EXPECT_STREQ(out.error().what.c_str(), "pin block: refused");
}

// One bit anywhere in a format 4 block spoils it, up to blocks that decode to something else.
TEST(PinTranslation, ChangedBitNeverGivesTheSamePin) {
    auto prng = testing::Prng::from_environment();
    SeededRandom random(17);
    const Pan pan = pan_of("6217000123456789019");
    const Pin pin = pin_of("123456");
    for (const PinFormat format : formats) {
        if (format == PinFormat::iso2) continue;
        const BlockKey key = key_for(format);
        const PinBlock block = encrypt_pin(format, key, pin, &pan, random).value();
        for (int round = 0; round < 200; ++round) {
            Buffer changed(block.bytes().begin(), block.bytes().end());
            const std::size_t bit = prng.below(static_cast<unsigned>(changed.size() * 8));
            changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ 1U << bit % 8);
            const auto got = decrypt_pin(format, key, changed, &pan);
            ASSERT_TRUE(!got || !got->same_as(pin)) << "SEED=" << prng.seed();
        }
    }
}

}  // namespace
}  // namespace softpos::crypto
