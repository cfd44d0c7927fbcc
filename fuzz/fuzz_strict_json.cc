// Whatever a peer sends as a body: a reader that asked for nothing accepts only an empty object.
// links: codec
#include "base/check.h"
#include "codec/strict_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using softpos::codec::StrictJson;
    const std::string_view body(reinterpret_cast<const char*>(data), size);
    StrictJson nothing(body);
    if (const auto fault = nothing.finish()) {
        CHECK(fault->refusal == softpos::Refusal::bad_json ||
              fault->refusal == softpos::Refusal::unknown_field);
        CHECK(fault->field.size() <= 64);
    }
    StrictJson some(body);
    const auto amount = some.integer("a", -5, 5);
    const auto bytes = some.hex("h", 1, 3);
    if (!some.finish()) CHECK(amount >= -5 && amount <= 5 && !bytes.empty() && bytes.size() <= 3);
    return 0;
}
