// The part of include/softpos.h that tells scanned codes apart. Asks nobody.
#include "codec/qr/payer_code.h"
#include "codec/qr/payment_code.h"
#include "softpos.h"

#include <cstring>
#include <string_view>

using softpos::qr::CodeKind;

namespace {

constexpr bool same(CodeKind ours, softpos_code_kind theirs) {
    return static_cast<int>(ours) == static_cast<int>(theirs);
}
static_assert(same(CodeKind::unknown, SOFTPOS_CODE_UNKNOWN));
static_assert(same(CodeKind::wechat, SOFTPOS_CODE_WECHAT));
static_assert(same(CodeKind::alipay, SOFTPOS_CODE_ALIPAY));
static_assert(same(CodeKind::unionpay, SOFTPOS_CODE_UNIONPAY));
static_assert(same(CodeKind::emv_payer, SOFTPOS_CODE_EMV_PAYER));
static_assert(same(CodeKind::alipay_face, SOFTPOS_CODE_ALIPAY_FACE));
static_assert(same(CodeKind::unionpay_fixed, SOFTPOS_CODE_UNIONPAY_FIXED));
static_assert(same(CodeKind::unionpay_dynamic, SOFTPOS_CODE_UNIONPAY_DYNAMIC));
static_assert(same(CodeKind::unionpay_acquirer, SOFTPOS_CODE_UNIONPAY_ACQUIRER));
static_assert(same(CodeKind::emv_merchant, SOFTPOS_CODE_EMV_MERCHANT));
static_assert(same(CodeKind::alipay_merchant, SOFTPOS_CODE_ALIPAY_MERCHANT));
static_assert(same(CodeKind::wechat_merchant, SOFTPOS_CODE_WECHAT_MERCHANT));

constexpr std::size_t text_bytes_max = softpos::qr::payer_code_lenient_characters_max;

CodeKind kind_of(softpos_code_kind kind) {
    const auto number = static_cast<unsigned>(kind);
    return number > 0xFF ? CodeKind::unknown : static_cast<CodeKind>(number);
}

}  // namespace

softpos_code_kind softpos_classify_payment_code(const char* text) {
    if (text == nullptr) return SOFTPOS_CODE_UNKNOWN;
    const std::size_t size = ::strnlen(text, text_bytes_max + 1);
    if (size > text_bytes_max) return SOFTPOS_CODE_UNKNOWN;
    const CodeKind kind = softpos::qr::classify_code(std::string_view(text, size));
    return static_cast<softpos_code_kind>(kind);
}

const char* softpos_code_kind_name(softpos_code_kind kind) {
    return softpos::qr::name_of(kind_of(kind)).data();  // Of literals, which end in a zero.
}

const char* softpos_code_advice_en(softpos_code_kind kind) {
    if (softpos::qr::is_payment_code(kind_of(kind))) return "";
    if (softpos::qr::is_merchant_code(kind_of(kind))) {
        return "This is a merchant code. Ask the payer to open the payment code.";
    }
    return "This is no payment code. Ask the payer to open the payment code and scan it again.";
}

const char* softpos_code_advice_zh(softpos_code_kind kind) {
    if (softpos::qr::is_payment_code(kind_of(kind))) return "";
    if (softpos::qr::is_merchant_code(kind_of(kind))) {
        return "这是商户收款码，请顾客打开付款码。";
    }
    return "无法识别的付款码，请顾客重新打开付款码后再扫。";
}
