// The set itself: adding with limits, and finding.
#include "phone/emv/parameters.h"

#include <algorithm>

namespace softpos::emv {

std::uint8_t type_bit(std::uint8_t transaction_type) {
    switch (static_cast<TransactionType>(transaction_type)) {
        case TransactionType::purchase:
            return type_purchase;
        case TransactionType::cash:
            return type_cash;
        case TransactionType::purchase_with_cashback:
            return type_cashback;
        case TransactionType::refund:
            return type_refund;
    }
    return 0;
}

std::span<const KernelId> ParameterSet::finished_kernels() {
    static constexpr KernelId kernels[] = {kernel_unionpay};
    return kernels;
}

Result<void> ParameterSet::add(const Combination& combination) {
    if (combinations_.size() == combinations_max)
        return fail(ErrorKind::denied, "emv parameters: too many combinations");
    if (combination.aid.count < aid_bytes_min)
        return fail(ErrorKind::malformed, "emv parameters: AID too short");
    for (const auto& other : combinations_) {
        if (std::ranges::equal(other.aid.bytes(), combination.aid.bytes()) &&
            other.kernel == combination.kernel && (other.types & combination.types) != 0) {
            return fail(ErrorKind::conflict, "emv parameters: the same combination twice");
        }
    }
    combinations_.push_back(combination);
    return {};
}

Result<void> ParameterSet::add(codec::Tag tag, Bytes value) {
    if (terminal_.size() == terminal_values_max)
        return fail(ErrorKind::denied, "emv parameters: too many terminal values");
    if (terminal(tag)) return fail(ErrorKind::conflict, "emv parameters: terminal value twice");
    TerminalValue row{tag, {}};
    if (value.empty() || !row.value.assign(value))
        return fail(ErrorKind::malformed, "emv parameters: size of terminal value");
    const auto at = std::ranges::lower_bound(terminal_, tag, {}, &TerminalValue::tag);
    terminal_.insert(at, row);
    return {};
}

Result<void> ParameterSet::add(const CvmRule& rule) {
    if (cvm_rules_.size() == cvm_rules_max)
        return fail(ErrorKind::denied, "emv parameters: too many CVM rules");
    cvm_rules_.push_back(rule);
    return {};
}

std::optional<Bytes> ParameterSet::terminal(codec::Tag tag) const {
    const auto at = std::ranges::lower_bound(terminal_, tag, {}, &TerminalValue::tag);
    if (at == terminal_.end() || at->tag != tag) return std::nullopt;
    return at->value.bytes();
}

std::uint16_t ParameterSet::terminal_number(codec::Tag tag) const {
    const auto value = terminal(tag);
    if (!value) return 0;
    unsigned number = 0;
    for (const auto byte : *value) number = number * 100 + (byte >> 4) * 10u + (byte & 0x0Fu);
    return static_cast<std::uint16_t>(number);
}

const CvmRule* ParameterSet::cvm_rule(AidClass aid_class, std::int64_t amount_minor) const {
    const auto country = terminal_number(codec::Tag{0x9F1A});
    for (const auto& rule : cvm_rules_) {
        const bool fits = rule.country == country &&
                          (rule.aid_class == AidClass::any || rule.aid_class == aid_class) &&
                          amount_minor >= rule.from_minor &&
                          (!rule.below_minor || amount_minor < *rule.below_minor);
        if (fits) return &rule;
    }
    return nullptr;
}

}  // namespace softpos::emv
