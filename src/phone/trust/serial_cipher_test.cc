// The serial cipher as two published implementations compute it.
#include "phone/trust/serial_cipher.h"

#include "testing/vectors.h"

#include <gtest/gtest.h>

#include <string>

namespace softpos::trust {
namespace {

constexpr const char* key_hex = "0123456789ABCDEFFEDCBA9876543210";
constexpr const char* serial_number = "00000801P20000000001";

std::string text_of_cipher(const Result<SerialCipher>& cipher) {
    return cipher ? std::string(cipher->begin(), cipher->end()) : std::string("refused");
}

TEST(SerialCipher, IsTheMacOverNumberAndFactor) {
    for (const auto& one : testing::read_vectors("serial_cipher.vec")) {
        EXPECT_EQ(text_of_cipher(serial_cipher_over(testing::unhex(one.at("Key")), one.at("TUSN"),
                                                    one.at("Factor"))),
                  one.at("Cipher"))
            << one.name;
    }
}

TEST(SerialCipher, TakesTheLastSixDigitsOfTheCardNumber) {
    const Buffer key = testing::unhex(key_hex);
    const Buffer track2 = testing::unhex("6210948000036819D30122200000000000");
    EXPECT_EQ(text_of_cipher(serial_cipher(key, serial_number, track2)), "4EC6E8EC");
    // A number of odd length: the digits lie across the bytes.
    const Buffer odd = testing::unhex("62109480000036819D30122200000000");
    EXPECT_EQ(text_of_cipher(serial_cipher(key, serial_number, odd)), "4EC6E8EC");
}

TEST(SerialCipher, NeedsAKeyAndACardNumber) {
    const Buffer track2 = testing::unhex("6210948000036819D30122200000000000");
    EXPECT_FALSE(serial_cipher(Buffer(15, 1), serial_number, track2));
    EXPECT_FALSE(serial_cipher(Buffer(16, 1), serial_number, testing::unhex("6210D30122")));
    EXPECT_FALSE(serial_cipher(Buffer(16, 1), serial_number, {}));
}

}  // namespace
}  // namespace softpos::trust
