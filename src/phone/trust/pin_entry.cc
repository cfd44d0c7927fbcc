// Digits go in by their place; what they are is known here and on the customer's screen.
#include "phone/trust/pin_entry.h"

#include "base/check.h"

#include <algorithm>
#include <numeric>

namespace softpos::trust {
namespace {

constexpr std::int64_t us_of_second = 1'000'000;

// Below `bound`, every number as likely: bytes above the last whole multiple are thrown away.
std::uint8_t below(Random& random, unsigned bound) {
    const unsigned limit = 256U - 256U % bound;
    for (;;) {
        const std::uint8_t byte = random.take<1>()[0];
        if (byte < limit) return static_cast<std::uint8_t>(byte % bound);
    }
}

}  // namespace

PinEntry::PinEntry(PinScreen screen, Random& random, Ticks now)
    : screen_(std::move(screen)), begun_at_(now) {
    auto& layout = screen_.digit_at;
    std::iota(layout.begin(), layout.end(), std::uint8_t{0});
    for (std::size_t left = layout.size(); left > 1; --left) {
        std::swap(layout[left - 1], layout[below(random, static_cast<unsigned>(left))]);
    }
}

bool PinEntry::end(State state, PinScreen::Kind kind) {
    state_ = state;
    screen_.kind = kind;
    screen_.digit_at.fill(0);
    if (state != State::entered) {
        wipe(digits_);
        screen_.entered = 0;
    }
    return true;
}

bool PinEntry::press(const PinKey& key) {
    if (state_ != State::waiting) return false;
    switch (key.kind) {
        case PinKey::Kind::digit:
            if (key.place >= pin_places || screen_.entered == digits_.size()) return false;
            digits_[screen_.entered++] =
                static_cast<std::uint8_t>('0' + screen_.digit_at[key.place]);
            return true;
        case PinKey::Kind::clear:
            wipe(digits_);
            screen_.entered = 0;
            return true;
        case PinKey::Kind::confirm:
            if (screen_.entered < crypto::Pin::digits_min) return false;
            return end(State::entered, PinScreen::Kind::done);
        case PinKey::Kind::cancel:
            return end(State::cancelled, PinScreen::Kind::cancelled);
    }
    return false;
}

bool PinEntry::tick(Ticks now) {
    if (state_ != State::waiting) return false;
    const std::int64_t passed_us = now.us - begun_at_.us;
    if (passed_us >= 0 && passed_us <= pin_seconds_max * us_of_second) return false;
    return end(State::timed_out, PinScreen::Kind::timed_out);
}

void PinEntry::cancel() {
    if (state_ == State::waiting) end(State::cancelled, PinScreen::Kind::cancelled);
}

Result<crypto::Pin> PinEntry::take() {
    CHECK(state_ == State::entered);
    auto pin = crypto::Pin::parse(Bytes(digits_).first(screen_.entered));
    wipe(digits_);
    screen_.entered = 0;
    return pin;
}

}  // namespace softpos::trust
