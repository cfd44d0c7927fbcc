// XAES-256-GCM against its specification's examples, and against damage.
#include "crypto/xaes_gcm.h"

#include "base/hex.h"
#include "crypto/drbg.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

#include <string_view>

namespace softpos::crypto {
namespace {

constexpr std::string_view nonce = "ABCDEFGHIJKLMNOPQRSTUVWX";
constexpr std::string_view plain = "XAES-256-GCM";

XaesGcm key_of(std::uint8_t byte) {
    return XaesGcm::make(Buffer(xaes_key_bytes, byte)).value();
}

// The two keys differ in the top bit of CMAC's L, so both ways of doubling are taken.
// Spec: [C2SP-XAES] test vectors.
TEST(XaesGcm, GivesThePublishedExamples) {
    EXPECT_EQ(to_hex(key_of(1).seal(bytes_of(nonce), {}, bytes_of(plain)).value()),
              "CE546EF63C9CC60765923609B33A9A1974E96E52DAF2FCF7075E2271");
    EXPECT_EQ(to_hex(key_of(3)
                         .seal(bytes_of(nonce), bytes_of("c2sp.org/XAES-256-GCM"), bytes_of(plain))
                         .value()),
              "986EC1832593DF5443A179437FD083BF3FDB41ABD740A21F71EB769D");
}

TEST(XaesGcm, OpensWhatItSealedAndNothingThatWasChanged) {
    testing::Prng prng(4711);
    auto key = XaesGcm::make(prng.bytes(xaes_key_bytes)).value();
    for (int round = 0; round < 50; ++round) {
        const Buffer text = prng.bytes(prng.below(80));
        const Buffer aad = prng.bytes(prng.below(20));
        const Buffer number = prng.bytes(xaes_nonce_bytes);
        Buffer sealed = key.seal(number, aad, text).value();
        const auto opened = key.open(number, aad, sealed);
        ASSERT_TRUE(opened) << round;
        EXPECT_TRUE(std::ranges::equal(opened->bytes(), text)) << round;
        // Each half of the nonce counts: the first makes the key.
        for (const std::size_t at : {0U, 11U, 12U, 23U}) {
            Buffer other = number;
            other[at] ^= 1;
            EXPECT_FALSE(key.open(other, aad, sealed)) << round << " " << at;
        }
        sealed[prng.below(static_cast<std::uint32_t>(sealed.size()))] ^= 0x10;
        const auto changed = key.open(number, aad, sealed);
        ASSERT_FALSE(changed) << round;
        EXPECT_EQ(changed.error().kind, ErrorKind::denied);
    }
}

TEST(XaesGcm, OtherSizesAreRefused) {
    for (const std::size_t size : {0U, 16U, 31U, 33U}) {
        EXPECT_FALSE(XaesGcm::make(Buffer(size))) << size;
    }
    for (const std::size_t size : {0U, 12U, 23U, 25U}) {
        EXPECT_FALSE(key_of(1).seal(Buffer(size), {}, {})) << size;
        EXPECT_FALSE(key_of(1).open(Buffer(size), {}, Buffer(40))) << size;
    }
    EXPECT_FALSE(key_of(1).open(bytes_of(nonce), {}, Buffer(15)));
}

}  // namespace
}  // namespace softpos::crypto
