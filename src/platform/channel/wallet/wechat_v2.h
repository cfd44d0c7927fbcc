// WeChat Pay's interfaces of version 2 (micropay and its kin): flat XML with a digest over its
// sorted fields and a key that both sides hold.
//
//     const std::string body = TRY(wechat_v2_message(fields, key, WechatDigest::hmac_sha256));
//     const WechatV2Answer answer = TRY(wechat_v2_answer(received, key,
//     WechatDigest::hmac_sha256));
//
// Spec: [WECHAT-V2].
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace softpos::wallet {

using WechatFields = std::map<std::string, std::string, std::less<>>;

// MD5 is what merchants that never chose get; new ones choose HMAC.
enum class WechatDigest : std::uint8_t { md5, hmac_sha256 };

// Sorted by name, "a=1&b=2", without `sign` and what is empty; the key is not in it yet.
std::string wechat_v2_text(const WechatFields& fields);

// Upper-case hex. `key` is the merchant's API key, 32 characters.
std::string wechat_v2_sign(const WechatFields& fields, Bytes key, WechatDigest digest);

// The XML to send: `sign` is added, `sign_type` is the caller's to set, because not every call has
// one. conflict where it is set to another digest, or `sign` is set; malformed for a name that XML
// cannot have.
Result<std::string> wechat_v2_message(const WechatFields& fields, Bytes key, WechatDigest digest);

// Whether `sign` is the digest of the other fields; the digest is the one that we asked for,
// whatever the message says of itself.
bool wechat_v2_is_signed(const WechatFields& fields, Bytes key, WechatDigest digest);

struct WechatV2Answer {
    WechatFields fields;
    // Signed and about our request. Where it is not, WeChat Pay did not get as far as to answer
    // (return_code is not SUCCESS, and nothing is signed then): that says nothing about the
    // payment, and anybody on the way could have said it.
    bool authentic = false;
};

// malformed for what is no such XML; denied where return_code is SUCCESS and the digest does not
// fit.
Result<WechatV2Answer> wechat_v2_answer(std::string_view xml, Bytes key, WechatDigest digest);

}  // namespace softpos::wallet
