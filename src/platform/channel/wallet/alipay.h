// Alipay's gateway: parameters are signed sorted, answers as the bytes of one member of their JSON,
// notifications as the form that they are.
//
//     AlipayParameters parameters = {{"app_id", ...}, {"method", "alipay.trade.pay"}, ...};
//     const std::string body = TRY(alipay_request(key, parameters));
//     ...
//     const AlipayAnswer answer = TRY(alipay_answer(alipay_key, "alipay.trade.pay", received));
//
// Spec: [ALIPAY-OPEN].
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/certificate.h"
#include "crypto/public_key.h"
#include "crypto/rsa_key.h"
#include "platform/channel/wallet/form.h"

#include <string>
#include <string_view>

namespace softpos::wallet {

using AlipayParameters = FormFields;

// Sorted by name, "a=1&b=2", values as they are and not escaped; without `sign` and what is empty.
std::string alipay_request_text(const AlipayParameters& parameters);

// The form to send, with its signature. conflict unless sign_type is RSA2 and charset utf-8.
Result<std::string> alipay_request(const crypto::RsaKey& key, AlipayParameters parameters);

struct AlipayAnswer {
    std::string_view bytes;  // The member that was signed, with its braces; borrowed.
    bool is_error = false;   // error_response: the gateway refused, no service has seen it.
};

// The bytes that were signed, without a look at the signature: for what shows or logs an answer.
// malformed where the body is no such answer.
Result<AlipayAnswer> alipay_answer_part(std::string_view method, std::string_view body);

// denied where the signature is missing or is not of these bytes: then nothing is known about the
// payment, and it has to be asked for again.
Result<AlipayAnswer> alipay_answer(const crypto::PublicKey& alipay_key, std::string_view method,
                                   std::string_view body);

// A notification's own parameters once its signature has been found right. Most are signed without
// sign_type, some services' with it. denied where neither fits. Alipay expects the answer "success"
// and sends again until it comes. Whether app_id, seller and amount are those of the payment is for
// the caller to check: the signature only says who speaks.
Result<AlipayParameters> alipay_notification(const crypto::PublicKey& alipay_key,
                                             std::string_view body);
Result<void> alipay_verify_notification(const crypto::PublicKey& alipay_key,
                                        const AlipayParameters& parameters);

// app_cert_sn: MD5 over the issuer's name, last part first, and the serial number; lower-case hex.
Result<std::string> alipay_certificate_sn(const crypto::Certificate& certificate);
// alipay_root_cert_sn: those of the certificates of a root file that are signed with RSA, by '_'.
Result<std::string> alipay_root_certificate_sn(std::string_view pem);

// Content of a request or answer under a key of 16 bytes: AES-CBC from a zero vector, base64. Sign
// what comes out. A wrong key and broken content are one error, denied.
Result<std::string> alipay_encrypt(Bytes key, std::string_view content);
Result<SecretBytes> alipay_decrypt(Bytes key, std::string_view base64);

}  // namespace softpos::wallet
