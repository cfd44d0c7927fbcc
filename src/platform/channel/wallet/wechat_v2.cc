// The text to be digested ends with the key, so it lies in memory that is wiped.
#include "platform/channel/wallet/wechat_v2.h"

#include "base/hex.h"
#include "base/secret.h"
#include "codec/xml/xml_fields.h"
#include "crypto/hash.h"
#include "crypto/mac.h"

#include <algorithm>

namespace softpos::wallet {
namespace {

constexpr std::string_view sign_field = "sign";
constexpr std::string_view key_start = "&key=";

std::string_view name_of(WechatDigest digest) {
    return digest == WechatDigest::md5 ? "MD5" : "HMAC-SHA256";
}

SecretBytes with_key(std::string_view text, Bytes key) {
    SecretBytes whole(text.size() + key_start.size() + key.size());
    auto to = whole.writable().begin();
    for (const Bytes part : {bytes_of(text), bytes_of(key_start), key}) {
        to = std::ranges::copy(part, to).out;
    }
    return whole;
}

}  // namespace

std::string wechat_v2_text(const WechatFields& fields) {
    std::string text;
    for (const auto& [name, value] : fields) {
        if (name == sign_field || value.empty()) continue;
        if (!text.empty()) text += '&';
        text += name + '=' + value;
    }
    return text;
}

std::string wechat_v2_sign(const WechatFields& fields, Bytes key, WechatDigest digest) {
    const SecretBytes text = with_key(wechat_v2_text(fields), key);
    if (digest == WechatDigest::md5) return to_hex(crypto::md5(text.bytes()));
    return to_hex(crypto::hmac_sha256(key, text.bytes()));
}

Result<std::string> wechat_v2_message(const WechatFields& fields, Bytes key, WechatDigest digest) {
    if (fields.contains(sign_field)) return fail(ErrorKind::conflict, "wechat: signed already");
    const auto type = fields.find("sign_type");
    if (type != fields.end() && type->second != name_of(digest)) {
        return fail(ErrorKind::conflict, "wechat: sign_type is of another digest");
    }
    WechatFields whole = fields;
    std::erase_if(whole, [](const auto& field) { return field.second.empty(); });
    whole.emplace(sign_field, wechat_v2_sign(whole, key, digest));
    return xml::write_xml_fields(whole);
}

bool wechat_v2_is_signed(const WechatFields& fields, Bytes key, WechatDigest digest) {
    const auto stated = fields.find(sign_field);
    if (stated == fields.end()) return false;
    const std::string expected = wechat_v2_sign(fields, key, digest);
    return equal_constant_time(bytes_of(stated->second), bytes_of(expected));
}

Result<WechatV2Answer> wechat_v2_answer(std::string_view xml, Bytes key, WechatDigest digest) {
    WechatV2Answer answer{TRY(xml::read_xml_fields(xml)), false};
    const auto code = answer.fields.find("return_code");
    if (code == answer.fields.end()) return fail(ErrorKind::malformed, "wechat: no return_code");
    answer.authentic = wechat_v2_is_signed(answer.fields, key, digest);
    if (code->second == "SUCCESS" && !answer.authentic) {
        return fail(ErrorKind::denied, "wechat: answer is not signed with our key");
    }
    return answer;
}

}  // namespace softpos::wallet
