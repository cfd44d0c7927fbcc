// The examples of the specification, and what is refused.
#include "crypto/key_wrap.h"

#include "testing/vectors.h"

#include <gtest/gtest.h>

namespace softpos::crypto {
namespace {

const Buffer kek =
    testing::unhex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");

TEST(KeyWrap, GivesTheExamplesOfTheSpecification) {
    struct Example {
        std::size_t kek_bytes;
        const char* key;
        const char* wrapped;
    };
    constexpr Example examples[] = {
        {16, "00112233445566778899AABBCCDDEEFF",
         "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"},
        {32, "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
         "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"},
    };
    for (const Example& example : examples) {
        const Bytes under = Bytes(kek).first(example.kek_bytes);
        const Buffer key = testing::unhex(example.key);
        const Buffer wrapped = testing::unhex(example.wrapped);
        EXPECT_EQ(aes_key_wrap(under, key).value(), wrapped);
        const auto opened = aes_key_unwrap(under, wrapped);
        ASSERT_TRUE(opened);
        EXPECT_TRUE(equal_constant_time(opened->bytes(), key));
    }
}

TEST(KeyWrap, AChangedBitOrSizeIsRefused) {
    const Buffer wrapped = aes_key_wrap(kek, Buffer(32, 5)).value();
    for (std::size_t at = 0; at < wrapped.size(); ++at) {
        Buffer changed = wrapped;
        changed[at] ^= 4U;
        ASSERT_EQ(aes_key_unwrap(kek, changed).error().kind, ErrorKind::denied) << at;
    }
    for (const std::size_t size : {0U, 7U, 8U, 16U, 23U, 39U, 80U}) {
        EXPECT_EQ(aes_key_unwrap(kek, Buffer(size)).error().kind, ErrorKind::malformed) << size;
    }
    EXPECT_EQ(aes_key_unwrap(Bytes(kek).first(31), wrapped).error().kind, ErrorKind::malformed);
    EXPECT_EQ(aes_key_wrap(kek, Buffer(12)).error().kind, ErrorKind::malformed);
}

}  // namespace
}  // namespace softpos::crypto
