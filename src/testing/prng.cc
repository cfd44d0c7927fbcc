// Reads SEED; everything else is base's SeededRandom.
#include "testing/prng.h"

#include "base/check.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace softpos::testing {

Prng Prng::from_environment() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): read before any thread starts.
    const char* text = std::getenv("SEED");
    if (text == nullptr) return Prng(1);
    const std::string_view digits(text);
    std::uint64_t seed = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), seed);
    CHECK(parsed.ec == std::errc{});
    return Prng(seed);
}

Buffer Prng::bytes(std::size_t size) {
    Buffer out(size);
    random_.fill(out);
    return out;
}

}  // namespace softpos::testing
