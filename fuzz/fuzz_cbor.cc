// Any bytes: an item that is accepted lies inside the input, and is the one form of what it says.
// links: codec
#include "base/check.h"
#include "codec/cbor.h"

#include <algorithm>

namespace {

using softpos::codec::CborKind;
using softpos::codec::CborReader;
using softpos::codec::CborWriter;

// Reads one head and writes it again; strings with their bytes.
void copy_one(CborReader& in, CborWriter& out) {
    switch (in.peek().value()) {
        case CborKind::unsigned_number:
            return out.put_unsigned(in.take_unsigned().value());
        case CborKind::negative_number: {
            const auto value = in.take_integer();
            if (value) out.put_integer(*value);
            return;
        }
        case CborKind::bytes:
            return out.put_bytes(in.take_bytes(SIZE_MAX).value());
        case CborKind::text:
            return out.put_text(in.take_text(SIZE_MAX).value());
        case CborKind::array:
            return out.begin_array(in.take_array(SIZE_MAX).value());
        case CborKind::map:
            return out.begin_map(in.take_map(SIZE_MAX).value());
        case CborKind::simple:
            break;
    }
    if (in.take_null().value()) return out.put_null();
    out.put_bool(in.take_bool().value());
}

}  // namespace

// Shows: A8
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const softpos::Bytes input(data, size);
    CborReader reader(input);
    const auto item = reader.take_item();
    if (!item) {
        CHECK(item.error().at <= size);
        return 0;
    }
    CHECK(item->data() == data && item->size() == reader.position());
    softpos::Buffer again;
    CborWriter writer(again);
    CborReader in(*item);
    bool wide = false;  // A negative number below 64 bits with a sign.
    while (in.position() < item->size() && !wide) {
        const std::size_t before = again.size();
        copy_one(in, writer);
        wide = again.size() == before;
    }
    CHECK(wide || std::ranges::equal(again, *item));
    return 0;
}
