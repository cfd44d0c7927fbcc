// Taking a PIN: a pad whose digits lie elsewhere each time, and the digits that were chosen on it.
// Pure: keys and the time go in, what is to be shown comes out; no digit ever does.
//
// Spec: [ISO-9564-1] 5 to 7; the shuffled layout is ours.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/pin_block.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace softpos::trust {

constexpr std::size_t pin_places = 10;  // Of the pad: three rows of three, and one below.
constexpr std::int64_t pin_seconds_max = 45;

// What the customer's screen shows. The amount and the merchant stand on it with the pad, so that
// nobody is made to enter a PIN for something else.
struct PinScreen {
    enum class Kind : std::uint8_t { pad, done, cancelled, timed_out };
    Kind kind = Kind::pad;
    std::int64_t amount_minor = 0;
    std::uint16_t currency = 156;
    std::string merchant_name;
    std::array<std::uint8_t, pin_places> digit_at{};  // At each place of the pad; for `pad`.
    std::size_t entered = 0;                          // How many digits so far.
};

// A press. `place` with digit only.
struct PinKey {
    enum class Kind : std::uint8_t { digit, clear, confirm, cancel };
    Kind kind{};
    std::uint8_t place = 0;
};

// The customer's own display and input, which no app can read or write.
class TrustedUi {
public:
    virtual ~TrustedUi() = default;
    virtual Result<void> show(const PinScreen& screen) = 0;
    // The next press; nullopt where there is none now. Never waits.
    virtual std::optional<PinKey> next_key() = 0;
};

class PinEntry {
public:
    enum class State : std::uint8_t { waiting, entered, cancelled, timed_out };

    // `screen` without its layout, which is made here.
    PinEntry(PinScreen screen, Random& random, Ticks now);
    ~PinEntry() { wipe(digits_); }
    PinEntry(const PinEntry&) = delete;
    PinEntry& operator=(const PinEntry&) = delete;

    // True where the screen is to be shown anew.
    bool press(const PinKey& key);
    bool tick(Ticks now);
    void cancel();

    State state() const { return state_; }
    const PinScreen& screen() const { return screen_; }
    // Once, after `entered`; the digits are gone then.
    Result<crypto::Pin> take();

private:
    bool end(State state, PinScreen::Kind kind);

    PinScreen screen_;
    Ticks begun_at_;
    State state_ = State::waiting;
    std::array<std::uint8_t, crypto::Pin::digits_max> digits_{};  // ASCII.
};

}  // namespace softpos::trust
