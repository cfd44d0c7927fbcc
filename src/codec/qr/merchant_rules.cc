// One row an object, or a range of objects alike.
#include "codec/qr/merchant_rules.h"

#include <algorithm>
#include <span>

namespace softpos::qr {
namespace {

// Spec: [EMV-QR-MPM] table 3.6.
constexpr ValueRule objects[] = {
    {0, 0, Characters::digits, 2, 2, false},       // Payload format indicator.
    {1, 1, Characters::digits, 2, 2, false},       // Initiation.
    {2, 25, Characters::printable, 1, 99, false},  // Accounts of card schemes.
    {26, 51, Characters::any, 1, 99, false},       // Account templates.
    {52, 52, Characters::digits, 4, 4, true},      // Category.
    {53, 53, Characters::digits, 3, 3, false},     // Currency.
    {54, 54, Characters::amount, 1, 13, false},    // Amount.
    {55, 55, Characters::digits, 2, 2, false},     // Tip.
    {56, 56, Characters::amount, 1, 13, false},    // Tip as an amount,
    {57, 57, Characters::amount, 1, 5, false},     // or in percent.
    {58, 58, Characters::printable, 2, 2, true},   // Country.
    {59, 59, Characters::printable, 1, 25, true},  // Name.
    {60, 60, Characters::printable, 1, 15, true},  // City.
    {61, 61, Characters::printable, 1, 10, true},  // Postal code.
    {62, 62, Characters::any, 1, 99, true},        // Additional data.
    {63, 63, Characters::printable, 4, 4, false},  // Check sum.
    {64, 64, Characters::any, 1, 99, true},        // Localised merchant.
    {65, 79, Characters::any, 1, 99, true},        // Reserved.
    {80, 99, Characters::any, 1, 99, true},        // Templates of anybody.
};

// Spec: [EMV-QR-MPM] table 3.7.
constexpr ValueRule additional_objects[] = {
    {1, 8, Characters::printable, 1, 25, true},
    {9, 9, Characters::printable, 1, 3, true},
    {10, 49, Characters::any, 1, 99, true},
    {50, 99, Characters::any, 1, 99, true},
};

// Spec: [EMV-QR-MPM] table 3.8.
constexpr ValueRule localised_objects[] = {
    {0, 0, Characters::printable, 2, 2, true},
    {1, 1, Characters::any, 1, 25, true},
    {2, 2, Characters::any, 1, 15, true},
    {3, 99, Characters::any, 1, 99, true},
};

const ValueRule* rule_in(std::span<const ValueRule> rules, unsigned id) {
    for (const ValueRule& rule : rules) {
        if (id >= rule.first && id <= rule.last) return &rule;
    }
    return nullptr;
}

bool fits(Characters characters, std::string_view value) {
    switch (characters) {
        case Characters::digits:
            return std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
        case Characters::printable:
            return std::ranges::all_of(value, [](char c) { return c >= 0x20 && c <= 0x7E; });
        case Characters::amount:
            return is_amount(value);
        case Characters::any:
            return true;
    }
    return false;
}

}  // namespace

const ValueRule* rule_of_object(unsigned id) {
    return rule_in(objects, id);
}
const ValueRule* rule_of_additional(unsigned id) {
    return rule_in(additional_objects, id);
}
const ValueRule* rule_of_localised(unsigned id) {
    return rule_in(localised_objects, id);
}

std::optional<Rule> broken_rule(const ValueRule& rule, std::string_view value) {
    const auto count = utf8_characters(value);
    if (!count) return Rule::encoding;
    if (*count < rule.size_min || *count > rule.size_max) return Rule::value_length;
    if (!fits(rule.characters, value)) return Rule::value;
    return std::nullopt;
}

bool is_amount(std::string_view text) {
    bool point = false;
    bool something = false;
    if (text.empty() || text.front() == '.') return false;
    for (const char c : text) {
        if (c == '.') {
            if (point) return false;
            point = true;
        } else if (c < '0' || c > '9') {
            return false;
        } else {
            something = something || c != '0';
        }
    }
    return something;
}

}  // namespace softpos::qr
