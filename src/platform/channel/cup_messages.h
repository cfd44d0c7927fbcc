// What the platform says to a card network in cup-pos: one builder for each request, from types to
// an IsoMessage. The caller packs it, has the vault make the MAC, and sends the frame:
//
//     TRY_VOID(build_purchase(payment, message));
//     OutgoingMessage outgoing = TRY(OutgoingMessage::pack(message));
//     outgoing.set_mac(TRY(vault.mac(tmk, outgoing.mac_input())));
//     link.send(outgoing.frame(route));
//
// Spec: [CUP-POS] 1.2 to 1.8 (as public terminal code shows it; the paper itself was not read).
#pragma once

#include "base/bytes.h"
#include "base/money.h"
#include "base/result.h"
#include "base/secret.h"
#include "codec/cup_fields.h"
#include "codec/cup_frame.h"
#include "codec/iso8583.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace softpos::channel {

constexpr std::uint32_t trace_max = 999'999;  // Of fields 11 and 60.2; both begin at 1.

using PinBlock = std::array<std::uint8_t, 8>;
using MacText = std::array<std::uint8_t, 8>;  // Eight hex digits as characters.

// Who speaks. The phone is nothing to the network but this.
struct CupTerminal {
    std::string terminal{};          // Field 41, 8 characters.
    std::string merchant{};          // Field 42, 15 characters.
    std::uint32_t batch = 0;         // 60.2, from the last sign-in; 0 before the first.
    std::string device_type = "08";  // 59.A2.01: a phone as POS; "02" is a classic one.
    std::string serial{};            // 59.A2.02; empty leaves field 59 out.
    std::string app_version{};       // 59.A2.05
    std::string proof{};             // 59.A2.04, of a purchase; empty leaves 03 and 04 out.
};

// The card as the vault opened it, in the words of the message. Wiped at the end.
class CardData {
public:
    // A TLV list with 57 (fresh from the phone) or 5A (from the store), and 5F34, 5F24, DF8155
    // where there are such. Other objects are passed over.
    static Result<CardData> read(Bytes card_tlv);

    std::string_view pan() const { return text_of(pan_.bytes()); }
    std::string_view track_2() const { return text_of(track_2_.bytes()); }  // Empty from the store.
    std::string_view sequence() const { return sequence_; }                 // "001", or empty.
    std::string_view expiry() const { return expiry_; }                     // YYMM, or empty.
    Bytes chip_data() const { return chip_data_.bytes(); }
    // Field 22 as a classic terminal said it; empty of a phone's, which is contactless.
    std::string_view entry_mode() const { return entry_mode_; }

private:
    SecretBytes pan_;
    SecretBytes track_2_;
    SecretBytes chip_data_;
    std::string sequence_;
    std::string expiry_;
    std::string entry_mode_;
};

// What a void or a refund is about.
struct CupOriginal {
    std::uint32_t batch = 0;  // A refund may not know batch and trace: zero.
    std::uint32_t trace = 0;
    std::string date{};       // MMDD; of a refund.
    std::string reference{};  // Field 37
    std::string approval{};   // Field 38; empty where the answer had none.
};

// Borrows terminal and card for the call.
struct CupPayment {
    const CupTerminal& terminal;
    const CardData& card;
    std::uint32_t trace = 0;
    Money amount{};
    std::optional<PinBlock> pin{};          // Of a purchase; under the terminal's PIN key.
    std::optional<CupOriginal> original{};  // Of a void and a refund.
};

// Each resets `out` first. An error names the field in Error.detail; then `out` is not to be sent.
Result<void> build_purchase(const CupPayment& payment, codec::IsoMessage& out);
Result<void> build_void(const CupPayment& payment, codec::IsoMessage& out);
Result<void> build_refund(const CupPayment& payment, codec::IsoMessage& out);

enum class ReversalReason : std::uint8_t { no_answer, bad_mac, other };  // 98, A0, 06
enum class Reversed : std::uint8_t { purchase, cancellation };
struct CupReversal {
    Reversed reversed = Reversed::purchase;
    ReversalReason reason = ReversalReason::no_answer;
    codec::ChipEnd chip_end = codec::ChipEnd::unknown;
};
// `payment` as it was sent: same trace, same batch. May be sent any number of times.
Result<void> build_reversal(const CupPayment& payment, const CupReversal& reversal,
                            codec::IsoMessage& out);

// Asks for double-length working keys. `identity` goes into field 62 where the host wants it.
Result<void> build_sign_in(const CupTerminal& terminal, std::uint32_t trace,
                           const std::optional<codec::SignInIdentity>& identity,
                           codec::IsoMessage& out);
Result<void> build_sign_out(const CupTerminal& terminal, std::uint32_t trace,
                            codec::IsoMessage& out);
Result<void> build_echo(const CupTerminal& terminal, std::uint32_t trace, codec::IsoMessage& out);
Result<void> build_batch_settle(const CupTerminal& terminal, std::uint32_t trace,
                                const codec::BatchTotals& totals, codec::IsoMessage& out);

// Whether messages of this type carry field 64.
bool carries_mac(std::string_view mti);

// The address and the header of every frame to one network.
struct CupRoute {
    codec::Tpdu tpdu{0x60, 0x00, 0x06, 0x00, 0x00};
    codec::CupHeader header{0x60, 0x31, 0x00, 0x31, 0x10, 0x03};
};

// A message in its last form, with room for the MAC. Wiped at the end; the frame is not, since it
// goes to the link.
class OutgoingMessage {
public:
    // Adds field 64 where the message type carries one.
    static Result<OutgoingMessage> pack(codec::IsoMessage& message);

    // Empty where no MAC is wanted.
    Bytes mac_input() const;
    void set_mac(const MacText& mac);  // CHECKs that one is wanted.

    Bytes bytes() const { return bytes_.bytes(); }
    Buffer frame(const CupRoute& route) const;  // CHECKs that the MAC is there.

private:
    SecretBytes bytes_;
    bool wants_mac_ = false;
    bool has_mac_ = false;
};

}  // namespace softpos::channel
