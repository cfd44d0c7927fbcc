// Any bytes: what is accepted lies inside the input, and strictly read it is the one form of what
// it says.
// links: codec
#include "base/check.h"
#include "codec/der.h"

#include <algorithm>

namespace {

using namespace softpos;         // NOLINT(google-build-using-namespace): one small program.
using namespace softpos::codec;  // NOLINT(google-build-using-namespace): as above.

// Writes one object again, with everything inside; the depth is bounded by the reader.
void copy_object(const DerReader& reader, const DerObject& object, Buffer& out) {
    if (!object.tag.constructed) return DerWriter(out).put(object.tag, object.content);
    Buffer inside;
    DerReader inner = reader.inside(object).value();
    while (!inner.empty()) {
        const DerObject part = inner.take().value();
        CHECK(part.whole.data() >= object.content.data());
        CHECK(part.whole.data() + part.whole.size() <=
              object.content.data() + object.content.size());
        copy_object(inner, part, inside);
    }
    DerWriter(out).put(object.tag, inside);
}

void check_values(Bytes input) {
    DerReader in(input);
    if (const auto number = in.take_unsigned(der::integer)) {
        Buffer again;
        DerWriter(again).put_unsigned(der::integer, *number);
        CHECK(std::ranges::equal(again, input.first(in.position())));
    }
    DerReader other(input);
    if (const auto oid = other.take_oid()) {
        CHECK(std::ranges::equal(oid_bytes(oid_text(*oid).value()).value(), *oid));
    }
}

}  // namespace

// Shows: A8
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input(data, size);
    check_values(input);
    DerQuirks quirks;
    const auto lenient = check_der(input, &quirks);
    const auto strict = check_der(input);
    CHECK(strict.has_value() == (lenient.has_value() && quirks.count() == 0) ||
          !lenient.has_value());
    if (!strict) {
        CHECK(strict.error().at <= size);
        return 0;
    }
    Buffer again;
    DerReader in(input);
    while (!in.empty()) {
        const DerObject object = in.take().value();
        copy_object(in, object, again);
    }
    CHECK(std::ranges::equal(again, input));
    return 0;
}
