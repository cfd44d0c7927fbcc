// A traditional POS terminal: reads cards of data/cards at its slot, field and stripe, signs in
// with a host, and sells, voids, refunds, reverses and settles in cup-pos. The other side of the
// wire of server::ClassicDoor, and of nothing else of ours.
//
// Spec: [CUP-POS] 1.2 to 1.8 (as public terminal code shows it; the paper itself was not read).
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "codec/cup_fields.h"
#include "codec/dialect.h"
#include "platform/channel/cup_messages.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace softpos::sim {

enum class PosEntry : std::uint8_t { chip, tap, stripe };  // Field 22: 05, 07, 02.

// What the terminal's slip says of one payment.
struct PosSlip {
    enum class Kind : std::uint8_t { purchase, void_sale, refund };
    Kind kind = Kind::purchase;
    std::uint32_t batch = 0;
    std::uint32_t trace = 0;
    std::int64_t amount_minor = 0;
    std::string card{};
    std::string reference{};  // Field 37
    std::string approval{};   // Field 38
};

struct PosAnswer {
    bool heard = false;       // Nothing came, or nothing that could be read.
    std::string code{};       // Field 39
    bool mac_right = false;   // Of what carries one.
    std::string reference{};  // Field 37
    std::uint32_t batch = 0;  // 60.2; 0 where there is none.
    std::string text{};       // "0210 00", for people.
    std::optional<codec::BatchTotals> totals{};
};

// What outlives the terminal's process.
struct PosMemory {
    std::uint32_t batch = 0;
    std::uint32_t trace = 0;                          // The last one used.
    std::vector<PosSlip> slips{};                     // Of the open batch: what moved money.
    std::map<std::string, std::uint16_t> counters{};  // ATC of each card.
};
std::string memory_text(const PosMemory& memory);
Result<PosMemory> parse_memory(std::string_view text);  // malformed.

// What whoever loads terminals does: the key out of its two components, and with it a terminal's
// master key out of what the platform gave (both in hex). denied where the check value differs.
Result<SecretBytes> loader_key(std::string_view component_1, std::string_view component_2);
Result<SecretBytes> loaded_master_key(const SecretBytes& loader, std::string_view master_key,
                                      std::string_view check_value);

class ClassicPos {
public:
    // A frame there (without its length), and the answer's; nullopt where none came in time.
    using Exchange = std::function<std::optional<Buffer>(const Buffer& frame)>;

    struct Parts {
        const codec::Dialect& dialect;
        std::string cards_folder;
        std::string terminal;
        std::string merchant;
        SecretBytes master_key;  // 16 bytes, loaded by whoever set the terminal up.
        const Clock& clock;
        Random& random;
        Exchange exchange;
    };
    ClassicPos(Parts parts, PosMemory memory = {})
        : parts_(std::move(parts)), memory_(std::move(memory)) {}

    Result<PosAnswer> sign_in();
    Result<PosAnswer> sign_out();
    Result<PosAnswer> echo();

    struct Sale {
        std::string card = "debit";
        std::int64_t amount_minor = 0;
        PosEntry entry = PosEntry::chip;
        std::string pin{};  // Empty: signed for.
    };
    Result<PosAnswer> sell(const Sale& sale);
    Result<PosAnswer> void_sale(const PosSlip& slip);
    // Of any day; where the slip has no trace, by the network's number alone.
    Result<PosAnswer> refund(const PosSlip& slip, std::int64_t amount_minor);
    // The last request that moves money, byte for byte but under today's key.
    Result<PosAnswer> repeat();
    // Takes the last one back, as a terminal does that heard nothing.
    Result<PosAnswer> reverse();
    // Totals; where the host's differ, payment by payment. Afterwards the batch is empty.
    Result<PosAnswer> settle();

    const PosMemory& memory() const { return memory_; }
    PosMemory& memory() { return memory_; }
    void damage_next_mac() { damage_ = true; }
    void strip_next_chip() { strip_ = true; }  // Field 55 of a sale goes missing on the way.
    // As reverse(), but says of whatever it was that it was a sale.
    Result<PosAnswer> reverse_as_sale();

private:
    Result<PosAnswer> send(codec::IsoMessage& message);
    Result<PosAnswer> pay(codec::IsoMessage& message, PosSlip slip);
    Result<PosAnswer> upload();
    Result<void> make_reversal(codec::IsoMessage& message) const;
    Result<PosAnswer> send_reversal(codec::IsoMessage& message);
    Result<channel::CardData> read_card(const Sale& sale);
    Result<channel::CardData> embossed(const std::string& card) const;
    Result<channel::PinBlock> pin_block(const std::string& pin, std::string_view pan) const;
    channel::CupTerminal speaker() const {
        return {.terminal = parts_.terminal, .merchant = parts_.merchant, .batch = memory_.batch};
    }
    std::uint32_t next_trace() { return memory_.trace = memory_.trace % channel::trace_max + 1; }

    Parts parts_;
    PosMemory memory_;
    SecretBytes pin_key_, mac_key_;
    SecretBytes last_request_;  // Packed.
    PosSlip last_slip_;
    bool damage_ = false;
    bool strip_ = false;
};

}  // namespace softpos::sim
