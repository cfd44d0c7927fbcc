// The calls into the key vault, one TLV message there and one back. Whoever can make them can have
// card data opened and MACs computed, and can never have a key.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "protocol/sealed_card.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace softpos::protocol {

constexpr std::uint8_t vault_call_version = 1;

constexpr std::size_t key_alias_bytes_max = 64;
constexpr std::size_t key_components_min = 2;
constexpr std::size_t key_components_max = 3;
constexpr std::size_t mac_data_bytes_max = 4096;
constexpr std::size_t card_aad_bytes_max = 64;
constexpr std::size_t card_tlv_bytes_max = sealed_card_bytes_max;
constexpr std::size_t stored_form_bytes_max = 512;
constexpr std::size_t initial_key_envelope_bytes_max = 256;
constexpr std::size_t base_keys_listed_max = 16;

// 1 to 64 of [A-Za-z0-9._:-].
bool is_key_alias(std::string_view text);

// ---- What the vault says about a key --------------------------------------------------------

// Each key has one use for its whole life. In brackets the code of ANSI X9.143; what UnionPay's own
// MAC needs has none there.
enum class KeyUsage : std::uint8_t {
    base_derivation,  // B0: initial keys of phones, keys of their card data.
    zone_master,      // K0: terminal master keys on their way to the acquirer.
    terminal_master,  // K0: working keys on their way from the acquirer.
    pin,              // P0
    mac,
    data,  // D0
};
constexpr unsigned key_usages = 6;

enum class KeyAlgorithm : std::uint8_t { aes, tdes, des, sm4 };
constexpr unsigned key_algorithms = 4;

enum class KeyState : std::uint8_t { active, suspended };

// Three bytes: enough to compare with another side, nothing to search with.
using KeyCheck = std::array<std::uint8_t, 3>;

struct KeySummary {
    std::string alias;
    KeyUsage usage = KeyUsage::base_derivation;
    KeyAlgorithm algorithm = KeyAlgorithm::aes;
    KeyState state = KeyState::active;
    KeyCheck check_value{};

    friend bool operator==(const KeySummary&, const KeySummary&) = default;
};

// ---- Requests -------------------------------------------------------------------------------

struct VaultStatusRequest {};

struct KeyInfoRequest {
    std::string alias;
};

struct SetKeyStateRequest {
    std::string alias;
    KeyState state = KeyState::active;
};

struct CreateBdkRequest {
    std::string alias;
};

struct ImportZmkRequest {
    std::string alias;
    std::vector<SecretBytes> components;  // 2 or 3 of 16 bytes, XORed.
};

struct CreateTmkRequest {
    std::string alias;
    std::string zone_key;
};

struct ExportInitialKeyRequest {
    std::string base_key;
    std::array<std::uint8_t, 8> initial_key_id{};
    std::array<std::uint8_t, 65> recipient_point{};
};

// A working key under a terminal master key, with four bytes of its check value.
struct WorkingKeyCryptogram {
    Buffer cryptogram;  // 8 or 16 bytes.
    std::array<std::uint8_t, 4> check_value{};
};

struct LoadWorkingKeysRequest {
    std::string terminal_key;
    WorkingKeyCryptogram pin_key;
    WorkingKeyCryptogram mac_key;
    std::optional<WorkingKeyCryptogram> data_key;
};

struct OpenCardRequest {
    std::string base_key;
    SealedCard card;
    Buffer aad;
};

struct OpenStoredRequest {
    Buffer stored_form;
};

struct MacRequest {
    std::string terminal_key;
    Buffer data;
};

struct VerifyMacRequest {
    std::string terminal_key;
    Buffer data;
    std::array<std::uint8_t, 8> mac{};
};

using VaultRequest = std::variant<VaultStatusRequest, KeyInfoRequest, SetKeyStateRequest,
                                  CreateBdkRequest, ImportZmkRequest, CreateTmkRequest,
                                  ExportInitialKeyRequest, LoadWorkingKeysRequest, OpenCardRequest,
                                  OpenStoredRequest, MacRequest, VerifyMacRequest>;

// ---- Answers --------------------------------------------------------------------------------

struct VaultStatus {
    std::uint32_t base_keys = 0;
    std::uint32_t zone_keys = 0;
    std::uint32_t terminal_keys = 0;
    std::uint32_t signed_in_terminals = 0;  // Those with working keys.
    std::uint32_t phones_seen = 0;          // Initial keys with a replay window.
    std::uint64_t log_bytes = 0;            // Of changes since the last snapshot.
    std::vector<KeySummary> listed;         // Base and zone keys, up to base_keys_listed_max.

    friend bool operator==(const VaultStatus&, const VaultStatus&) = default;
};

struct KeyInfoAnswer {
    KeySummary key;
};

// To the calls that give back nothing but that it was done.
struct DoneAnswer {};

struct KeyCheckAnswer {
    KeyCheck check_value{};
};

struct CreateTmkAnswer {
    std::array<std::uint8_t, 16> cryptogram{};  // Under the zone key, TDES ECB.
    KeyCheck check_value{};
};

struct ExportInitialKeyAnswer {
    Buffer envelope;
};

struct OpenCardAnswer {
    SecretBytes card_tlv;
    Buffer stored_form;
    std::string masked_pan;  // 12 to 19 characters.
    bool repeated = false;   // The same sealed card was opened before.
};

struct OpenStoredAnswer {
    SecretBytes card_tlv;
};

struct MacAnswer {
    std::array<std::uint8_t, 8> mac{};
};

// Why not. Error.detail carries the number, so that a caller can tell reasons of one kind apart.
enum class VaultFault : std::uint8_t {
    other,
    malformed_request,
    version_unsupported,
    alias_taken,
    unknown_key,
    not_permitted,    // This key is not for this, or it is suspended.
    components,       // Wrong number or size, or they cancel each other.
    recipient,        // Not a point of P-256.
    check_value,      // The key that came out is not the one that was meant.
    no_working_keys,  // The terminal has not signed in.
    card_refused,     // Not sealed under this serial number, or for another amount or terminal.
    serial_reused,    // Other card data under a serial number that was used.
    serial_too_old,   // Below the window.
    card_content,     // It opened, and is no card data.
    stored_form,      // Not ours, or changed.
    mac,              // Does not fit the message.
    full,             // A limit of the vault.
    storage,          // Could not be written down; nothing was changed.
};
constexpr unsigned vault_faults = 18;
std::string_view name_of(VaultFault fault);

constexpr std::uint32_t detail_of(VaultFault fault) {
    return static_cast<std::uint32_t>(fault);
}
// The error that stands for a fault, with a text of its own; in the vault and behind the wire.
Error error_of(ErrorKind kind, VaultFault fault);

struct VaultFailure {
    ErrorKind kind = ErrorKind::internal;
    VaultFault fault = VaultFault::other;
};

using VaultAnswer =
    std::variant<VaultStatus, KeyInfoAnswer, DoneAnswer, KeyCheckAnswer, CreateTmkAnswer,
                 ExportInitialKeyAnswer, OpenCardAnswer, OpenStoredAnswer, MacAnswer, VaultFailure>;

// Encoding CHECKs what decoding refuses; what is accepted encodes to the bytes it came from. The
// bytes may hold secrets: who is done with them wipes them.
Buffer encode(const VaultRequest& request);
Result<VaultRequest> decode_vault_request(Bytes message);
Buffer encode(const VaultAnswer& answer);
Result<VaultAnswer> decode_vault_answer(Bytes message);

}  // namespace softpos::protocol
