// WeChat Pay APIv3: requests get an Authorization header, and no answer or notification is looked
// at before its signature is.
//
//     const auto header = TRY(wechat_authorization(key, {"1900000001", serial}, request));
//     ...
//     TRY_VOID(wechat_verify(keys, headers, body, clock.now()));
//     const WechatNotification event = TRY(wechat_notification(api_v3_key, body));
//
// Spec: [WECHAT-V3].
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/public_key.h"
#include "crypto/rsa_key.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace softpos::wallet {

struct WechatRequest {
    std::string_view method;   // "POST"
    std::string_view target;   // Path and query, as they are sent: "/v3/pay/transactions/codepay"
    std::int64_t timestamp_s;  // Since 1970.
    std::string_view nonce;    // New for each request, 16 to 32 letters and digits.
    std::string_view body;     // To the byte as it is sent; empty for a GET.
};

// What is signed: the five parts, a line each.
std::string wechat_request_text(const WechatRequest& request);

struct WechatMerchant {
    std::string_view merchant_id;
    std::string_view certificate_serial;  // Hex, of the merchant's certificate.
};

// The value of the header Authorization. malformed where a part cannot stand in it or in its line.
Result<std::string> wechat_authorization(const crypto::RsaKey& key, const WechatMerchant& merchant,
                                         const WechatRequest& request);

// WeChat Pay's keys by what Wechatpay-Serial calls them: the serial number of a platform
// certificate, or "PUB_KEY_ID_...".
using WechatKeys = std::map<std::string, crypto::PublicKey, std::less<>>;

// Of an answer or a notification, as they came.
struct WechatHeaders {
    std::string_view timestamp;  // Wechatpay-Timestamp
    std::string_view nonce;      // Wechatpay-Nonce
    std::string_view serial;     // Wechatpay-Serial
    std::string_view signature;  // Wechatpay-Signature
};

constexpr std::int64_t wechat_window_s = 300;

std::string wechat_answer_text(const WechatHeaders& headers, std::string_view body);

// denied where the signature is none of the key's over the body, or older or younger than the
// window; malformed for headers that are none; not_found where the key is not known, which may only
// mean that it is new. Within the window the same message passes again: whoever acts on one
// remembers its nonce or what it is about.
Result<void> wechat_verify(const WechatKeys& keys, const WechatHeaders& headers,
                           std::string_view body, Instant now);

// AEAD_AES_256_GCM of resources and of platform certificates.
struct WechatResource {
    std::string_view algorithm;
    std::string_view nonce;  // 12 characters
    std::string_view associated_data;
    std::string_view ciphertext;  // base64; the tag is its end.
};

constexpr std::size_t wechat_api_key_bytes = 32;  // Of a merchant in use; test keys have 16.

// denied where it was not sealed with that key, unsupported for another algorithm.
Result<SecretBytes> wechat_open_resource(Bytes api_v3_key, const WechatResource& resource);

// A notification whose headers have been verified.
struct WechatNotification {
    std::string id;
    std::string event_type;     // "TRANSACTION.SUCCESS"
    std::string resource_type;  // "encrypt-resource"
    std::string original_type;  // "transaction"
    SecretBytes resource;       // JSON, which names the payer.
};
Result<WechatNotification> wechat_notification(Bytes api_v3_key, std::string_view body);

}  // namespace softpos::wallet
