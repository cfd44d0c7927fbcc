// All formats are one row of half bytes: control, length, digits, filling. Decoding looks at every
// one of them and answers once; what is secret picks masks, never a branch.
#include "crypto/pin_block.h"

#include "base/check.h"

#include <algorithm>
#include <utility>

namespace softpos::crypto {
namespace {

constexpr std::size_t header_nibbles = 2;     // Control and length.
constexpr std::size_t iso4_pin_nibbles = 16;  // Behind these format 4 has random bytes.
constexpr std::size_t pan_nibbles = 12;       // Of the PAN without its check digit.
constexpr std::uint8_t filling_fixed = 0xF;   // Formats 0 and 2, and SM4.
constexpr std::uint8_t filling_iso4 = 0xA;
constexpr std::uint8_t filling_random_min = 0xA;  // Format 3: A to F.

using Mask = std::uint32_t;  // All ones or all zeros.

constexpr Mask mask_less(Mask a, Mask b) {  // For small numbers.
    return Mask{0} - ((a - b) >> 31);
}
constexpr Mask mask_not_equal(Mask a, Mask b) {
    return ~mask_less(a ^ b, 1);
}

// A block taken apart, one half byte in each element; wiped.
struct Nibbles {
    std::array<std::uint8_t, 2 * block_bytes_max> at{};
    std::size_t count;

    explicit Nibbles(std::size_t bytes) : count(2 * bytes) {}
    explicit Nibbles(Bytes block) : count(2 * block.size()) {
        for (std::size_t i = 0; i < block.size(); ++i) {
            at[2 * i] = block[i] >> 4;
            at[2 * i + 1] = block[i] & 0xF;
        }
    }
    Nibbles(const Nibbles&) = delete;
    Nibbles& operator=(const Nibbles&) = delete;
    ~Nibbles() { wipe(at); }

    void pack(std::span<std::uint8_t> out) const {
        for (std::size_t i = 0; i < out.size(); ++i) {
            out[i] = static_cast<std::uint8_t>(at[2 * i] << 4 | at[2 * i + 1]);
        }
    }

