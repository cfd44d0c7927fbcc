// The rules in their order. The transaction and the CVM limit are reached at the limit (>=), floor
// limits are exceeded above it (>): that asymmetry is the specification's.
#include "phone/emv/preprocessing.h"

namespace softpos::emv {
namespace {

constexpr std::uint8_t ttq1_offline_only = 0x08;
constexpr std::uint8_t ttq1_online_pin = 0x04;
constexpr std::uint8_t ttq2_online_cryptogram_required = 0x80;
constexpr std::uint8_t ttq2_cvm_required = 0x40;

std::int64_t one_unit_minor(std::uint8_t exponent) {
    std::int64_t unit = 1;
    for (; exponent > 0; --exponent) unit *= 10;
    return unit;
}

void apply_limits(const Combination& combination, const TransactionData& transaction,
                  Indicators& indicators) {
    const auto amount = transaction.amount_minor;
    if (combination.status_check.value_or(false) &&
        amount == one_unit_minor(transaction.currency_exponent))
        indicators.status_check_requested = true;
    if (amount == 0) {
        if (combination.zero_amount_allowed == false) {
            indicators.not_allowed = true;
        } else {
            indicators.zero_amount = true;
        }
    }
    if (combination.transaction_limit_minor && amount >= *combination.transaction_limit_minor)
        indicators.not_allowed = true;
    const auto& floor = combination.floor_limit_minor ? combination.floor_limit_minor
                                                      : combination.terminal_floor_limit_minor;
    if (floor && amount > *floor) indicators.floor_limit_exceeded = true;
    if (combination.cvm_limit_minor && amount >= *combination.cvm_limit_minor)
        indicators.cvm_limit_exceeded = true;
}

void apply_to_ttq(Indicators& indicators) {
    auto& ttq = *indicators.ttq;
    if (indicators.floor_limit_exceeded || indicators.status_check_requested)
        ttq[1] |= ttq2_online_cryptogram_required;
    if (indicators.zero_amount) {
        if ((ttq[0] & ttq1_offline_only) == 0) {
            ttq[1] |= ttq2_online_cryptogram_required;
        } else {
            indicators.not_allowed = true;
        }
    }
    if (indicators.cvm_limit_exceeded) ttq[1] |= ttq2_cvm_required;
}

}  // namespace

Indicators preprocess(const Combination& combination, const TransactionData& transaction) {
    Indicators indicators = without_preprocessing(combination);
    apply_limits(combination, transaction, indicators);
    if (!indicators.ttq) return indicators;
    auto& second = (*indicators.ttq)[1];
    second = static_cast<std::uint8_t>(
        second & ~(ttq2_online_cryptogram_required | ttq2_cvm_required) & 0xFF);
    apply_to_ttq(indicators);
    return indicators;
}

Indicators without_preprocessing(const Combination& combination) {
    Indicators indicators;
    indicators.ttq = combination.ttq;
    return indicators;
}

void take_online_pin_out(Indicators& indicators) {
    if (!indicators.ttq) return;
    auto& first = (*indicators.ttq)[0];
    first = static_cast<std::uint8_t>(first & ~ttq1_online_pin & 0xFF);
}

}  // namespace softpos::emv
