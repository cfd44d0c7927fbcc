// Lines and commas.
#include "platform/channel/wallet/alipay_v3.h"

#include "platform/channel/wallet/signing.h"

#include <charconv>
#include <initializer_list>

namespace softpos::wallet {
namespace {

constexpr std::string_view scheme = "ALIPAY-SHA256withRSA ";

bool is_line(std::string_view text) {
    return !text.empty() && text.find_first_of("\r\n") == std::string_view::npos;
}

std::string lines(std::initializer_list<std::string_view> parts) {
    std::string text;
    for (const std::string_view part : parts) {
        text += part;
        text += '\n';
    }
    return text;
}

}  // namespace

std::string alipay_v3_identity(const AlipayV3Request& request) {
    std::string text = "app_id=";
    text += request.app_id;
    if (!request.app_cert_sn.empty()) {
        text += ",app_cert_sn=";
        text += request.app_cert_sn;
    }
    text += ",nonce=";
    text += request.nonce;
    return text + ",timestamp=" + std::to_string(request.timestamp_ms);
}

std::string alipay_v3_request_text(const AlipayV3Request& request) {
    std::string text =
        lines({alipay_v3_identity(request), request.method, request.target, request.body});
    if (!request.app_auth_token.empty()) text += lines({request.app_auth_token});
    return text;
}

Result<std::string> alipay_v3_authorization(const crypto::RsaKey& key,
                                            const AlipayV3Request& request) {
    const bool serial = request.app_cert_sn.empty() || is_header_token(request.app_cert_sn);
    if (!is_header_token(request.app_id) || !is_header_token(request.nonce) || !serial) {
        return fail(ErrorKind::malformed, "alipay: not for a header");
    }
    const bool token = request.app_auth_token.empty() || is_line(request.app_auth_token);
    if (!is_line(request.method) || !is_line(request.target) || request.target.front() != '/' ||
        !token) {
        return fail(ErrorKind::malformed, "alipay: method, target or token");
    }
    std::string header(scheme);
    header += alipay_v3_identity(request);
    header += ",sign=" + TRY(sign_text(key, alipay_v3_request_text(request)));
    return header;
}

std::string alipay_v3_answer_text(const AlipayV3Headers& headers, std::string_view body) {
    return lines({headers.timestamp, headers.nonce, body});
}

Result<void> alipay_v3_verify(const crypto::PublicKey& alipay_key, const AlipayV3Headers& headers,
                              std::string_view body, Instant now) {
    std::int64_t stated_ms = 0;
    const std::string_view digits = headers.timestamp;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), stated_ms);
    constexpr std::int64_t stated_ms_max = 253'402'300'799'999;  // The end of the year 9999.
    if (error != std::errc() || end != digits.data() + digits.size() || stated_ms < 0 ||
        stated_ms > stated_ms_max) {
        return fail(ErrorKind::malformed, "alipay: timestamp");
    }
    if (!is_line(headers.nonce)) return fail(ErrorKind::malformed, "alipay: nonce");
    TRY_VOID(verify_text(alipay_key, alipay_v3_answer_text(headers, body), headers.signature));
    const std::int64_t age_ms = now.unix_ms - stated_ms;
    if (age_ms > alipay_v3_window_ms || age_ms < -alipay_v3_window_ms) {
        return fail(ErrorKind::denied, "alipay: outside of the window");
    }
    return {};
}

}  // namespace softpos::wallet
