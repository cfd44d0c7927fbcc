// Alipay's REST interface, version 3: JSON over HTTP, signed line by line.
//
// Spec: [ALIPAY-OPEN].
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "crypto/public_key.h"
#include "crypto/rsa_key.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace softpos::wallet {

struct AlipayV3Request {
    std::string_view app_id;
    std::string_view app_cert_sn;     // Empty where we are known by a bare key.
    std::string_view nonce;           // New for each request.
    std::int64_t timestamp_ms;        // Since 1970.
    std::string_view method;          // "POST"
    std::string_view target;          // Path and query: "/v3/alipay/trade/pay"
    std::string_view body;            // To the byte as it is sent; empty for none.
    std::string_view app_auth_token;  // Of a merchant that we act for; may be empty.
};

// "app_id=...,app_cert_sn=...,nonce=...,timestamp=..."
std::string alipay_v3_identity(const AlipayV3Request& request);

// What is signed: identity, method, target, body and, where there is one, the token; a line each.
std::string alipay_v3_request_text(const AlipayV3Request& request);

// The value of the header Authorization. malformed where a part cannot stand in it or in its line.
Result<std::string> alipay_v3_authorization(const crypto::RsaKey& key,
                                            const AlipayV3Request& request);

// Of an answer, as they came.
struct AlipayV3Headers {
    std::string_view timestamp;  // alipay-timestamp
    std::string_view nonce;      // alipay-nonce
    std::string_view signature;  // alipay-signature
};

constexpr std::int64_t alipay_v3_window_ms = 300'000;

std::string alipay_v3_answer_text(const AlipayV3Headers& headers, std::string_view body);

// denied where the signature is not Alipay's over the body, or it is outside of the window.
Result<void> alipay_v3_verify(const crypto::PublicKey& alipay_key, const AlipayV3Headers& headers,
                              std::string_view body, Instant now);

}  // namespace softpos::wallet
