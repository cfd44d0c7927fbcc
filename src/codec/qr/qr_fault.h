// What is wrong with the text of a code, where, and by which rule: a cashier's screen, a log and a
// test each need another of the three.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <expected>
#include <string_view>

namespace softpos::qr {

enum class Rule : std::uint8_t {
    size,                // Empty, or longer than any code.
    encoding,            // Not UTF-8, or not base64.
    id_not_numeric,      // Of an object.
    length_not_numeric,  // Likewise.
    truncated,           // An object is longer than what is left, or there is no check sum.
    malformed_object,    // BER-TLV that is none.
    format_indicator,    // The code does not begin as its kind begins, or is of another version.
    crc,                 // Missing, not at the end, or of another text.
    duplicate,           // An object that may stand once stands again.
    missing,             // An object that has to be there is not.
    value,               // Characters or digits that the object cannot have.
    value_length,        // More or fewer of them than it can have.
};

// "length-not-numeric"
std::string_view name_of(Rule rule);

// Never carries a value, so it can be logged.
struct Fault {
    Rule rule;
    std::uint32_t id = 0;      // Of the object: 54, or a BER tag: 0x9F26.
    std::uint32_t within = 0;  // The template around it; 0 for none.
    std::size_t at = 0;        // Byte offset in the text, or in what its base64 holds.

    friend bool operator==(const Fault&, const Fault&) = default;
};

template <typename T>
using QrResult = std::expected<T, Fault>;

inline std::unexpected<Fault> broken(Rule rule, std::uint32_t id, std::size_t at,
                                     std::uint32_t within = 0) {
    return std::unexpected(Fault{rule, id, within, at});
}

// For callers that pass errors of all kinds on.
Error error_of(const Fault& fault);

// How much a reader forgives. What moves money, such as amount and currency, is never forgiven.
enum class Reading : std::uint8_t {
    strict,   // Codes that we make ourselves.
    lenient,  // Codes out of foreign hands: what was forgiven is noted.
};

}  // namespace softpos::qr
