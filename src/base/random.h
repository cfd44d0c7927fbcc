// Randomness as something handed in, so that logic can be run twice the same.
#pragma once

#include "base/bytes.h"

#include <array>
#include <cstdint>

namespace softpos {

class Random {
public:
    virtual ~Random() = default;
    virtual void fill(std::span<std::uint8_t> out) = 0;

    template <std::size_t size>
    std::array<std::uint8_t, size> take() {
        std::array<std::uint8_t, size> out{};
        fill(out);
        return out;
    }
};

// getrandom(2). Good for nonces and identifiers; keys come from the crypto module's DRBG.
class SystemRandom final : public Random {
public:
    void fill(std::span<std::uint8_t> out) override;
};

// SplitMix64: repeatable, for tests and simulation only.
class SeededRandom final : public Random {
public:
    explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
    void fill(std::span<std::uint8_t> out) override;
    std::uint64_t next();
    std::uint64_t below(std::uint64_t bound) { return next() % bound; }  // bound > 0.

private:
    std::uint64_t state_;
};

}  // namespace softpos
