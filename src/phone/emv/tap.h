// A whole tap: entry point and kernels as one machine. This is what the trusted core drives; it has
// no clock, no randomness and no input or output of its own, and allocates nothing while it runs.
//
//     Tap tap(parameters);
//     Step step = tap.start({.transaction = data, .finding = CardFinding::by_caller});
//     while (step.kind == StepKind::send) step = tap.handle(Event::rapdu(transmit(step.command)));
//     if (step.outcome.kind == OutcomeKind::online_request) seal(*tap.take_record());
#pragma once

#include "base/pan.h"
#include "base/result.h"
#include "phone/emv/entry_point.h"
#include "phone/emv/events.h"
#include "phone/emv/fixed_bytes.h"
#include "phone/emv/kernel.h"
#include "phone/emv/parameters.h"
#include "phone/emv/step.h"

#include <cstdint>
#include <optional>
#include <span>

namespace softpos::emv {

// The kernels that are finished. A parameter set names no other.
std::span<const KernelDescriptor> kernel_table();

struct TapRequest {
    TransactionData transaction;
    CardFinding finding = CardFinding::by_caller;
};

// What goes to the issuer, sealed. Moved, never copied; wipes itself.
class CardRecord {
public:
    explicit CardRecord(const CardData& card);

    Bytes track2() const { return track2_.bytes(); }              // 57
    Bytes pan_sequence() const { return pan_sequence_.bytes(); }  // 5F34; may be empty.
    Bytes expiry_date() const { return expiry_.bytes(); }         // 5F24 YYMMDD; may be empty.
    std::optional<std::uint16_t> expiry_yymm() const;             // From track 2: 2512.
    Bytes field55() const { return field55_.bytes(); }
    Bytes aid() const { return aid_.bytes(); }  // 84. No secret.
    Result<Pan> pan() const;                    // On the heap, in memory that wipes itself.

private:
    FixedSecret<19> track2_;
    FixedSecret<1> pan_sequence_;
    FixedSecret<3> expiry_;
    FixedSecret<data_record_bytes_max> field55_;
    Aid aid_;
};

class Tap {
public:
    // Borrowed, and must outlive this object. One Tap serves any number of taps, one after another.
    explicit Tap(const ParameterSet& parameters);

    // Ends at once with bad_request where the currency is not the terminal's.
    Step start(const TapRequest& request);
    Step handle(const Event& event);
    Step stop() { return handle(Event::plain(EventKind::stop)); }

    // Once, after an online request; the machine forgets the card with it.
    std::optional<CardRecord> take_record();

    const EntryPointState& state() const { return entry_.state(); }
    void restore(const EntryPointState& state) { entry_.restore(state); }

private:
    const ParameterSet& parameters_;
    EntryPoint entry_;
};

}  // namespace softpos::emv
