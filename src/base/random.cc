// The system's generator, and a seeded one.
#include "base/random.h"

#include "base/check.h"

#include <cerrno>
#include <sys/random.h>

namespace softpos {

void SystemRandom::fill(std::span<std::uint8_t> out) {
    while (!out.empty()) {
        const auto got = ::getrandom(out.data(), out.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        CHECK(got > 0);
        out = out.subspan(static_cast<std::size_t>(got));
    }
}

std::uint64_t SeededRandom::next() {
    state_ += 0x9E3779B97F4A7C15;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB;
    return mixed ^ mixed >> 31;
}

void SeededRandom::fill(std::span<std::uint8_t> out) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
        if (i % 8 == 0) word = next();
        out[i] = static_cast<std::uint8_t>(word >> (8 * (i % 8)));
    }
}

}  // namespace softpos
