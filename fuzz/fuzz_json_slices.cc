// Fuzz: members of a JSON object as they stand, each a part of the text behind the one before.
// links: codec
#include "base/check.h"
#include "codec/json_slices.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto slices = codec::json_slices(text);
    if (!slices) {
        CHECK(slices.error().at <= size);
        return 0;
    }
    const char* at = text.data();
    for (const codec::JsonSlice& slice : *slices) {
        CHECK(slice.bytes.data() >= at && !slice.bytes.empty());
        at = slice.bytes.data() + slice.bytes.size();
        CHECK(at <= text.data() + size);
    }
    return 0;
}
