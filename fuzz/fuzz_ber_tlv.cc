// Whatever a card sends: objects lie inside the input, in order and apart, and are found again.
// links: codec
#include "base/check.h"
#include "codec/ber_tlv.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const softpos::Bytes input(data, size);
    const std::uint8_t* end_of_last = data;
    softpos::codec::TlvReader reader(input);
    while (true) {
        const auto object = reader.next();
        if (!object) {
            CHECK(object.error().at <= size);
            CHECK(!reader.next().value().has_value());
            return 0;
        }
        if (!*object) return 0;
        const softpos::Bytes value = (*object)->value;
        CHECK(value.data() > end_of_last);
        end_of_last = value.data() + value.size();
        CHECK(end_of_last <= data + size);
        CHECK(softpos::codec::find_value(input, (*object)->tag).value().has_value());
    }
}
