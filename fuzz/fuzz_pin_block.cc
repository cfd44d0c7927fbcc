// Foreign bytes as PIN blocks in clear: what is accepted encodes to the same digits again, and is
// accepted for no other PAN that it is bound to.
// links: crypto
#include "base/check.h"
#include "crypto/pin_block.h"

using namespace softpos;
using namespace softpos::crypto;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto format = static_cast<PinFormat>(data[0] % 6);
    const Bytes block(data + 1, size - 1);
    static const Pan pan = *Pan::parse("6217000123456789019");
    const auto pin = decode_pin_block(format, block, &pan);
    if (!pin) {
        CHECK(pin.error().kind == ErrorKind::denied);
        return 0;
    }
    CHECK(block.size() == pin_block_bytes(format));
    CHECK(pin->size() >= Pin::digits_min && pin->size() <= Pin::digits_max);
    const auto again = Pin::parse(pin->clear_digits());
    CHECK(again && again->same_as(*pin));
    SeededRandom random(size);
    const ClearPinBlock made = encode_pin_block(format, *pin, &pan, random);
    const auto back = decode_pin_block(format, made.bytes(), &pan);
    CHECK(back && back->same_as(*pin));
    const bool fixed =
        format == PinFormat::iso0 || format == PinFormat::iso2 || format == PinFormat::unionpay_sm4;
    CHECK(!fixed || equal_constant_time(made.bytes(), block));
    return 0;
}
