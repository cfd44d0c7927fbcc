// UnionPay's QR gateway: forms, signed over the SHA-256 of their sorted fields.
//
// Spec: [UP-QRC].
#pragma once

#include "base/result.h"
#include "crypto/public_key.h"
#include "crypto/rsa_key.h"
#include "platform/channel/wallet/form.h"

#include <map>
#include <string>
#include <string_view>

namespace softpos::wallet {

// By what the other side calls its certificate.
using UnionpayKeys = std::map<std::string, crypto::PublicKey, std::less<>>;

// Sorted by name, "a=1&b=2", without `signature` and what is empty.
std::string unionpay_text(const FormFields& fields);

// The form to send, with its signature. conflict where it is signed already.
Result<std::string> unionpay_message(const crypto::RsaKey& key, FormFields fields);

// The fields of a message once its signature has been found right. denied where it is not,
// not_found where the certificate is not known.
Result<FormFields> unionpay_read(const UnionpayKeys& keys, std::string_view body);

}  // namespace softpos::wallet