    // The twelve digits before the check digit over the last half bytes; missing ones are zero.
    void mix_pan(std::string_view pan) {
        pan.remove_suffix(1);
        pan.remove_prefix(pan.size() - std::min(pan.size(), pan_nibbles));
        std::size_t place = count - pan.size();
        for (const char digit : pan) {
            at[place] = static_cast<std::uint8_t>(at[place] ^ (digit - '0'));
            ++place;
        }
    }
};

constexpr std::uint8_t control_of(PinFormat format) {
    switch (format) {
        case PinFormat::iso0:
        case PinFormat::unionpay_sm4:
            return 0;
        case PinFormat::iso1:
            return 1;
        case PinFormat::iso2:
            return 2;
        case PinFormat::iso3:
            return 3;
        case PinFormat::iso4:
            return 4;
    }
    return 0;
}

// Which half bytes may stand behind the digits.
struct Filling {
    std::uint8_t min, max;
};
constexpr Filling filling_of(PinFormat format, std::size_t place) {
    switch (format) {
        case PinFormat::iso0:
        case PinFormat::iso2:
        case PinFormat::unionpay_sm4:
            return {filling_fixed, filling_fixed};
        case PinFormat::iso1:
            return {0, 0xF};
        case PinFormat::iso3:
            return {filling_random_min, 0xF};
        case PinFormat::iso4:
            if (place < iso4_pin_nibbles) return {filling_iso4, filling_iso4};
            return {0, 0xF};
    }
    return {0, 0};
}

// One random number serves a whole block: the 16 half bytes of format 4 use all of it, and the ten
// of format 3 leave so much over that none is likelier than another by more than 2^-38.
void fill_up(PinFormat format, std::size_t from, Nibbles& block, Random& random) {
    std::uint64_t number = 0;
    if (format != PinFormat::iso0 && format != PinFormat::iso2 &&
        format != PinFormat::unionpay_sm4) {
        for (const std::uint8_t byte : random.take<8>()) number = number << 8 | byte;
    }
    for (std::size_t i = from; i < block.count; ++i) {
        const Filling filling = filling_of(format, i);
        const std::uint64_t choices = filling.max - filling.min + 1U;
        block.at[i] = static_cast<std::uint8_t>(filling.min + number % choices);
        number /= choices;
    }
}

std::unexpected<Error> refused() {
    return fail(ErrorKind::denied, "pin block: refused");
}

void mix(std::span<std::uint8_t> to, Bytes from) {
    for (std::size_t i = 0; i < from.size(); ++i)
        to[i] = static_cast<std::uint8_t>(to[i] ^ from[i]);
}

// What must be right before anything secret is touched; the caller's own part.
Result<void> check_call(PinFormat format, const BlockKey& key, const Pan* pan) {
    if (format == PinFormat::iso2) return fail(ErrorKind::unsupported, "pin block: format 2");
    if (key.cipher() != pin_cipher(format)) return fail(ErrorKind::malformed, "pin block: cipher");
    if (binds_pan(format) && pan == nullptr) return fail(ErrorKind::malformed, "pin block: no pan");
    return {};
}

}  // namespace

struct PinMaker {
    // Digits of `size`, each 0 to 9; behind them zero.
    static Pin make(const Nibbles& block, std::size_t size) {
        Pin pin;
        pin.size_ = size;
        for (std::size_t i = 0; i < Pin::digits_max; ++i) {
            const Mask inside = mask_less(static_cast<Mask>(i), static_cast<Mask>(size));
            const Mask digit = block.at[header_nibbles + i] + Mask{'0'};
            pin.digits_[i] = static_cast<std::uint8_t>(digit & inside);
        }
        return pin;
    }
};

Result<Pin> Pin::parse(Bytes ascii_digits) {
    if (ascii_digits.size() < digits_min || ascii_digits.size() > digits_max) {
        return fail(ErrorKind::malformed, "pin: number of digits");
    }
    Pin pin;
    pin.size_ = ascii_digits.size();
    std::ranges::copy(ascii_digits, pin.digits_.begin());
    Mask bad = 0;
    for (const std::uint8_t byte : ascii_digits) bad |= mask_less(9, Mask{byte} ^ Mask{'0'});
    if (bad != 0) return fail(ErrorKind::malformed, "pin: not a digit");
    return pin;
}

Pin::Pin(Pin&& other) noexcept : digits_(other.digits_), size_(std::exchange(other.size_, 0)) {
    wipe(other.digits_);
}

Pin& Pin::operator=(Pin&& other) noexcept {
    if (this == &other) return *this;
    digits_ = other.digits_;
    size_ = std::exchange(other.size_, 0);
    wipe(other.digits_);
    return *this;
}

Pin::~Pin() {
    wipe(digits_);
}

bool Pin::same_as(const Pin& other) const {
    const bool same = equal_constant_time(digits_, other.digits_);
    return same && size_ == other.size_;
}

ClearPinBlock encode_pin_block(PinFormat format, const Pin& pin, const Pan* pan, Random& random) {
    CHECK(!binds_pan(format) || pan != nullptr);
    CHECK(pin.size() >= Pin::digits_min);  // Not one that was moved from.
    Nibbles block(pin_block_bytes(format));
    block.at[0] = control_of(format);
    block.at[1] = static_cast<std::uint8_t>(pin.size());
    std::size_t place = header_nibbles;
    for (const std::uint8_t digit : pin.clear_digits()) block.at[place++] = digit & 0xF;
    fill_up(format, place, block, random);
    if (binds_pan(format) && format != PinFormat::iso4) block.mix_pan(pan->clear_digits());
    ClearPinBlock clear(pin_block_bytes(format));
    block.pack(clear.writable());
    return clear;
}

Result<Pin> decode_pin_block(PinFormat format, Bytes clear, const Pan* pan) {
    CHECK(!binds_pan(format) || format == PinFormat::iso4 || pan != nullptr);
    if (clear.size() != pin_block_bytes(format)) return refused();
    Nibbles block(clear);
    if (binds_pan(format) && format != PinFormat::iso4) block.mix_pan(pan->clear_digits());
    const Mask size = block.at[1];
    Mask bad = mask_not_equal(block.at[0], control_of(format));
    bad |= mask_less(size, Pin::digits_min) | mask_less(Pin::digits_max, size);
    for (std::size_t i = header_nibbles; i < block.count; ++i) {
        const Mask nibble = block.at[i];
        const Mask inside = mask_less(static_cast<Mask>(i - header_nibbles), size);
        const Filling filling = filling_of(format, i);
        bad |= inside & mask_less(9, nibble);
        bad |= ~inside & (mask_less(nibble, filling.min) | mask_less(filling.max, nibble));
    }
    // A length that is not one must not be used as one, not even for what is thrown away.
    Pin pin = PinMaker::make(block, static_cast<std::size_t>(size & ~bad));
    if (bad != 0) return refused();
    return pin;
}

Result<std::array<std::uint8_t, 16>> iso4_pan_field(std::string_view pan_digits) {
    const bool decimal =
        std::ranges::all_of(pan_digits, [](char c) { return c >= '0' && c <= '9'; });
    if (pan_digits.empty() || pan_digits.size() > Pan::digits_max || !decimal) {
        return fail(ErrorKind::malformed, "pin block: pan");
    }
    Nibbles field(block_bytes_max);
    const std::size_t size = std::max(pan_digits.size(), pan_nibbles);
    field.at[0] = static_cast<std::uint8_t>(size - pan_nibbles);
    std::size_t place = 1 + size - pan_digits.size();
    for (const char digit : pan_digits) field.at[place++] = static_cast<std::uint8_t>(digit - '0');
    std::array<std::uint8_t, block_bytes_max> out{};
    field.pack(out);
    return out;
}

Result<PinBlock> encrypt_pin(PinFormat format, const BlockKey& key, const Pin& pin, const Pan* pan,
                             Random& random) {
    TRY_VOID(check_call(format, key, pan));
    const ClearPinBlock clear = encode_pin_block(format, pin, pan, random);
    PinBlock out(clear.bytes().size());
    key.encrypt_block(clear.bytes(), out.writable());
    if (format == PinFormat::iso4) {
        const auto field = TRY(iso4_pan_field(pan->clear_digits()));
        mix(out.writable(), field);
        key.encrypt_block(out.bytes(), out.writable());
    }
    return out;
}

Result<Pin> decrypt_pin(PinFormat format, const BlockKey& key, Bytes block, const Pan* pan) {
    TRY_VOID(check_call(format, key, pan));
    if (block.size() != pin_block_bytes(format)) return refused();
    ClearPinBlock clear(block.size());
    key.decrypt_block(block, clear.writable());
    if (format == PinFormat::iso4) {
        const auto field = TRY(iso4_pan_field(pan->clear_digits()));
        mix(clear.writable(), field);
        key.decrypt_block(clear.bytes(), clear.writable());
    }
    return decode_pin_block(format, clear.bytes(), pan);
}

bool may_translate(PinFormat from, PinFormat to) {
    if (from == PinFormat::iso2 || to == PinFormat::iso2) return false;
    return from == PinFormat::iso1 || binds_pan(to);
}

Result<PinBlock> translate_pin(const PinSide& from, Bytes block, const PinSide& to, const Pan* pan,
                               Random& random) {
    if (!may_translate(from.format, to.format)) {
        return fail(ErrorKind::denied, "pin block: change of format");
    }
    TRY_VOID(check_call(to.format, to.key, pan));
    const Pin pin = TRY(decrypt_pin(from.format, from.key, block, pan));
    return encrypt_pin(to.format, to.key, pin, pan, random);
}

}  // namespace softpos::crypto
