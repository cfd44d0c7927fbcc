// The message is TUSN and factor as characters; UnionPay's own MAC does the rest.
#include "phone/trust/serial_cipher.h"

#include "base/secret.h"
#include "crypto/mac.h"
#include "phone/emv/track2.h"

namespace softpos::trust {
namespace {

constexpr std::size_t factor_digits = 6;

}  // namespace

Result<SerialCipher> serial_cipher_over(Bytes sm4_key, std::string_view serial_number,
                                        std::string_view factor) {
    const auto key = TRY(crypto::BlockKey::make(crypto::Cipher::sm4, sm4_key));
    Buffer message;
    message.reserve(serial_number.size() + factor.size());
    append(message, bytes_of(serial_number));
    append(message, bytes_of(factor));
    const SerialCipher cipher = crypto::unionpay_ecb_mac(key, message);
    wipe(message);
    return cipher;
}

Result<SerialCipher> serial_cipher(Bytes sm4_key, std::string_view serial_number, Bytes track2) {
    const Pan pan = TRY(emv::track2_pan(track2));
    const std::string_view digits = pan.clear_digits();
    return serial_cipher_over(sm4_key, serial_number, digits.substr(digits.size() - factor_digits));
}

}  // namespace softpos::trust
