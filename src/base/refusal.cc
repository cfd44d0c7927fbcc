// The table itself, in the order of the enumeration; a test holds the two together.
#include "base/refusal.h"

#include "base/check.h"

#include <array>

namespace softpos {
namespace {

using enum Refusal;
using enum RefusalClass;

constexpr std::array rows{
    RefusalRow{none, "OK", final, 200, "Nothing to do.", "成功"},
    RefusalRow{bad_json, "BAD_JSON", fix_now, 400, "The body is not a JSON object.",
               "请求体不是 JSON 对象"},
    RefusalRow{unknown_field, "UNKNOWN_FIELD", fix_now, 400,
               "The body has a field that this call does not know; see `field`.", "请求含未知字段"},
    RefusalRow{missing_field, "MISSING_FIELD", fix_now, 400,
               "A required field is missing; see `field`.", "缺少必填字段"},
    RefusalRow{wrong_type, "WRONG_TYPE", fix_now, 400,
               "A field has the wrong JSON type; see `field`.", "字段类型错误"},
    RefusalRow{bad_value, "BAD_VALUE", fix_now, 400,
               "A field's value is out of range; see `field`.", "字段取值不合法"},
    RefusalRow{body_too_large, "BODY_TOO_LARGE", fix_now, 413, "The body is over the size limit.",
               "请求体过大"},
    RefusalRow{no_such_path, "NO_SUCH_PATH", fix_now, 404, "There is no such call.", "接口不存在"},
    RefusalRow{bad_method, "BAD_METHOD", fix_now, 405, "The call does not take this HTTP method.",
               "不支持的请求方法"},
    RefusalRow{no_credentials, "NO_CREDENTIALS", fix_now, 401,
               "Send an API key or a client certificate.", "缺少凭证"},
    RefusalRow{bad_credentials, "BAD_CREDENTIALS", contact, 401,
               "The API key or certificate is not valid.", "凭证无效"},
    RefusalRow{forbidden, "FORBIDDEN", contact, 403, "These credentials do not reach that object.",
               "无权访问"},
    RefusalRow{Refusal::not_found, "NOT_FOUND", fix_now, 404, "There is no such object.",
               "对象不存在"},
    RefusalRow{too_many_requests, "TOO_MANY_REQUESTS", retry, 429, "Wait, then send it again.",
               "请求过多，请稍后再试"},
    RefusalRow{idempotency_conflict, "IDEMPOTENCY_CONFLICT", fix_now, 409,
               "This key was used with another body. Use a new key for a new payment.",
               "幂等键已用于不同的请求"},
    RefusalRow{amount_over_limit, "AMOUNT_OVER_LIMIT", final, 422,
               "The amount is over the merchant's limit.", "金额超过商户限额"},
    RefusalRow{
        not_voidable, "NOT_VOIDABLE", final, 409,
        "Only an approved sale of the same settlement day and batch can be voided; refund it "
        "instead.",
        "仅可撤销当日当批次的成功消费，请改做退货"},
    RefusalRow{not_refundable, "NOT_REFUNDABLE", final, 409,
               "Only an approved, not voided sale can be refunded.", "该交易不可退货"},
    RefusalRow{refund_over_sale, "REFUND_OVER_SALE", fix_now, 422,
               "The refunds together would be more than the sale.", "退货总额超过原交易金额"},
    RefusalRow{payment_in_progress, "PAYMENT_IN_PROGRESS", retry, 409,
               "Another step of this payment is under way; ask for its status.",
               "交易处理中，请查询结果"},
    RefusalRow{already_voided, "ALREADY_VOIDED", final, 409, "The sale is already voided.",
               "交易已撤销"},
    RefusalRow{duplicate_transaction, "DUPLICATE_TRANSACTION", contact, 409,
               "The network saw this transaction before; ask for its status, do not repeat it.",
               "重复交易，请查询结果"},
    RefusalRow{merchant_not_active, "MERCHANT_NOT_ACTIVE", contact, 403,
               "The merchant is not active yet, or no longer.", "商户未激活"},
    RefusalRow{terminal_not_active, "TERMINAL_NOT_ACTIVE", contact, 403,
               "The terminal is not active.", "终端未激活"},
    RefusalRow{activation_code_invalid, "ACTIVATION_CODE_INVALID", fix_now, 403,
               "The activation code is wrong, used or expired; ask for a new one.", "激活码无效"},
    RefusalRow{duplicate_merchant, "DUPLICATE_MERCHANT", final, 409,
               "A merchant with this licence or identity number exists.", "商户已存在"},
    RefusalRow{device_not_trusted, "DEVICE_NOT_TRUSTED", contact, 403,
               "This device cannot accept payments; see `reference`.",
               "本设备无法受理支付，请凭编号联系收单机构"},
    RefusalRow{permit_invalid, "PERMIT_INVALID", final, 403,
               "The permit of this payment is unknown, used, expired or for something else.",
               "交易许可无效或已过期"},
    RefusalRow{card_declined, "CARD_DECLINED", final, 402, "The card declined.", "卡片拒绝交易"},
    RefusalRow{card_unreadable, "CARD_UNREADABLE", retry, 402, "Hold the card still and try again.",
               "读卡失败，请重新挥卡"},
    RefusalRow{card_try_other_interface, "CARD_TRY_OTHER_INTERFACE", fix_now, 402,
               "This card cannot be tapped here; insert it or use another card.", "请插卡或换卡"},
    RefusalRow{card_removed, "CARD_REMOVED", retry, 402, "The card left too soon; tap again.",
               "卡片移开过早，请重新挥卡"},
    RefusalRow{card_see_phone, "CARD_SEE_PHONE", retry, 402,
               "Confirm on the customer's phone, then tap again.", "请在手机上确认后重新挥卡"},
    RefusalRow{pin_required, "PIN_REQUIRED", fix_now, 402,
               "This payment needs a PIN, which this device cannot take; use another method.",
               "该交易需要输入密码，本设备不支持"},
    RefusalRow{no_card_presented, "NO_CARD_PRESENTED", retry, 402, "No card was presented in time.",
               "未检测到卡片"},
    RefusalRow{issuer_declined, "ISSUER_DECLINED", final, 402,
               "The card issuer declined; see `response_code`.", "发卡行拒绝"},
    RefusalRow{network_timeout, "NETWORK_TIMEOUT", final, 504,
               "The card network did not answer; the payment is being reversed.",
               "卡组织无应答，交易正在冲正"},
    RefusalRow{network_unavailable, "NETWORK_UNAVAILABLE", retry, 503,
               "The card network cannot be reached; nothing was sent.", "卡组织网络不可用"},
    RefusalRow{vault_unavailable, "VAULT_UNAVAILABLE", retry, 503,
               "The key vault cannot be reached; nothing was sent.", "密钥服务不可用"},
    RefusalRow{store_unavailable, "STORE_UNAVAILABLE", retry, 503,
               "The record could not be written; nothing was sent.", "存储不可用"},
    RefusalRow{trusted_unavailable, "TRUSTED_UNAVAILABLE", contact, 503,
               "The trusted core of this device does not answer.", "可信环境不可用"},
    RefusalRow{reader_unavailable, "READER_UNAVAILABLE", retry, 503,
               "The card reader is not ready.", "读卡器不可用"},
    RefusalRow{server_unavailable, "SERVER_UNAVAILABLE", retry, 503,
               "The platform cannot be reached; ask for the status before paying again.",
               "平台不可用，请先查询结果"},
    RefusalRow{card_data_invalid, "CARD_DATA_INVALID", contact, 422,
               "The card data could not be opened by the vault.", "卡数据无效"},
    RefusalRow{payment_code_invalid, "PAYMENT_CODE_INVALID", fix_now, 422,
               "This is no payer's code, or an old one; ask for the code on the payer's screen.",
               "付款码无效或已过期，请刷新付款码后重扫"},
    RefusalRow{wallet_declined, "WALLET_DECLINED", final, 402,
               "The payer's wallet declined; see `wallet_code`.", "付款方钱包拒绝交易"},
    RefusalRow{wallet_not_paid, "WALLET_NOT_PAID", final, 402,
               "It was not paid in time and is cancelled; nothing is owed.",
               "超时未支付，交易已撤销"},
    RefusalRow{wallet_unavailable, "WALLET_UNAVAILABLE", retry, 503,
               "The wallet cannot be reached, or this acquirer does not take it.",
               "钱包通道不可用"},
    RefusalRow{qr_limit, "QR_LIMIT", final, 422,
               "The amount is over what codes may carry of one payer and day.", "超过条码支付限额"},
    RefusalRow{wallet_forged, "WALLET_FORGED", contact, 401,
               "The message is not the wallet's: its signature does not hold.", "钱包通知验签失败"},
    RefusalRow{reversal_pending, "REVERSAL_PENDING", retry, 409,
               "The outcome is unknown and is being reversed.", "结果未知，正在冲正"},
    RefusalRow{network_declined, "NETWORK_DECLINED", retry, 402,
               "The card network could not carry it out now; see `response_code`, and try again.",
               "卡组织暂时无法处理，请稍后重试"},
    RefusalRow{
        day_not_ready, "DAY_NOT_READY", fix_now, 409,
        "The day is not ready for this step: settle, take in the clearing file, reconcile to "
        "zero, then pay out; one step at a time.",
        "日终步骤未就绪，请依次批结算、导入清算文件、对账、出款"},
    RefusalRow{internal, "INTERNAL", contact, 500, "Our mistake; quote the reference.",
               "系统错误，请联系客服"},
};

}  // namespace

const RefusalRow& row_of(Refusal refusal) {
    const auto index = static_cast<std::size_t>(refusal);
    CHECK(index < rows.size());
    return rows[index];
}

std::span<const RefusalRow> refusal_table() {
    return rows;
}

std::string_view name_of(RefusalClass klass) {
    constexpr std::string_view names[] = {"fix_now", "retry", "contact", "final"};
    return names[static_cast<std::size_t>(klass)];
}

Refusal refusal_of(const Error& error) {
    switch (error.kind) {
        case ErrorKind::malformed:
        case ErrorKind::unsupported:
            return bad_value;
        case ErrorKind::denied:
            return forbidden;
        case ErrorKind::not_found:
            return Refusal::not_found;
        case ErrorKind::conflict:
            return payment_in_progress;
        case ErrorKind::unavailable:
            return store_unavailable;
        case ErrorKind::internal:
            return internal;
    }
    return internal;
}

}  // namespace softpos
