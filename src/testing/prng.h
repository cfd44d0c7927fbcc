// Seeded randomness for properties that must hold for every input. SEED in the environment repeats
// a run; without it the seed is 1, so that CI does not flicker.
#pragma once

#include "base/random.h"

#include <cstdint>

namespace softpos::testing {

class Prng {
public:
    static Prng from_environment();
    explicit Prng(std::uint64_t seed) : seed_(seed), random_(seed) {}

    std::uint64_t seed() const { return seed_; }
    std::uint64_t next() { return random_.next(); }
    unsigned below(unsigned bound) { return static_cast<unsigned>(random_.below(bound)); }
    Buffer bytes(std::size_t size);
    Random& random() { return random_; }

private:
    std::uint64_t seed_;
    SeededRandom random_;
};

}  // namespace softpos::testing
