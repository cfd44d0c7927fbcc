// Lines to sign, a header to send, and the resource in a notification.
#include "platform/channel/wallet/wechat_v3.h"

#include "codec/base64.h"
#include "codec/json_tree.h"
#include "crypto/aead.h"
#include "platform/channel/wallet/signing.h"

#include <charconv>

namespace softpos::wallet {
namespace {

constexpr std::string_view scheme = "WECHATPAY2-SHA256-RSA2048";
constexpr std::string_view resource_algorithm = "AEAD_AES_256_GCM";
constexpr std::size_t ciphertext_characters_max = 64UL * 1024;

bool is_line(std::string_view text) {
    return !text.empty() && text.find_first_of("\r\n") == std::string_view::npos;
}

Result<std::int64_t> seconds_of(std::string_view digits) {
    std::int64_t seconds = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    constexpr std::int64_t seconds_max = 253'402'300'799;  // The end of the year 9999.
    if (error != std::errc() || end != digits.data() + digits.size() || seconds < 0 ||
        seconds > seconds_max) {
        return fail(ErrorKind::malformed, "wechat: timestamp");
    }
    return seconds;
}

std::string text_at(const codec::JsonTree::Value& value) {
    return std::string(value.text().value_or(""));
}

}  // namespace

std::string wechat_request_text(const WechatRequest& request) {
    std::string text(request.method);
    text += '\n';
    text += request.target;
    text += '\n' + std::to_string(request.timestamp_s) + '\n';
    text += request.nonce;
    text += '\n';
    text += request.body;
    text += '\n';
    return text;
}

Result<std::string> wechat_authorization(const crypto::RsaKey& key, const WechatMerchant& merchant,
                                         const WechatRequest& request) {
    if (!is_header_token(merchant.merchant_id) || !is_header_token(merchant.certificate_serial) ||
        !is_header_token(request.nonce)) {
        return fail(ErrorKind::malformed, "wechat: not for a header");
    }
    if (!is_line(request.method) || !is_line(request.target) || request.target.front() != '/') {
        return fail(ErrorKind::malformed, "wechat: method or target");
    }
    const std::string signature = TRY(sign_text(key, wechat_request_text(request)));
    std::string header(scheme);
    const auto put = [&header](std::string_view name, std::string_view value) {
        header += header.size() == scheme.size() ? ' ' : ',';
        header += name;
        header += "=\"";
        header += value;
        header += '"';
    };
    put("mchid", merchant.merchant_id);
    put("nonce_str", request.nonce);
    put("timestamp", std::to_string(request.timestamp_s));
    put("serial_no", merchant.certificate_serial);
    put("signature", signature);
    return header;
}

std::string wechat_answer_text(const WechatHeaders& headers, std::string_view body) {
    std::string text(headers.timestamp);
    text += '\n';
    text += headers.nonce;
    text += '\n';
    text += body;
    text += '\n';
    return text;
}

Result<void> wechat_verify(const WechatKeys& keys, const WechatHeaders& headers,
                           std::string_view body, Instant now) {
    const std::int64_t seconds = TRY(seconds_of(headers.timestamp));
    if (!is_line(headers.nonce)) return fail(ErrorKind::malformed, "wechat: nonce");
    const auto key = keys.find(headers.serial);
    if (key == keys.end()) return fail(ErrorKind::not_found, "wechat: no such key");
    TRY_VOID(verify_text(key->second, wechat_answer_text(headers, body), headers.signature));
    const std::int64_t age_ms = now.unix_ms - seconds * 1000;
    if (age_ms > wechat_window_s * 1000 || age_ms < -wechat_window_s * 1000) {
        return fail(ErrorKind::denied, "wechat: outside of the window");
    }
    return {};
}

Result<SecretBytes> wechat_open_resource(Bytes api_v3_key, const WechatResource& resource) {
    if (resource.algorithm != resource_algorithm) {
        return fail(ErrorKind::unsupported, "wechat: algorithm of a resource");
    }
    if (resource.ciphertext.size() > ciphertext_characters_max) {
        return fail(ErrorKind::denied, "wechat: resource too long");
    }
    const Buffer sealed = TRY(codec::from_base64(resource.ciphertext));
    return crypto::gcm_open(api_v3_key, bytes_of(resource.nonce),
                            bytes_of(resource.associated_data), sealed);
}

Result<WechatNotification> wechat_notification(Bytes api_v3_key, std::string_view body) {
    const auto json =
        TRY(codec::JsonTree::parse(body, {.bytes_max = 2 * ciphertext_characters_max}));
    const auto root = json.root();
    const auto resource = root["resource"];
    WechatNotification out;
    out.id = text_at(root["id"]);
    out.event_type = text_at(root["event_type"]);
    out.resource_type = text_at(root["resource_type"]);
    out.original_type = text_at(resource["original_type"]);
    if (out.id.empty() || out.event_type.empty() || !resource.is_object()) {
        return fail(ErrorKind::malformed, "wechat: no notification");
    }
    out.resource =
        TRY(wechat_open_resource(api_v3_key, {resource["algorithm"].text().value_or(""),
                                              resource["nonce"].text().value_or(""),
                                              resource["associated_data"].text().value_or(""),
                                              resource["ciphertext"].text().value_or("")}));
    return out;
}

}  // namespace softpos::wallet
