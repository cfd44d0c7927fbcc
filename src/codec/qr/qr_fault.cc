// Names of the rules, and the way from a fault to an Error.
#include "codec/qr/qr_fault.h"

namespace softpos::qr {

std::string_view name_of(Rule rule) {
    switch (rule) {
        case Rule::size:
            return "size";
        case Rule::encoding:
            return "encoding";
        case Rule::id_not_numeric:
            return "id-not-numeric";
        case Rule::length_not_numeric:
            return "length-not-numeric";
        case Rule::truncated:
            return "truncated";
        case Rule::malformed_object:
            return "malformed-object";
        case Rule::format_indicator:
            return "payload-format-indicator";
        case Rule::crc:
            return "crc";
        case Rule::duplicate:
            return "duplicate";
        case Rule::missing:
            return "missing";
        case Rule::value:
            return "value";
        case Rule::value_length:
            return "value-length";
    }
    return "unknown";
}

Error error_of(const Fault& fault) {
    const auto say = [&fault](Literal what) {
        return Error{ErrorKind::malformed, what, fault.id, static_cast<std::uint32_t>(fault.at)};
    };
    switch (fault.rule) {
        case Rule::size:
            return say("code: empty or too long");
        case Rule::encoding:
            return say("code: encoding");
        case Rule::id_not_numeric:
            return say("code: an id is no number");
        case Rule::length_not_numeric:
            return say("code: a length is no number");
        case Rule::truncated:
            return say("code: cut short");
        case Rule::malformed_object:
            return say("code: broken object");
        case Rule::format_indicator:
            return say("code: begins as no code of its kind");
        case Rule::crc:
            return say("code: check sum");
        case Rule::duplicate:
            return say("code: an object twice");
        case Rule::missing:
            return say("code: an object is missing");
        case Rule::value:
            return say("code: a value cannot be");
        case Rule::value_length:
            return say("code: a value has no legal length");
    }
    return say("code: broken");
}

}  // namespace softpos::qr
