// The key vault as its callers see it: names of keys go in, never keys come out.
#pragma once

#include "base/secret.h"
#include "codec/cup_fields.h"
#include "protocol/sealed_card.h"
#include "protocol/vault_call.h"

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace softpos::keys {

using protocol::EcPoint;
using protocol::InitialKeyId;
using protocol::KeyCheck;
using protocol::KeyDetails;
using protocol::KeyState;
using protocol::KeySummary;
using protocol::VaultFault;
using protocol::VaultStatus;

// A terminal master key on its way to the acquirer.
struct MasterKeyExport {
    std::array<std::uint8_t, 16> cryptogram{};  // Under the zone key, TDES ECB.
    KeyCheck check_value{};
};

struct OpenedCard {
    // As the phone sealed it: 57, 5F34 and 5F24 where the card had them, DF8155.
    SecretBytes card_tlv;
    // For the store: only open_stored() reads it. Never holds track 2.
    Buffer stored_form;
    std::string masked_pan;
    // The same sealed card for the same terminal and amount was opened before: an answer that was
    // lost, or a second payment made of the first one's data. The caller knows which.
    bool repeated = false;
};

// What a terminal says about itself beside the last six digits of the card: who can make the
// cipher has its serial key. Borrowed.
struct SerialProof {
    std::string_view serial;  // TUSN.
    Bytes factor6;            // Six digits.
    Bytes cipher8;            // Eight characters of upper-case hex.
};

// A sealed PIN and what it is for. Borrowed.
struct PinJob {
    std::string_view base_key;  // Of PINs.
    const protocol::SealedPin& pin;
    Bytes stored_form;  // Of the card it was entered for: has the PAN that the block is bound to.
    std::string_view terminal_key;
    protocol::PinBlockFormat format;
};

// The same from a classic terminal: format 0 under its working key.
struct ClassicPinJob {
    std::string_view classic_key;
    Bytes block8;
    Bytes stored_form;
    std::string_view terminal_key;
    protocol::PinBlockFormat format;
};

// What is inside a stored form, as a TLV list: 5A (padded with F), 5F34 where the card had one,
// 5F24 (from the card, else the month of the track with day 00), DF8155 with what a reversal
// repeats, where there is any.
//
// A form that keep_card() made has the entry mode too (DF8157).
//
// Every call may be made from any thread. An error's detail is a protocol::VaultFault;
// ErrorKind::unavailable means that the vault did not answer, and that nothing may be assumed:
// a payment is declined then.
class KeyVault {
public:
    virtual ~KeyVault() = default;

    // The base key of card data, and the other one of PINs: neither does the other's work. Which
    // one an initial key is derived from is a matter of the alias alone.
    virtual Result<KeyCheck> create_bdk(std::string_view alias) = 0;
    virtual Result<KeyCheck> create_pin_bdk(std::string_view alias) = 0;

    // Two or three components of 16 bytes, XORed. The two who bring them compare the check value.
    virtual Result<KeyCheck> import_zmk_components(std::string_view alias,
                                                   std::span<const SecretBytes> components) = 0;

    virtual Result<MasterKeyExport> create_terminal_master_key(std::string_view alias,
                                                               std::string_view zone_key) = 0;

    // The initial key leaves only inside an envelope to the trusted core's key, bound to
    // protocol::initial_key_envelope_info(). denied (terminal_revoked) for an id that was revoked:
    // a phone that comes back gets a new one.
    virtual Result<Buffer> export_dukpt_initial_key(std::string_view base_key,
                                                    Bytes initial_key_id8,
                                                    Bytes recipient_point) = 0;

    // Nothing that was sealed under any initial key of this id opens any more, for good. Revoking
    // what is revoked, or was never seen, is done as well.
    virtual Result<void> revoke_terminal(Bytes initial_key_id8) = 0;

    // Out of the acquirer's sign-in answer. Replaces those that the terminal had, all or none;
    // denied where a check value differs.
    virtual Result<void> load_working_keys(std::string_view terminal_key,
                                           const codec::WorkingKeys& keys) = 0;

    // denied where it does not open, and where its key serial number was used for something else.
    virtual Result<OpenedCard> open_card(std::string_view base_key,
                                         const protocol::SealedCard& card, Bytes aad) = 0;
    virtual Result<SecretBytes> open_stored(Bytes stored_form) = 0;

    // Field 64: eight characters. conflict where the terminal has no working keys.
    virtual Result<std::array<std::uint8_t, 8>> mac(std::string_view terminal_key, Bytes data) = 0;
    virtual Result<void> verify_mac(std::string_view terminal_key, Bytes data, Bytes mac8) = 0;

    // For field 52 (or 59): the PIN under the terminal's PIN key, never in clear on the way. denied
    // (pin_refused) whatever is wrong with the sealed PIN: other card, other phone, a used serial
    // number, a made-up block, too many of those under one initial key. Until a new initial key of
    // PINs is exported for the phone, it stays locked then. The same again is translated again.
    virtual Result<Buffer> translate_pin(const PinJob& job) = 0;

    // ---- Classic terminals, whose host we are: they sign in with us.
    // Their master key leaves once, under the key of whoever loads terminals.
    virtual Result<MasterKeyExport> create_classic_key(std::string_view alias,
                                                       std::string_view zone_key) = 0;
    // New working keys for the terminal, in the place of the old ones; mac() and verify_mac() use
    // them under the same name.
    virtual Result<protocol::WorkingKeysAnswer> give_working_keys(
        std::string_view terminal_key) = 0;
    // denied (pin_refused) where the block is none for this card.
    virtual Result<Buffer> translate_classic_pin(const ClassicPinJob& job) = 0;
    // A card that came in clear: its stored form and its number, masked. `card_tlv`: 57, DF8157,
    // and 5F34, 5F24, DF8155 where there are such.
    virtual Result<protocol::KeepCardAnswer> keep_card(Bytes card_tlv) = 0;

    // A key pair on P-256, for permits and commands; its public point (65 bytes, 04 in front).
    virtual Result<EcPoint> create_signing_key(std::string_view alias) = 0;
    virtual Result<EcPoint> public_key(std::string_view alias) = 0;
    // ECDSA over SHA-256 of the message, in DER.
    virtual Result<Buffer> sign(std::string_view alias, Bytes message) = 0;

    // The SM4 key that proves one terminal's serial number. It leaves inside an envelope bound to
    // protocol::serial_key_envelope_info(terminal_id).
    virtual Result<KeyCheck> create_serial_key(std::string_view alias) = 0;
    virtual Result<Buffer> export_serial_key(std::string_view alias, std::string_view terminal_id,
                                             Bytes recipient_point) = 0;
    // denied (serial_cipher) where it does not fit.
    virtual Result<void> check_serial_cipher(std::string_view alias, const SerialProof& proof) = 0;

    // conflict where the state does not follow from the present one. Nothing becomes destroyed
    // this way.
    virtual Result<void> set_key_state(std::string_view alias, KeyState state) = 0;
    // The key is gone from memory and disk when this returns; its name stays taken.
    virtual Result<void> destroy_key(std::string_view alias) = 0;

    virtual Result<KeyDetails> key_info(std::string_view alias) = 0;
    virtual Result<VaultStatus> status() = 0;
};

}  // namespace softpos::keys
