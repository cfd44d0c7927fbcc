// Which values the objects of a merchant-presented code may have, as tables. Not for other modules.
#pragma once

#include "codec/qr/objects.h"

#include <cstdint>
#include <string_view>

namespace softpos::qr {

enum class Characters : std::uint8_t { digits, printable, any, amount };

struct ValueRule {
    unsigned first, last;  // Ids.
    Characters characters;
    std::size_t size_min, size_max;  // In characters.
    bool forgivable;                 // It only describes.
};

// Null for an id that no rule speaks of.
const ValueRule* rule_of_object(unsigned id);
const ValueRule* rule_of_additional(unsigned id);
const ValueRule* rule_of_localised(unsigned id);

// Which rule a value breaks; nullopt where none.
std::optional<Rule> broken_rule(const ValueRule& rule, std::string_view value);

// Digits with at most one '.' that has a digit in front of it, and not zero.
// Spec: [EMV-QR-MPM] 4.7.5.
bool is_amount(std::string_view text);

constexpr bool is_system_template(unsigned id) {
    return (id >= 26 && id <= 51) || (id >= 80 && id <= 99);
}

}  // namespace softpos::qr
