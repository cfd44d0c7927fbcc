// The code that turns a phone into a terminal: shown once, kept as a hash, used once, soon dead.
#pragma once

#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/refusal.h"
#include "base/result.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace softpos::merchant {

constexpr std::int64_t activation_ms = 30LL * 60 * 1000;

struct ActivationCode {
    std::array<std::uint8_t, 32> digest{};  // SHA-256 of the normal form, by the caller.
    Id128 terminal = {};
    std::string merchant = {};
    Instant expires_at = {};
    Instant used_at = {};  // Zero: not used.

    friend bool operator==(const ActivationCode&, const ActivationCode&) = default;
};

// "7K3M-Q9XD-4TNB": 60 bits, in letters and digits that are not taken for each other.
std::string make_activation_code(Random& random);

// As a person typed it: blanks and dashes dropped, upper case, O as 0, I and L as 1. malformed
// unless that gives a code.
Result<std::string> normal_activation_code(std::string_view typed);

// Refusal::none and marked as used, or activation_code_invalid, without saying why: the one who
// asks may be guessing.
Refusal redeem(ActivationCode& code, Instant now);

// Bounds how often one source may try, in memory that is bounded too.
//
//     if (!limit.allow(peer_hash, clock.ticks())) refuse(Refusal::too_many_requests);
class AttemptLimit {
public:
    struct Rule {
        unsigned attempts = 10;
        std::int64_t window_us = 60'000'000;
        std::size_t sources_max = 10'000;  // When full, everybody new waits.
    };
    explicit AttemptLimit(Rule rule) : rule_(rule) {}
    bool allow(std::uint64_t source, Ticks now);          // Counts it.
    bool blocked(std::uint64_t source, Ticks now) const;  // Whether allow() would say no.

private:
    struct Window {
        Ticks start;
        unsigned attempts = 0;
    };
    Rule rule_;
    std::unordered_map<std::uint64_t, Window> windows_;
    Ticks swept_;

    void sweep(Ticks now);
};

}  // namespace softpos::merchant
