// One terminal's relation to the card network, as a pure step machine:
//
//     signed_out -> signing_in -> ready -> needs_sign_in -> signing_in -> ...
//
// Payments may leave only in `ready`. The network ends that state by what it answers (A0, 97, 99,
// A8, EW); the platform ends it at cut-over.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "platform/channel/cup_answers.h"

#include <cstdint>

namespace softpos::channel {

enum class SessionState : std::uint8_t { signed_out, signing_in, ready, needs_sign_in };

struct SessionLimits {
    std::uint32_t answer_ms = 30'000;  // For a sign-in.
    std::uint32_t pause_ms = 5'000;    // After the first failed sign-in; doubles each time.
    std::uint32_t pause_ms_max =
        300'000;  // A terminal that the network does not know stays polite.
};

class UpstreamSession {
public:
    explicit UpstreamSession(SessionLimits limits = {}) : limits_(limits) {}

    SessionState state() const { return state_; }
    std::uint32_t batch() const { return batch_; }  // 0 before the first sign-in.
    bool may_pay() const { return state_ == SessionState::ready; }

    // Whether a sign-in should be sent now: not while one is under way or has just failed.
    bool wants_sign_in(Instant now) const;

    // The sign-in is about to be sent. conflict where wants_sign_in says no.
    Result<void> begin_sign_in(std::uint32_t trace, Instant now);

    // The network's answer to it. Gives the keys' cryptograms, to be loaded by the vault; until
    // keys_loaded the session stays in signing_in. conflict where no sign-in with that trace is
    // under way; denied where the network refused or sent no batch or no keys.
    Result<codec::WorkingKeys> answered(std::uint32_t trace, const CupAnswer& answer, Instant now);
    Result<void> keys_loaded();

    // The vault refused the keys, the link is down, or tick() found that no answer came.
    void failed(Instant now);

    // True where a sign-in has just run out of time.
    bool tick(Instant now);

    // Every answer to a payment passes here; re_sign_in ends `ready`.
    void saw(AnswerClass klass);

    // After a settled batch, and after signing out: the next payment needs a new batch.
    void close();

private:
    SessionLimits limits_;
    SessionState state_ = SessionState::signed_out;
    std::uint32_t batch_ = 0;
    std::uint32_t new_batch_ = 0;
    std::uint32_t trace_ = 0;
    std::uint32_t failures_ = 0;
    Instant deadline_{};    // In signing_in.
    Instant not_before_{};  // Of the next sign-in.
};

}  // namespace softpos::channel
