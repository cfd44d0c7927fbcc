// Whose code a scanner has read: the payer's of one of the schemes, or by mistake a merchant's.
#pragma once

#include <cstdint>
#include <string_view>

namespace softpos::qr {

// The numbers are those of softpos_code_kind in include/softpos.h and never change.
enum class CodeKind : std::uint8_t {
    unknown = 0,
    // Payment codes: the payer shows them, and we charge them.
    wechat = 1,       // 18 digits that begin with 10 to 15.
    alipay = 2,       // 16 to 24 digits that begin with 25 to 30.
    unionpay = 3,     // 19 digits that begin with 62.
    emv_payer = 4,    // base64 that begins with 85 05 "CPV01".
    alipay_face = 5,  // "fp" and letters and digits: what Alipay's face terminal gives.
    // Merchant codes: a payer scans them. Ask for the payment code.
    unionpay_fixed = 64,
    unionpay_dynamic = 65,
    unionpay_acquirer = 66,
    emv_merchant = 67,
    alipay_merchant = 68,
    wechat_merchant = 69,
};

constexpr bool is_payment_code(CodeKind kind) {
    return kind >= CodeKind::wechat && kind <= CodeKind::alipay_face;
}
constexpr bool is_merchant_code(CodeKind kind) {
    return kind >= CodeKind::unionpay_fixed && kind <= CodeKind::wechat_merchant;
}

// "wechat", "unionpay-merchant-static"
std::string_view name_of(CodeKind kind);

// What a wedge scanner adds around the text (blanks, line ends) is passed over. A card number typed
// in by hand may look like UnionPay's payment code: the caller knows where the text came from.
// None of these codes has a check digit that could be looked at. An EMV code is known by how it
// begins; whether the rest is one, its parser says.
CodeKind classify_code(std::string_view text);

std::string_view trimmed_code(std::string_view text);

}  // namespace softpos::qr
