// Amounts, and the writing of a code: every part in rising order, then the check sum.
#include "codec/qr/merchant_code.h"

#include "base/check.h"
#include "base/money.h"
#include "codec/qr/merchant_rules.h"
#include "codec/qr/objects.h"

#include <algorithm>
#include <charconv>

namespace softpos::qr {
namespace {

// Where nothing says otherwise an empty value is an object that is left out.
QrResult<void> put_value(std::string& to, unsigned id, std::string_view value) {
    if (value.empty()) return {};
    return put_object(to, id, value);
}

QrResult<void> put_values(std::string& to, const std::vector<IdValue>& values) {
    for (const IdValue& value : values) {
        if (value.id > 99) return broken(Rule::value, value.id, to.size());
        TRY_VOID(put_object(to, value.id, value.value));
    }
    return {};
}

QrResult<void> put_templates(std::string& to, const std::vector<SystemTemplate>& templates) {
    for (const SystemTemplate& one : templates) {
        std::string inner;
        if (one.id > 99) return broken(Rule::value, one.id, to.size());
        TRY_VOID(put_value(inner, 0, one.guid));
        TRY_VOID(put_values(inner, one.data));
        TRY_VOID(put_object(to, one.id, inner));
    }
    return {};
}

QrResult<void> put_tip(std::string& to, const Tip& tip) {
    switch (tip.kind) {
        case Tip::Kind::prompt:
            return put_object(to, 55, "01");
        case Tip::Kind::amount:
            TRY_VOID(put_object(to, 55, "02"));
            return put_object(to, 56, tip.value);
        case Tip::Kind::percent:
            TRY_VOID(put_object(to, 55, "03"));
            return put_object(to, 57, tip.value);
    }
    return {};
}

QrResult<void> put_additional(std::string& to, const AdditionalData& data) {
    std::string inner;
    TRY_VOID(put_values(inner, data.values));
    TRY_VOID(put_templates(inner, data.templates));
    return put_object(to, 62, inner);
}

QrResult<void> put_localised(std::string& to, const LocalisedMerchant& merchant) {
    std::string inner;
    TRY_VOID(put_value(inner, 0, merchant.language));
    TRY_VOID(put_value(inner, 1, merchant.name));
    TRY_VOID(put_value(inner, 2, merchant.city));
    TRY_VOID(put_values(inner, merchant.other));
    return put_object(to, 64, inner);
}

QrResult<void> put_merchant(std::string& to, const MerchantCode& code) {
    TRY_VOID(put_value(to, 52, code.category_code));
    TRY_VOID(put_value(to, 53, code.currency));
    TRY_VOID(put_value(to, 54, code.amount));
    if (code.tip) TRY_VOID(put_tip(to, *code.tip));
    TRY_VOID(put_value(to, 58, code.country));
    TRY_VOID(put_value(to, 59, code.name));
    TRY_VOID(put_value(to, 60, code.city));
    TRY_VOID(put_value(to, 61, code.postal_code));
    if (code.additional) TRY_VOID(put_additional(to, *code.additional));
    return {};
}

}  // namespace

QrResult<std::string> build_merchant_code(const MerchantCode& code) {
    std::string text;
    TRY_VOID(put_object(text, 0, "01"));
    if (code.initiation) {
        TRY_VOID(put_object(text, 1, *code.initiation == Initiation::fixed ? "11" : "12"));
    }
    TRY_VOID(put_values(text, code.accounts));
    TRY_VOID(put_templates(text, code.account_templates));
    TRY_VOID(put_merchant(text, code));
    // 63 comes last whatever its number.
    if (code.localised) TRY_VOID(put_localised(text, *code.localised));
    TRY_VOID(put_values(text, code.reserved));
    TRY_VOID(put_templates(text, code.templates));
    text += "6304";
    text += crc_text(text);
    const auto read = TRY(parse_merchant_code(text, Reading::strict));
    // An object under an id that is another field's would be read as that field.
    if (read.code != code) return broken(Rule::value, 0, 0);
    return text;
}

std::optional<std::int64_t> amount_minor_of(std::string_view amount, unsigned decimals) {
    if (!is_amount(amount)) return std::nullopt;
    const std::size_t point = std::min(amount.find('.'), amount.size());
    std::string digits(amount.substr(0, point));
    std::string_view fraction = amount.substr(std::min(point + 1, amount.size()));
    if (fraction.size() > decimals) return std::nullopt;
    digits += fraction;
    digits.append(decimals - fraction.size(), '0');
    std::int64_t minor = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), minor);
    if (error != std::errc() || minor > amount_minor_max) return std::nullopt;
    return minor;
}

std::string amount_text(std::int64_t minor, unsigned decimals) {
    CHECK(minor > 0 && minor <= amount_minor_max);
    std::string digits = std::to_string(minor);
    if (decimals == 0) return digits;
    if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
    digits.insert(digits.size() - decimals, ".");
    return digits;
}

}  // namespace softpos::qr
