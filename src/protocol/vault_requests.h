// What the vault can be asked for.
#pragma once

#include "base/bytes.h"
#include "base/secret.h"
#include "protocol/sealed_card.h"
#include "protocol/vault_keys.h"

#include <optional>
#include <vector>

namespace softpos::protocol {

constexpr std::size_t key_components_min = 2;
constexpr std::size_t key_components_max = 3;
constexpr std::size_t mac_data_bytes_max = 4096;
constexpr std::size_t sign_message_bytes_max = 4096;
constexpr std::size_t signature_bytes_max = 72;  // ECDSA on P-256, in DER.
constexpr std::size_t card_aad_bytes_max = 64;
constexpr std::size_t stored_form_bytes_max = 512;
constexpr std::size_t terminal_id_bytes = 8;
constexpr std::size_t terminal_serial_bytes_max = 50;  // TUSN, printable.

using InitialKeyId = std::array<std::uint8_t, 8>;
using EcPoint = std::array<std::uint8_t, 65>;  // 04 || x || y on P-256.

// What the acquirer's network takes. Spec: [ISO-9564-1] 9.
enum class PinBlockFormat : std::uint8_t {
    iso0,          // 8 bytes, TDES.
    iso3,          // 8 bytes, TDES.
    unionpay_sm4,  // 16 bytes, SM4.
};
constexpr unsigned pin_block_formats = 3;

struct VaultStatusRequest {};

struct KeyInfoRequest {
    std::string alias{};
};

struct SetKeyStateRequest {
    std::string alias{};
    KeyState state = KeyState::active;
};

struct CreateBdkRequest {
    std::string alias{};
};

struct ImportZmkRequest {
    std::string alias{};
    std::vector<SecretBytes> components{};  // 2 or 3 of 16 bytes, XORed.
};

struct CreateTmkRequest {
    std::string alias{};
    std::string zone_key{};
};

struct ExportInitialKeyRequest {
    std::string base_key{};
    InitialKeyId initial_key_id{};
    EcPoint recipient_point{};
};

// A working key under a terminal master key, with four bytes of its check value.
struct WorkingKeyCryptogram {
    Buffer cryptogram{};  // 8 or 16 bytes.
    std::array<std::uint8_t, 4> check_value{};
};

struct LoadWorkingKeysRequest {
    std::string terminal_key{};
    WorkingKeyCryptogram pin_key{};
    WorkingKeyCryptogram mac_key{};
    std::optional<WorkingKeyCryptogram> data_key{};
};

struct OpenCardRequest {
    std::string base_key{};
    SealedCard card{};
    Buffer aad{};
};

struct OpenStoredRequest {
    Buffer stored_form{};
};

struct MacRequest {
    std::string terminal_key{};
    Buffer data{};
};

struct VerifyMacRequest {
    std::string terminal_key{};
    Buffer data{};
    std::array<std::uint8_t, 8> mac{};
};

struct CreatePinBdkRequest {
    std::string alias{};
};

struct CreateSigningKeyRequest {
    std::string alias{};
};

struct SignRequest {
    std::string alias{};
    Buffer message{};
};

struct PublicKeyRequest {
    std::string alias{};
};

struct CreateSerialKeyRequest {
    std::string alias{};
};

struct ExportSerialKeyRequest {
    std::string alias{};
    std::array<std::uint8_t, terminal_id_bytes> terminal_id{};
    EcPoint recipient_point{};
};

struct CheckSerialCipherRequest {
    std::string alias{};
    std::string serial{};
    std::array<std::uint8_t, 6> factor{};  // Digits.
    std::array<std::uint8_t, 8> cipher{};  // Upper-case hex.
};

struct DestroyKeyRequest {
    std::string alias{};
};

// Who counts key serial numbers.
enum class DeviceKind : std::uint8_t {
    phone,     // AES DUKPT; the id is that of its initial key.
    terminal,  // TDES DUKPT of the field; the id is the serial number's first 59 bits, then zeros.
};
constexpr unsigned device_kinds = 2;

struct RevokeTerminalRequest {
    InitialKeyId initial_key_id{};
    DeviceKind kind = DeviceKind::phone;
};

struct TranslatePinRequest {
    std::string base_key{};
    SealedPin pin{};
    Buffer stored_form{};  // Of the card that the PIN belongs to.
    std::string terminal_key{};
    PinBlockFormat format = PinBlockFormat::iso0;
};

// ---- Keys for the work of an acquirer's host, in and out by key blocks ----------------------

constexpr std::size_t key_block_text_max = 1024;

// For usages that no other call makes: MACs and card cryptograms. Never single DES.
struct CreateKeyRequest {
    std::string alias{};
    KeyUsage usage = KeyUsage::mac_cmac;
    KeyAlgorithm algorithm = KeyAlgorithm::aes;
    Exportability exportability = Exportability::none;
};

// Versions A to E of TR-31, and our own 1. The block must say the usage that the caller expects;
// what else it says becomes the key's for good.
struct ImportKeyBlockRequest {
    std::string alias{};
    std::string protection_key{};
    KeyUsage usage = KeyUsage::mac_cmac;
    bool legacy = false;  // Versions A and C, and single DES.
    std::string block{};
};

// The letter of the version: B under a TDES key, D or E under an AES key, 1 under an SM4 key.
enum class KeyBlockKind : char { tdes = 'B', aes_cbc = 'D', aes_ctr = 'E', sm4 = '1' };
constexpr char key_block_kinds[] = {'B', 'D', 'E', '1'};

struct ExportKeyBlockRequest {
    std::string alias{};
    std::string protection_key{};
    KeyBlockKind kind = KeyBlockKind::aes_cbc;
};

// ---- MACs and cryptograms -------------------------------------------------------------------

constexpr std::size_t mac_bytes_min = 4;
constexpr std::size_t mac_bytes_max = 32;

// How the last block is filled; of no meaning to CMAC and HMAC. Spec: [ISO-9797-1] 6.3.
enum class MacPadding : std::uint8_t { zeros, bit, length };
constexpr unsigned mac_paddings = 3;

// The algorithm is the key's usage.
struct GenerateMacRequest {
    std::string alias{};
    MacPadding padding = MacPadding::zeros;
    Buffer data{};
};

struct CheckMacRequest {
    std::string alias{};
    MacPadding padding = MacPadding::zeros;
    Buffer data{};
    Buffer mac{};  // The first bytes of it, mac_bytes_min at least.
};

// How an issuer's key becomes a card's and a purchase's.
enum class CardKeyMethod : std::uint8_t { unionpay, emv_option_a, emv_option_b };
constexpr unsigned card_key_methods = 3;

constexpr std::size_t cryptogram_data_bytes_max = 512;

struct CheckCryptogramRequest {
    std::string alias{};
    CardKeyMethod method = CardKeyMethod::unionpay;
    SecretBytes pan{};  // 12 to 19 digits.
    std::array<std::uint8_t, 2> pan_sequence{'0', '0'};
    std::uint16_t counter = 0;  // ATC
    Buffer data{};              // What the card made it over.
    std::array<std::uint8_t, 8> cryptogram{};
    // Where it is right, the issuer's answer is made with this code.
    std::optional<std::array<std::uint8_t, 2>> response_code{};
};

// ---- Terminals of the field: TDES DUKPT -----------------------------------------------------

using TerminalKsn = std::array<std::uint8_t, 10>;

struct TranslateTerminalPinRequest {
    std::string base_key{};
    TerminalKsn ksn{};
    std::array<std::uint8_t, 8> block{};
    PinBlockFormat from = PinBlockFormat::iso0;
    Buffer stored_form{};  // Of the card that the PIN belongs to.
    std::string terminal_key{};
    PinBlockFormat format = PinBlockFormat::iso0;
};

// X9.19 under the key for what terminals send.
struct CheckTerminalMacRequest {
    std::string base_key{};
    TerminalKsn ksn{};
    Buffer data{};
    Buffer mac{};  // 4 or 8 bytes.
};

// X9.19 under the key for what they are answered.
struct AnswerTerminalMacRequest {
    std::string base_key{};
    TerminalKsn ksn{};
    Buffer data{};
};

// Forgets the PINs that were none, where the device is a terminal: a phone gets a new initial key.
struct UnlockTerminalRequest {
    InitialKeyId terminal{};
};

// ---- Classic terminals: whose host we are ---------------------------------------------------

// The master key of one: it leaves once, under the key of whoever loads terminals.
struct CreateClassicKeyRequest {
    std::string alias{};
    std::string zone_key{};
};

// New working keys, in the place of those that it had.
struct GiveWorkingKeysRequest {
    std::string terminal_key{};
};

// From the working key of a classic terminal to that of the same terminal at the network.
struct TranslateClassicPinRequest {
    std::string classic_key{};
    std::array<std::uint8_t, 8> block{};  // ISO 9564-1 format 0.
    Buffer stored_form{};                 // Of the card that the PIN belongs to.
    std::string terminal_key{};
    PinBlockFormat format = PinBlockFormat::iso0;
};

// A card that came in clear, by a line of classic terminals: what may be kept of it is sealed.
struct KeepCardRequest {
    SecretBytes card_tlv{};  // As of a sealed card; DF8155 only where there is a chip.
};

// ---- Operators: nobody alone decides about a key that everything hangs on -------------------

constexpr std::size_t operators_max = 8;
constexpr std::size_t operator_name_bytes_max = 32;
constexpr std::size_t approved_request_bytes_max = 2048;
constexpr std::size_t ticket_nonce_bytes = 16;

using TicketNonce = std::array<std::uint8_t, ticket_nonce_bytes>;

struct VaultOperator {
    std::string name{};  // As a key's alias.
    EcPoint point{};

