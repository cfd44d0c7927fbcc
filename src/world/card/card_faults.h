// Faults on demand: what a virtual card does wrong, when, and how often. A script in one line.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace softpos::card {

enum class FaultKind : std::uint8_t {
    sw,           // Answers this status word and does nothing. Value: the word in hex.
    leave,        // Leaves the field before the command reaches it.
    tear,         // Leaves the field after it has done the command: the answer is lost.
    slow,         // Takes this much longer. Value: milliseconds.
    truncate,     // Keeps this many bytes of the data; the status word stays. Value: the count.
    garbage,      // Answers bytes without meaning, and 9000. Value: how many.
    missing_tag,  // Leaves one object out, with all that is in it. Value: the tag in hex.
    wrong_arqc,   // Answers a cryptogram that its issuer will not accept.
    see_phone,    // GET PROCESSING OPTIONS: 6986.
    refuse,       // GET PROCESSING OPTIONS: 6985.
    tc,           // Approves offline, whatever was asked.
    aac,          // Declines.
};

struct CardFault {
    static constexpr unsigned any_step = 0;
    static constexpr unsigned always = 0;

    FaultKind kind;
    unsigned step = any_step;  // Counts commands from 1 since the card came into the field.
    std::uint32_t value = 0;
    unsigned times = always;  // How often it still happens, over all taps.
};

// Items behind one another with blanks: `kind`, then any of `@step`, `=value`, `*times`, in this
// order. see-phone happens once unless told otherwise.
//
//     sw@3=6F00 leave@2*1 slow@3=700 missing-tag=9F10 see-phone tc
class CardFaults {
public:
    static constexpr std::size_t items_max = 16;
    static constexpr std::uint32_t delay_ms_max = 60'000;

    CardFaults() = default;
    // Error.at is where in the text the item begins.
    static Result<CardFaults> parse(std::string_view text);

    // The value of the first fault of this kind that is due now; counts it as happened.
    std::optional<std::uint32_t> take(FaultKind kind, unsigned step);
    // The same for a missing object: only where the fault names this tag.
    bool takes_tag(std::uint32_t tag, unsigned step);
    bool empty() const { return faults_.empty(); }

private:
    using Position = std::vector<CardFault>::iterator;
    void count(Position fault);

    std::vector<CardFault> faults_;
};

}  // namespace softpos::card
