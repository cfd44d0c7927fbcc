// DER as certificates and phone makers' statements use it: definite lengths, high tag numbers,
// bounded in size and depth. Reads in place, allocates nothing, never recurses.
//
// Spec: [X690] 8 and 10.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace softpos::codec {

enum class DerClass : std::uint8_t { universal, application, context, private_use };

struct DerTag {
    DerClass klass = DerClass::universal;
    bool constructed = false;
    std::uint32_t number = 0;

    friend bool operator==(const DerTag&, const DerTag&) = default;
};

namespace der {
constexpr DerTag boolean{DerClass::universal, false, 1};
constexpr DerTag integer{DerClass::universal, false, 2};
constexpr DerTag bit_string{DerClass::universal, false, 3};
constexpr DerTag octet_string{DerClass::universal, false, 4};
constexpr DerTag null{DerClass::universal, false, 5};
constexpr DerTag object_identifier{DerClass::universal, false, 6};
constexpr DerTag enumerated{DerClass::universal, false, 10};
constexpr DerTag utf8_string{DerClass::universal, false, 12};
constexpr DerTag sequence{DerClass::universal, true, 16};
constexpr DerTag set{DerClass::universal, true, 17};
constexpr DerTag context(std::uint32_t number) {  // [number] EXPLICIT
    return {DerClass::context, true, number};
}
}  // namespace der

// Where real devices depart from DER and still say clearly what they mean. Whoever hands one of
// these to a reader takes such input and learns of it; without one it is refused.
struct DerQuirks {
    unsigned long_lengths = 0;   // A length in more bytes than it needs.
    unsigned long_integers = 0;  // An integer with a leading byte that says nothing.
    unsigned odd_booleans = 0;   // TRUE as something else than FF.
    std::uint32_t first_at = 0;  // Byte offset of the first of them in the outermost input.

    unsigned count() const { return long_lengths + long_integers + odd_booleans; }
};

// One object. All bytes are borrowed from the reader's input.
struct DerObject {
    DerTag tag;
    Bytes content;
    Bytes whole;         // With tag and length.
    std::size_t at = 0;  // Where `whole` begins in the outermost input.
    std::size_t content_at = 0;
};

// Takes one object after the other off the front. An error names the offset in the outermost
// input.
//
//     DerReader in(extension);
//     DerReader description = TRY(in.enter(der::sequence));
//     TRY_VOID(in.end());
//     const std::uint64_t version = TRY(description.take_unsigned(der::integer));
class DerReader {
public:
    static constexpr unsigned depth_max = 16;
    static constexpr std::size_t bytes_max = 64UL * 1024;  // denied above.
    static constexpr std::uint32_t tag_number_max = (1U << 28U) - 1;

    // Strict without `quirks`, which must outlive the reader and all that it lets enter.
    explicit DerReader(Bytes input, DerQuirks* quirks = nullptr)
        : in_(input), quirks_(quirks), too_large_(input.size() > bytes_max) {}

    bool empty() const { return in_.empty(); }
    std::size_t position() const { return base_ + in_.position(); }
    Result<DerTag> peek() const;

    Result<DerObject> take();
    Result<DerObject> take(DerTag expected);  // malformed where another stands there.
    Result<std::optional<DerObject>> take_if(DerTag wanted);

    // A reader over what is inside of the next object; denied below depth_max.
    Result<DerReader> enter(DerTag expected);
    Result<DerReader> inside(const DerObject& object) const;

    // INTEGER or ENUMERATED, not negative.
    Result<std::uint64_t> take_unsigned(DerTag kind);
    // The bytes of an INTEGER of any size, not negative, without leading zeros; empty is zero.
    Result<Bytes> take_magnitude();
    Result<bool> take_boolean();
    Result<void> take_null();
    Result<Bytes> take_octets();  // OCTET STRING
    Result<Bytes> take_oid();     // As encoded; oid_text() makes it readable.
    Result<Bytes> take_bits();    // BIT STRING of whole bytes.
    Result<void> end() const;     // malformed where anything is left.

private:
    Result<DerTag> take_tag();
    Result<std::size_t> take_length();
    Result<Bytes> integer_bytes(DerTag kind);
    std::unexpected<Error> refuse(ErrorKind kind, Literal what, std::size_t at) const {
        return fail(kind, what, 0, at);
    }
    Result<void> quirk(unsigned DerQuirks::*count, Literal what, std::size_t at);

    ByteReader in_;
    DerQuirks* quirks_;
    std::size_t base_ = 0;
    unsigned depth_ = 0;
    bool too_large_;
};

// Passes over everything inside, at any depth; for whoever must know that bytes are DER at all.
Result<void> check_der(Bytes input, DerQuirks* quirks = nullptr);

// "1.3.6.1.4.1.11129.2.1.17"; malformed where the encoding is none, or an arc is over 32 bits.
Result<std::string> oid_text(Bytes encoded);
// The other way; malformed where the text is none.
Result<Buffer> oid_bytes(std::string_view text);

// Appends objects in DER.
class DerWriter {
public:
    explicit DerWriter(Buffer& out) : out_(out) {}

    void put(DerTag tag, Bytes content);
    void put_unsigned(DerTag kind, std::uint64_t value);  // INTEGER or ENUMERATED
    void put_magnitude(Bytes big_endian);                 // INTEGER, not negative.
    void put_boolean(bool value);
    void put_null() { put(der::null, {}); }
    void put_octets(Bytes value) { put(der::octet_string, value); }
    void put_oid(std::string_view text);  // CHECKs that it is one.

private:
    Buffer& out_;
};

}  // namespace softpos::codec
