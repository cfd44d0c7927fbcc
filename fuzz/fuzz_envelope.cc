// Foreign bytes as an envelope: what opens must have been sealed, and nothing else opens.
// links: crypto
#include "base/check.h"
#include "crypto/envelope.h"

using namespace softpos;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const crypto::P256Key key = [] {
        auto made = crypto::P256Key::generate();
        CHECK(made.has_value());
        return std::move(*made);
    }();
    const Bytes input(data, size);
    // Nobody guesses a tag: a foreign envelope never opens.
    const auto foreign = crypto::open_envelope(key, bytes_of("fuzz"), input);
    CHECK(!foreign.has_value());
    CHECK(foreign.error().kind == ErrorKind::malformed ||
          foreign.error().kind == ErrorKind::denied);

    const auto sealed = crypto::seal_to(key.public_point(), bytes_of("fuzz"), input);
    CHECK(sealed.has_value() ==
          (size <= crypto::envelope_bytes_max - crypto::envelope_overhead_bytes));
    if (!sealed) return 0;
    const auto opened = crypto::open_envelope(key, bytes_of("fuzz"), *sealed);
    CHECK(opened.has_value() && equal_constant_time(opened->bytes(), input));
    return 0;
}
