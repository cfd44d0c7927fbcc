// What the vault's calls say about keys: names, attributes, states, faults.
#pragma once

#include "base/result.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace softpos::protocol {

constexpr std::size_t key_alias_bytes_max = 64;

// 1 to 64 of [A-Za-z0-9._:-].
bool is_key_alias(std::string_view text);

// Each key has one use for its whole life. In brackets the code of ANSI X9.143; what UnionPay's own
// MAC needs has none there.
enum class KeyUsage : std::uint8_t {
    base_derivation,  // B0: initial keys of phones, keys of their card data.
    zone_master,      // K0: terminal master keys on their way to the acquirer.
    terminal_master,  // K0: working keys on their way from the acquirer.
    pin,              // P0
    mac,
    data,                 // D0
    pin_base_derivation,  // B0: initial keys of phones, keys of their PINs.
    signing,              // S0: permits and commands.
    terminal_serial,      // The proof of a terminal's serial number.
    block_protection,     // K1: keys in key blocks, both ways.
    mac_cbc,              // M1: ISO 9797-1 algorithm 1; X9.9 with single DES.
    mac_retail,           // M3: ISO 9797-1 algorithm 3; X9.19.
    mac_cmac,             // M6
    mac_hmac,             // M7
    card_cryptogram,      // E0: an issuer's master key, for its cards' cryptograms.
    // B0: TDES DUKPT of terminals that are not ours, keys of their PINs and MACs.
    terminal_base_derivation,
    classic_master,  // K0: working keys on their way to a classic terminal, whose host we are.
    classic_pin,     // P0: PINs that come from it.
};
constexpr unsigned key_usages = 18;

enum class KeyAlgorithm : std::uint8_t { aes, tdes, des, sm4, p256, hmac };
constexpr unsigned key_algorithms = 6;

// Mode of use, in the letters of ANSI X9.143: a second lock besides the usage. Spec: [X9.143] 7.
enum class KeyMode : char {
    derive = 'X',
    encrypt = 'E',
    wrap = 'B',      // Encrypts and decrypts keys.
    unwrap = 'D',    // Decrypts only.
    mac_both = 'C',  // Makes and checks.
    sign = 'S',
    verify = 'V',
};
constexpr char key_modes[] = {'X', 'E', 'B', 'D', 'C', 'S', 'V'};

// Spec: [X9.143] 7.
enum class Exportability : char {
    trusted = 'E',    // Under another key, in a key block or as the road of its usage says.
    none = 'N',       // Stays where it was made.
    sensitive = 'S',  // Only inside an envelope to the one device that it is for.
};
constexpr char exportabilities[] = {'E', 'N', 'S'};

// Where the key itself is.
enum class KeyProtection : std::uint8_t {
    soft,          // In the vault's memory and files.
    wrapped_soft,  // In its files under a key that never leaves a token; in memory while it works.
    token,         // In a token, and works there.
};
constexpr unsigned protections = 3;

// Spec: [SP800-57] 7. Which may follow which: keys::may_follow().
enum class KeyState : std::uint8_t {
    active,
    suspended,    // For a while.
    pre_active,   // Made, and not yet in force.
    deactivated,  // Its time is over.
    compromised,  // Somebody else may have it.
    destroyed,    // Only its name is left.
};
constexpr unsigned key_states = 6;

// Three bytes: enough to compare with another side, nothing to search with.
using KeyCheck = std::array<std::uint8_t, 3>;

struct KeySummary {
    std::string alias{};
    KeyUsage usage = KeyUsage::base_derivation;
    KeyAlgorithm algorithm = KeyAlgorithm::aes;
    KeyState state = KeyState::active;
    KeyCheck check_value{};

    friend bool operator==(const KeySummary&, const KeySummary&) = default;
};

// Everything that can be said about a key.
struct KeyDetails : KeySummary {
    KeyMode mode = KeyMode::derive;
    Exportability exportability = Exportability::none;
    std::uint8_t version = 0;
    bool dual_control = false;
    KeyProtection protection = KeyProtection::soft;

    friend bool operator==(const KeyDetails&, const KeyDetails&) = default;
};

// Why not. Error.detail carries the number, so that a caller can tell reasons of one kind apart.
enum class VaultFault : std::uint8_t {
    other,
    malformed_request,
    version_unsupported,
    alias_taken,
    unknown_key,
    not_permitted,     // This key is not for this, or it is not active.
    components,        // Wrong number or size, or they cancel each other.
    recipient,         // Not a point of P-256.
    check_value,       // The key that came out is not the one that was meant.
    no_working_keys,   // The terminal has not signed in.
    card_refused,      // Not sealed under this serial number, or for another amount or terminal.
    serial_reused,     // Other card data under a serial number that was used.
    serial_too_old,    // Below the window.
    card_content,      // It opened, and is no card data.
    stored_form,       // Not ours, or changed.
    mac,               // Does not fit the message.
    full,              // A limit of the vault.
    storage,           // Could not be written down; nothing was changed.
    terminal_revoked,  // Nothing under this initial key opens any more.
    serial_cipher,     // Does not fit serial number and factor.
    pin_refused,       // The one answer to everything that can be wrong with a sealed PIN.
    state,             // The key's state does not go there.
    approval_needed,   // Not without the operators.
    approval,          // Not this request, not these operators, not enough, or too late.
    operators,         // No list of operators that could decide anything.
    ceremony,          // No such ceremony, or not this component.
    journal,           // Does not hold together.
    token,             // The token that has the key did not answer.
    key_block,         // Not under this key, not well formed, or not what it was said to be.
    cryptogram,        // Of another card, another purchase, or another key.
    caller,            // Who calls through a door has no such right, or speaks for somebody else.
};
constexpr unsigned vault_faults = 31;
std::string_view name_of(VaultFault fault);

constexpr std::uint32_t detail_of(VaultFault fault) {
    return static_cast<std::uint32_t>(fault);
}
// The error that stands for a fault, with a text of its own; in the vault and behind the wire.
Error error_of(ErrorKind kind, VaultFault fault);

}  // namespace softpos::protocol
