// Names of keys, and what a fault is called.
#include "protocol/vault_call.h"

#include "base/check.h"

#include <algorithm>

namespace softpos::protocol {
namespace {

struct FaultText {
    Literal what;
    std::string_view name;
};

constexpr FaultText fault_texts[vault_faults] = {
    {"vault: failed", "OTHER"},
    {"vault: request is malformed", "MALFORMED_REQUEST"},
    {"vault: version of the call", "VERSION_UNSUPPORTED"},
    {"vault: a key has this name already", "ALIAS_TAKEN"},
    {"vault: no key of this name", "UNKNOWN_KEY"},
    {"vault: the key is not for this", "NOT_PERMITTED"},
    {"vault: key components", "COMPONENTS"},
    {"vault: recipient is no point", "RECIPIENT"},
    {"vault: check value differs", "CHECK_VALUE"},
    {"vault: terminal has no working keys", "NO_WORKING_KEYS"},
    {"vault: card data does not open", "CARD_REFUSED"},
    {"vault: key serial number was used", "SERIAL_REUSED"},
    {"vault: key serial number is too old", "SERIAL_TOO_OLD"},
    {"vault: no card data", "CARD_CONTENT"},
    {"vault: stored card does not open", "STORED_FORM"},
    {"vault: mac differs", "MAC"},
    {"vault: full", "FULL"},
    {"vault: storage", "STORAGE"},
    {"vault: terminal is revoked", "TERMINAL_REVOKED"},
    {"vault: serial number is not proven", "SERIAL_CIPHER"},
    {"vault: pin refused", "PIN_REFUSED"},
    {"vault: the key's state does not go there", "STATE"},
    {"vault: operators must approve", "APPROVAL_NEEDED"},
    {"vault: approval does not hold", "APPROVAL"},
    {"vault: list of operators", "OPERATORS"},
    {"vault: key ceremony", "CEREMONY"},
    {"vault: journal does not hold together", "JOURNAL"},
    {"vault: token does not answer", "TOKEN"},
    {"vault: key block", "KEY_BLOCK"},
    {"vault: cryptogram differs", "CRYPTOGRAM"},
    {"vault: the caller may not ask this", "CALLER"},
};

const FaultText& text_of_fault(VaultFault fault) {
    const auto index = static_cast<std::size_t>(fault);
    CHECK(index < vault_faults);
    return fault_texts[index];
}

}  // namespace

bool is_key_alias(std::string_view text) {
    return !text.empty() && text.size() <= key_alias_bytes_max &&
           std::ranges::all_of(text, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == ':' || c == '-';
           });
}

std::string_view name_of(VaultFault fault) {
    return text_of_fault(fault).name;
}

Error error_of(ErrorKind kind, VaultFault fault) {
    return {kind, text_of_fault(fault).what, detail_of(fault)};
}

}  // namespace softpos::protocol
