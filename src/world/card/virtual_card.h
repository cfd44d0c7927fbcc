// A UnionPay contactless card in software: PPSE, one qPBOC application, online cryptograms with
// real keys. Self-made and not certified by anybody. Pure logic: time, the field and the memory
// that outlives it are the carrier's.
//
// Spec: [EMV-B] 3.3, [JRT-0025] part 12.
#pragma once

#include "codec/apdu.h"
#include "codec/ber_tlv.h"
#include "world/card/card_faults.h"
#include "world/card/personalisation.h"

#include <array>
#include <functional>

namespace softpos::card {

// What a card remembers without power. Its application transaction counter only ever rises.
struct CardState {
    std::uint16_t atc = 0;
};

// Writes the state down. Called before an answer that used it leaves the card; where it fails, the
// card answers 6581 and no cryptogram.
using CardStateSink = std::function<Result<void>(const CardState&)>;

struct CardAnswer {
    Buffer rapdu;                // Empty where the card is not in the field any more.
    std::uint32_t delay_ms = 0;  // For the carrier to wait before it passes the answer on.
    bool left_field = false;     // The carrier takes the card away; reset() brings it back.
};

// Answers every command with at least a status word, unless a fault has it leave the field. Not for
// two threads at once.
//
//     VirtualCard card(*personalise(std::move(profile), issuer));
//     const Buffer rapdu = card.transmit(capdu);
class VirtualCard {
public:
    explicit VirtualCard(CardData data, CardState state = {});

    // Nothing lasts without power but the state: the next command finds no application selected.
    void power_off();
    void reset();  // Into the field, afresh. A new card is there already.

    CardAnswer exchange(Bytes capdu);
    Buffer transmit(Bytes capdu) { return exchange(capdu).rapdu; }

    void set_faults(CardFaults faults) { faults_ = std::move(faults); }
    void set_state_sink(CardStateSink sink) { sink_ = std::move(sink); }
    const CardState& state() const { return state_; }
    const CardProfile& profile() const { return data_.profile; }

    // What a reader reports for it over PC/SC. Spec: [PCSC-3] 3.1.3.2.3.1.
    static std::array<std::uint8_t, 18> atr();

private:
    enum class Stage : std::uint8_t { off, idle, selected, initiated };
    enum class Verdict : std::uint8_t;
    struct Terminal;

    Buffer execute(Bytes capdu);
    Buffer select(const codec::CommandApdu& command);
    Buffer select_ppse();
    Buffer select_application();
    Buffer get_processing_options(const codec::CommandApdu& command);
    Buffer read_record(const codec::CommandApdu& command);
    Buffer get_data(const codec::CommandApdu& command);

    std::optional<std::uint16_t> refusal(const Terminal& terminal);
    Verdict decide(const Terminal& terminal);
    std::array<std::uint8_t, 2> ctq(const Terminal& terminal) const;
    Result<void> count_transaction();
    Buffer gpo_answer(const Terminal& terminal);

    void put(Buffer& out, codec::Tag tag, Bytes value);
    void garble(Buffer& rapdu);

    CardData data_;
    CardState state_;
    CardFaults faults_;
    CardStateSink sink_;
    Stage stage_ = Stage::idle;
    unsigned step_ = 0;  // Commands since reset.
};

}  // namespace softpos::card
