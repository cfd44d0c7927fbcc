// Whatever stands in a dialect file: a table that loads can carry a message of all its fields.
// links: codec
#include "base/check.h"
#include "codec/iso8583.h"

#include <algorithm>

namespace {

using softpos::codec::IsoMessage;

void fill(IsoMessage& message) {
    const softpos::Buffer bytes(softpos::codec::iso_value_size_max, '1');
    for (unsigned field = 2; field <= softpos::codec::iso_field_max; ++field) {
        const auto& spec = message.dialect().field(field);
        if (!spec.defined) continue;
        CHECK(spec.size_min >= 1 && spec.size_min <= spec.size_max);
        const auto value = softpos::Bytes(bytes).first(spec.size_min);
        const bool binary = spec.encoding == softpos::codec::FieldEncoding::binary;
        const bool odd = spec.counts_other_unit && !binary && spec.size_min % 2 != 0;
        const auto set =
            binary ? message.set_binary(field, value) : message.set(field, softpos::text_of(value));
        CHECK(set.has_value() != odd || set.error().kind == softpos::ErrorKind::denied);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto dialect =
        softpos::codec::Dialect::parse({reinterpret_cast<const char*>(data), size});
    if (!dialect) return 0;
    IsoMessage message(*dialect);
    const char mti[] = {dialect->version(), '2', '0', '0'};
    CHECK(message.set_mti({mti, sizeof mti}).has_value());
    fill(message);
    std::array<std::uint8_t, softpos::codec::iso_message_bytes_max> out;
    const auto packed = pack(message, out);
    if (!packed) return 0;
    IsoMessage read(*dialect);
    CHECK(unpack(softpos::Bytes(out).first(*packed), read).has_value());
    message.for_each([&](unsigned field) { CHECK(read.text(field) == message.text(field)); });
    return 0;
}
