// PINs on their way to the issuer: digits in and out of PIN blocks, and blocks from one key and
// format to another. A PIN exists in clear only between the decoding and the encoding of one call.
//
// Spec: [ISO-9564-1] 9.
#pragma once

#include "base/pan.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/cipher.h"

#include <array>
#include <cstdint>

namespace softpos::crypto {

// Four to twelve digits that cannot be printed, copied or compared by accident, and are wiped.
class Pin {
public:
    static constexpr std::size_t digits_min = 4;
    static constexpr std::size_t digits_max = 12;

    // malformed unless 4 to 12 decimal digits in ASCII.
    static Result<Pin> parse(Bytes ascii_digits);

    Pin(Pin&& other) noexcept;
    Pin& operator=(Pin&& other) noexcept;
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;
    ~Pin();

    std::size_t size() const { return size_; }
    Bytes clear_digits() const { return Bytes(digits_).first(size_); }  // ASCII. Never keep or log.
    bool same_as(const Pin& other) const;  // In the same time for any two PINs.

private:
    friend struct PinMaker;  // Of decoding.
    Pin() = default;
    std::array<std::uint8_t, digits_max> digits_{};  // What is behind size_ is zero.
    std::size_t size_ = 0;
};

enum class PinFormat : std::uint8_t {
    iso0,          // 8 bytes, bound to the PAN, filled up with F. TDES.
    iso1,          // 8 bytes, bound to nothing, filled up at random. TDES.
    iso2,          // 8 bytes, bound to nothing, always the same. For the chip of a card, in clear.
    iso3,          // 8 bytes, bound to the PAN, filled up at random. TDES.
    iso4,          // 16 bytes, bound to the PAN by a second encryption, filled up at random. AES.
    unionpay_sm4,  // Format 0 over 16 bytes. SM4. Spec: [CUP-POS] field 52.
};

constexpr bool binds_pan(PinFormat format) {
    return format != PinFormat::iso1 && format != PinFormat::iso2;
}
constexpr std::size_t pin_block_bytes(PinFormat format) {
    return format == PinFormat::iso4 || format == PinFormat::unionpay_sm4 ? 16 : 8;
}
// What encrypts it. Spec: [ISO-9564-1] 9.2.
constexpr Cipher pin_cipher(PinFormat format) {
    if (format == PinFormat::unionpay_sm4) return Cipher::sm4;
    return format == PinFormat::iso4 ? Cipher::aes : Cipher::tdes;
}

// A block in clear: the PIN is in it, so it is wiped.
class ClearPinBlock {
public:
    explicit ClearPinBlock(std::size_t size) : size_(size) {}
    ClearPinBlock(ClearPinBlock&& other) noexcept : bytes_(other.bytes_), size_(other.size_) {
        wipe(other.bytes_);
    }
    ClearPinBlock& operator=(ClearPinBlock&&) = delete;
    ~ClearPinBlock() { wipe(bytes_); }

    Bytes bytes() const { return Bytes(bytes_).first(size_); }
    std::span<std::uint8_t> writable() { return std::span(bytes_).first(size_); }

private:
    std::array<std::uint8_t, block_bytes_max> bytes_{};
    std::size_t size_;
};

// An encrypted block, 8 or 16 bytes.
class PinBlock {
public:
    explicit PinBlock(std::size_t size) : size_(size) {}
    Bytes bytes() const { return Bytes(bytes_).first(size_); }
    std::span<std::uint8_t> writable() { return std::span(bytes_).first(size_); }

private:
    std::array<std::uint8_t, block_bytes_max> bytes_{};
    std::size_t size_;
};

// The block in clear, of pin_block_bytes(format). With iso4 it is the PIN field alone: the PAN
// comes in at encryption. `pan` may be null where the format does not bind one, which is CHECKed.
ClearPinBlock encode_pin_block(PinFormat format, const Pin& pin, const Pan* pan, Random& random);

// denied, and one same error, whatever is wrong: size, format, length, a digit, the filling or the
// PAN. The work is the same for every block of a size, so that neither answer nor time tells what
// was wrong with a block that an attacker made up.
Result<Pin> decode_pin_block(PinFormat format, Bytes clear, const Pan* pan);

// The second field of format 4: how many digits above twelve, the PAN, zeros.
// malformed unless 1 to 19 digits, since the standard takes shorter ones than Pan does.
// Spec: [ISO-9564-1] 9.4.3.
Result<std::array<std::uint8_t, 16>> iso4_pan_field(std::string_view pan_digits);

// Encrypted with a key of pin_cipher(format), else malformed. iso2 is unsupported: it goes to the
// card in clear, or inside another message. malformed where a PAN is missing.
Result<PinBlock> encrypt_pin(PinFormat format, const BlockKey& key, const Pin& pin, const Pan* pan,
                             Random& random);
Result<Pin> decrypt_pin(PinFormat format, const BlockKey& key, Bytes block, const Pan* pan);

// Which format may become which on the way to the issuer. Formats that bind the PAN into each
// other; format 1 into all; nothing bound to a PAN into one that is not, since that block would
// serve for guessing; format 2 neither way. Spec: [ISO-9564-1] 9.5.
bool may_translate(PinFormat from, PinFormat to);

struct PinSide {
    PinFormat format;
    const BlockKey& key;
};
// One PAN for both sides: a call cannot carry a PIN over to another card. denied for a pair of
// formats that may_translate() refuses, before anything is decrypted; else as decrypt_pin().
Result<PinBlock> translate_pin(const PinSide& from, Bytes block, const PinSide& to, const Pan* pan,
                               Random& random);

}  // namespace softpos::crypto
