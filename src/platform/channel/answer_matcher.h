// Which request an answer belongs to: by terminal, merchant, trace and class of message. An answer
// that comes too late or twice is named, not lost: money may hang on it.
#pragma once

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "platform/channel/cup_answers.h"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace softpos::channel {

// What is on its way. `reference` is the caller's: the payment that was sent.
struct PendingRequest {
    ExpectedAnswer expected{};
    Id128 reference{};
    Instant deadline{};
};

enum class Arrival : std::uint8_t {
    answer,     // To the request given.
    late,       // To a request whose deadline had passed.
    duplicate,  // To a request that has been answered.
    unknown,    // To nothing we remember.
};

struct MatchedAnswer {
    Arrival arrival = Arrival::unknown;
    std::optional<PendingRequest> request{};  // Except of unknown.
};

// Owned by one thread. Memory is bounded: so many on their way, so many remembered behind that.
class AnswerMatcher {
public:
    struct Limits {
        std::size_t pending_max = 20'000;
        std::size_t remembered_max = 50'000;
    };
    explicit AnswerMatcher(Limits limits) : limits_(limits) {}

    // Before the request leaves. conflict where one with the same key is on its way; denied where
    // too many are. What was remembered under the key is forgotten: a reversal is sent again and
    // again under one trace.
    Result<void> add(const codec::IsoMessage& request, Id128 reference, Instant deadline);

    // malformed where the message has no key.
    Result<MatchedAnswer> match(const codec::IsoMessage& answer);

    // Takes out what nobody answered in time, earliest deadline first.
    std::vector<PendingRequest> expire(Instant now);

    // The request provably did not leave.
    void withdraw(const codec::IsoMessage& request);

    std::size_t pending() const { return pending_.size(); }
    std::optional<Instant> next_deadline() const;

private:
    struct Remembered {
        Arrival next;  // What an answer would be now: late or duplicate.
        PendingRequest request;
        std::uint64_t number;
    };
    void forget(const AnswerKey& key);
    void remember(const AnswerKey& key, Arrival next, PendingRequest request);

    Limits limits_;
    std::map<AnswerKey, PendingRequest> pending_;
    std::multimap<Instant, AnswerKey> deadlines_;
    std::map<AnswerKey, Remembered> remembered_;
    std::deque<std::pair<std::uint64_t, AnswerKey>> order_;  // Of what is remembered, oldest first.
    std::uint64_t number_ = 0;
};

}  // namespace softpos::channel
