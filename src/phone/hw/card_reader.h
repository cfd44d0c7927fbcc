// The contract between a card reader's driver and whoever runs a tap over it: the first of the
// drivers that a phone maker brings.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace softpos::hw {

// What went wrong between us and the card, kept in Error.detail. The kernel's "RF error" is
// card_removed, timeout and protocol; the others end the tap before a kernel runs.
enum class ReaderFault : std::uint8_t {
    none,          // The Error does not come from a reader.
    no_reader,     // Unplugged, switched off, or its service does not run.
    no_card,       // Nobody presented a card before the deadline.
    card_removed,  // The card left the field between two commands or during one.
    timeout,       // The card is there and did not answer in time.
    protocol,      // An answer that is none: too short, too long, against the link's rules.
    cancelled,     // cancel() was called.
};

// The Error of a fault: always the same kind and text for one fault.
std::unexpected<Error> reader_failure(ReaderFault fault);
ReaderFault fault_of(const Error& error);

// Command and response in ISO 7816-4's short form, which is all that EMV uses.
constexpr std::size_t capdu_bytes_min = 4;
constexpr std::size_t capdu_bytes_max = 261;
constexpr std::size_t rapdu_bytes_min = 2;
constexpr std::size_t rapdu_bytes_max = 258;

// One contactless reader; one card in its field at a time.
//
//     TRY_VOID(reader.wait_for_card(30'000));
//     const Buffer rapdu = TRY(reader.transmit(capdu, 1'000));
//     reader.release();
//
// What an implementation promises:
// - wait_for_card and transmit block, never longer than asked, and are called from one thread.
//   cancel may come from any other thread, at any time.
// - wait_for_card turns the field on where it is off, and returns when one card is activated and
//   takes commands (ISO/IEC 14443-4: after its answer to select). What was left of an earlier card
//   is released first. Fails with no_reader, no_card or cancelled.
// - transmit sends one command and returns one response with its status word, both as they travel.
//   It does not read the status word: 61xx and 6Cxx are the caller's. Fails with no_card where none
//   was activated, card_removed, timeout, protocol, no_reader, and denied (fault none) where the
//   command itself is too short or too long. After any failure of the link the card counts as gone;
//   the next step is release and wait_for_card.
// - release turns the field off and forgets the card, and a cancel that found nothing to end. It
//   cannot fail, and may be called twice.
// - No byte of a command or a response is kept, logged or put into an Error.
class CardReader {
public:
    virtual ~CardReader() = default;
    CardReader() = default;
    CardReader(const CardReader&) = delete;
    CardReader& operator=(const CardReader&) = delete;

    virtual std::string_view name() const = 0;
    virtual Result<void> wait_for_card(unsigned timeout_ms) = 0;
    virtual Result<Buffer> transmit(Bytes capdu, unsigned timeout_ms) = 0;
    virtual void release() = 0;

    // Ends a wait_for_card that runs now, or else the next one, unless release comes first: a
    // cancel that comes a moment early is not lost, and one that comes a moment late does not end
    // the next customer's tap. Does not touch a transmit: that is over within its time-out.
    virtual void cancel() = 0;

    // How long the last successful transmit took, from a driver that can tell; relay checks and
    // measurements ask for it.
    virtual std::optional<std::int64_t> last_exchange_us() const { return std::nullopt; }
};

}  // namespace softpos::hw