    friend bool operator==(const VaultOperator&, const VaultOperator&) = default;
};

bool is_operator_name(std::string_view text);  // A key's alias, and no longer than that.

// The first list is taken from whoever brings it; every other needs the approvals of the last.
struct SetOperatorsRequest {
    std::uint8_t quorum = 0;  // How many must approve; at least two.
    std::vector<VaultOperator> operators{};
};

// What is to be approved: another request, encoded. It has no secret in it.
struct RequestApprovalRequest {
    Buffer request{};
};

struct ApproveRequest {
    TicketNonce nonce{};
    std::string operator_name{};
    Buffer signature{};  // ECDSA over the ticket, in DER.
};

// Does what was approved, once.
struct ApplyRequest {
    TicketNonce nonce{};
    Buffer request{};
};

// ---- Ceremony: a key out of components that different people bring --------------------------

struct BeginCeremonyRequest {
    std::string alias{};
    KeyUsage usage = KeyUsage::zone_master;
    KeyAlgorithm algorithm = KeyAlgorithm::tdes;
    std::uint8_t components = 2;
};

// Where there are operators, each component comes from another one of them, who signs
// component_statement().
struct AddComponentRequest {
    std::string alias{};
    SecretBytes component{};
    std::string operator_name{};  // Empty where there are no operators.
    Buffer signature{};
};

struct FinishCeremonyRequest {
    std::string alias{};
    KeyCheck check_value{};  // That of the key which must come out; who brings it knows it.
};

// ---- Journal --------------------------------------------------------------------------------

struct ReadJournalRequest {
    std::uint64_t from = 1;  // Sequence number.
};

struct VerifyJournalRequest {};

}  // namespace softpos::protocol
