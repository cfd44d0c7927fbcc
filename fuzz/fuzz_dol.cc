// Whatever list a card sends: filling gives exactly as many bytes as the entries ask for.
// links: codec
#include "base/check.h"
#include "codec/dol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using softpos::codec::DataFormat;
    if (size == 0) return 0;
    const softpos::Bytes dol(data + 1, size - 1);
    const auto format = static_cast<DataFormat>(*data % 4);
    std::size_t asked = 0;
    const auto look_up = [&](softpos::codec::Tag tag) -> std::optional<softpos::codec::DolValue> {
        if (static_cast<std::uint32_t>(tag) % 3 == 0) return std::nullopt;
        return softpos::codec::DolValue{dol.first(dol.size() % 40), format};
    };
    softpos::codec::DolReader reader(dol);
    while (true) {
        const auto entry = reader.next();
        if (!entry) {
            CHECK(!reader.next().value().has_value());
            softpos::Buffer out;
            CHECK(!softpos::codec::fill_dol(dol, look_up, out));
            return 0;
        }
        if (!*entry) break;
        asked += (*entry)->size;
    }
    softpos::Buffer out;
    const auto filled = softpos::codec::fill_dol(dol, look_up, out);
    CHECK(filled.has_value() == (asked <= softpos::codec::dol_filled_bytes_max));
    if (filled) CHECK(out.size() == asked);
    return 0;
}
