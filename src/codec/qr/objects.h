// The layer below every merchant-presented code: a text of objects, each two digits of id, two
// digits of length, and that many characters. Reads in place, allocates nothing.
//
// Spec: [EMV-QR-MPM] 3.
#pragma once

#include "codec/qr/qr_fault.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace softpos::qr {

constexpr std::size_t value_characters_max = 99;  // Two digits of length.

// One object. `value` is borrowed from the reader's text.
struct Object {
    unsigned id;
    std::string_view value;
    std::size_t at;        // Where its id begins in the whole text.
    std::size_t value_at;  // And where its value does.
};

// Walks the objects of one level. A length counts characters and not bytes, so the text has to be
// UTF-8. A fault is final: nobody knows where the object behind a broken one begins.
//
//     ObjectReader reader(text);
//     while (const auto object = TRY(reader.next())) { ... }
class ObjectReader {
public:
    // `at` and `within` say where the text stands in the code, for faults.
    explicit ObjectReader(std::string_view text, std::size_t at = 0, unsigned within = 0)
        : text_(text), base_(at), within_(within) {}

    QrResult<std::optional<Object>> next();

private:
    QrResult<Object> read();
    QrResult<unsigned> take_number(Rule rule, unsigned id);

    std::string_view text_;
    std::size_t base_;
    unsigned within_;
    std::size_t position_ = 0;
};

// How many characters a text has; nullopt where it is not UTF-8 (overlong forms, surrogates and
// what lies above U+10FFFF among it). Spec: [RFC-3629] 4.
std::optional<std::size_t> utf8_characters(std::string_view text);
// Where the first byte lies that is not UTF-8; the size of the text where all is.
std::size_t utf8_valid_bytes(std::string_view text);

// Appends one object. value_length for more than value_characters_max, encoding for no UTF-8.
QrResult<void> put_object(std::string& to, unsigned id, std::string_view value);

// CRC-16 with polynomial 1021 from FFFF, bits not reflected: 29B1 of "123456789". Finds a misread,
// not a forger. Spec: [EMV-QR-MPM] 4.7.3.
std::uint16_t crc16(std::string_view text);
std::string crc_text(std::string_view text);  // Four digits of upper-case hex.

}  // namespace softpos::qr
