// Tag and length decide everything; what an object means is the caller's.
#include "codec/der.h"

#include "base/check.h"

#include <array>
#include <charconv>
#include <limits>

namespace softpos::codec {
namespace {

constexpr std::uint8_t constructed_bit = 0x20;
constexpr std::uint8_t high_number = 0x1F;  // The number follows in bytes of its own.
constexpr std::size_t length_bytes_max = 4;
constexpr std::size_t oid_bytes_max = 64;

// Seven bits a byte, the highest bit says that more follow; as in tag numbers and identifiers.
// Nothing where a leading byte says nothing, it does not end, or it is over 32 bits.
std::optional<std::uint32_t> take_base128(ByteReader& in) {
    std::uint32_t number = 0;
    for (bool first = true;; first = false) {
        const auto byte = in.take_byte();
        if (!byte || (first && *byte == 0x80) || number >> 25U != 0) return std::nullopt;
        number = number << 7U | (*byte & 0x7FU);
        if ((*byte & 0x80U) == 0) return number;
    }
}

void put_base128(Buffer& out, std::uint32_t number) {
    unsigned shift = 0;
    while (shift < 28 && number >> (shift + 7) != 0) shift += 7;
    for (; shift > 0; shift -= 7) {
        out.push_back(static_cast<std::uint8_t>(0x80U | (number >> shift & 0x7FU)));
    }
    out.push_back(static_cast<std::uint8_t>(number & 0x7FU));
}

}  // namespace

Result<void> DerReader::quirk(unsigned DerQuirks::*count, Literal what, std::size_t at) {
    if (quirks_ == nullptr) return refuse(ErrorKind::malformed, what, at);
    if (quirks_->count() == 0) quirks_->first_at = static_cast<std::uint32_t>(at);
    ++(quirks_->*count);
    return {};
}

Result<DerTag> DerReader::take_tag() {
    const std::size_t at = position();
    const auto first = in_.take_byte();
    if (!first) return refuse(ErrorKind::malformed, "der: ends too soon", at);
    DerTag tag{static_cast<DerClass>(*first >> 6U), (*first & constructed_bit) != 0,
               *first & std::uint32_t{high_number}};
    if (tag.number != high_number) return tag;
    const auto number = take_base128(in_);
    // Spec: [X690] 8.1.2.4.
    if (!number || *number < high_number || *number > tag_number_max) {
        return refuse(ErrorKind::malformed, "der: tag number", at);
    }
    tag.number = *number;
    return tag;
}

Result<std::size_t> DerReader::take_length() {
    const std::size_t at = position();
    const auto first = in_.take_byte();
    if (!first) return refuse(ErrorKind::malformed, "der: ends too soon", at);
    if (*first < 0x80) return *first;
    if (*first == 0x80) return refuse(ErrorKind::malformed, "der: indefinite length", at);
    const std::size_t count = *first & 0x7FU;
    if (count > length_bytes_max) return refuse(ErrorKind::malformed, "der: length", at);
    const auto digits = in_.take(count);
    if (!digits) return refuse(ErrorKind::malformed, "der: ends too soon", at);
    std::size_t length = 0;
    for (const std::uint8_t digit : *digits) length = length << 8U | digit;
    // Spec: [X690] 10.1.
    if (length < 0x80 || digits->front() == 0) {
        TRY_VOID(quirk(&DerQuirks::long_lengths, "der: length longer than needed", at));
    }
    return length;
}

Result<DerTag> DerReader::peek() const {
    DerReader copy = *this;
    return copy.take_tag();
}

Result<DerObject> DerReader::take() {
    if (too_large_) return refuse(ErrorKind::denied, "der: too large", base_);
    const Bytes rest = in_.rest();
    DerObject object;
    object.at = position();
    object.tag = TRY(take_tag());
    const std::size_t length = TRY(take_length());
    object.content_at = position();
    const auto content = in_.take(length);
    if (!content) return refuse(ErrorKind::malformed, "der: ends too soon", object.at);
    object.content = *content;
    object.whole = rest.first(position() - object.at);
    return object;
}

Result<DerObject> DerReader::take(DerTag expected) {
    const std::size_t at = position();
    DerObject object = TRY(take());
    if (object.tag != expected) {
        return fail(ErrorKind::malformed, "der: other tag than expected", object.tag.number, at);
    }
    return object;
}

Result<std::optional<DerObject>> DerReader::take_if(DerTag wanted) {
    if (empty()) return std::nullopt;
    const DerTag next = TRY(peek());
    if (next != wanted) return std::nullopt;
    return TRY(take());
}

Result<DerReader> DerReader::inside(const DerObject& object) const {
    if (!object.tag.constructed && object.tag != der::octet_string) {
        return refuse(ErrorKind::malformed, "der: nothing inside", object.at);
    }
    if (depth_ + 1 >= depth_max) return refuse(ErrorKind::denied, "der: too deep", object.at);
    DerReader inner(object.content, quirks_);
    inner.base_ = object.content_at;
    inner.depth_ = depth_ + 1;
    return inner;
}

Result<DerReader> DerReader::enter(DerTag expected) {
    return inside(TRY(take(expected)));
}

// Content octets of a number, checked to be there, shortest and not negative.
Result<Bytes> DerReader::integer_bytes(DerTag kind) {
    const DerObject object = TRY(take(kind));
    const Bytes bytes = object.content;
    if (bytes.empty()) return refuse(ErrorKind::malformed, "der: number without bytes", object.at);
    if (bytes.front() >= 0x80) {
        return refuse(ErrorKind::malformed, "der: negative number", object.at);
    }
    if (bytes.size() > 1 && bytes[0] == 0 && bytes[1] < 0x80) {
        TRY_VOID(quirk(&DerQuirks::long_integers, "der: number longer than needed", object.at));
    }
    std::size_t zeros = 0;
    while (zeros < bytes.size() && bytes[zeros] == 0) ++zeros;
    return bytes.subspan(zeros);
}

Result<std::uint64_t> DerReader::take_unsigned(DerTag kind) {
    const std::size_t at = position();
    const Bytes bytes = TRY(integer_bytes(kind));
    if (bytes.size() > sizeof(std::uint64_t)) {
        return refuse(ErrorKind::malformed, "der: number over 64 bits", at);
    }
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes) value = value << 8U | byte;
    return value;
}

Result<Bytes> DerReader::take_magnitude() {
    return integer_bytes(der::integer);
}

Result<bool> DerReader::take_boolean() {
    const DerObject object = TRY(take(der::boolean));
    if (object.content.size() != 1) return refuse(ErrorKind::malformed, "der: boolean", object.at);
    const std::uint8_t value = object.content.front();
    if (value != 0x00 && value != 0xFF) {
        TRY_VOID(quirk(&DerQuirks::odd_booleans, "der: boolean", object.at));
    }
    return value != 0;
}

Result<void> DerReader::take_null() {
    const DerObject object = TRY(take(der::null));
    if (!object.content.empty()) return refuse(ErrorKind::malformed, "der: null", object.at);
    return {};
}

Result<Bytes> DerReader::take_octets() {
    return TRY(take(der::octet_string)).content;
}

Result<Bytes> DerReader::take_oid() {
    const DerObject object = TRY(take(der::object_identifier));
    const auto text = oid_text(object.content);
    if (!text) return refuse(ErrorKind::malformed, "der: object identifier", object.at);
    return object.content;
}

Result<Bytes> DerReader::take_bits() {
    const DerObject object = TRY(take(der::bit_string));
    if (object.content.empty() || object.content.front() != 0) {
        return refuse(ErrorKind::malformed, "der: bits are no whole bytes", object.at);
    }
    return object.content.subspan(1);
}

Result<void> DerReader::end() const {
    if (too_large_) return refuse(ErrorKind::denied, "der: too large", base_);
    if (empty()) return {};
    return refuse(ErrorKind::malformed, "der: bytes left over", position());
}

Result<void> check_der(Bytes input, DerQuirks* quirks) {
    std::array<DerReader, DerReader::depth_max> open{DerReader(input, quirks),
                                                     DerReader({}),
                                                     DerReader({}),
                                                     DerReader({}),
                                                     DerReader({}),
                                                     DerReader({}),
                                                     DerReader({}),
                                                     DerReader({}),
                                                     DerReader({}),
                                                     DerReader({}),
                                                     DerReader({}),
                                                     DerReader({}),
                                                     DerReader({}),
                                                     DerReader({}),
                                                     DerReader({}),
                                                     DerReader({})};
    unsigned depth = 0;
    while (true) {
        if (open[depth].empty()) {
            if (depth == 0) return {};
            --depth;
            continue;
        }
        const DerObject object = TRY(open[depth].take());
        if (!object.tag.constructed) continue;
        open[depth + 1] = TRY(open[depth].inside(object));  // Refuses what is too deep.
        ++depth;
    }
}

Result<std::string> oid_text(Bytes encoded) {
    ByteReader in(encoded);
    if (encoded.empty() || encoded.size() > oid_bytes_max) {
        return fail(ErrorKind::malformed, "der: object identifier");
    }
    std::string text;
    while (!in.empty()) {
        const std::size_t at = in.position();
        const auto arc = take_base128(in);
        if (!arc) return fail(ErrorKind::malformed, "der: object identifier", 0, at);
        if (text.empty()) {  // The first two arcs share a number. Spec: [X690] 8.19.4.
            const std::uint32_t first = *arc < 80 ? *arc / 40 : 2;
            text = std::to_string(first) + '.' + std::to_string(*arc - 40 * first);
        } else {
            text += '.' + std::to_string(*arc);
        }
    }
    return text;
}

Result<Buffer> oid_bytes(std::string_view text) {
    Buffer out;
    std::uint32_t first = 0;
    const char* at = text.data();
    const char* const end = at + text.size();
    for (unsigned index = 0;; ++index) {
        std::uint32_t arc = 0;
        const auto [next, error] = std::from_chars(at, end, arc);
        const auto offset = static_cast<std::size_t>(at - text.data());
        const bool in_range =
            index == 0   ? arc <= 2
            : index == 1 ? arc < (first < 2 ? 40 : std::numeric_limits<std::uint32_t>::max() - 80)
                         : true;
        if (error != std::errc() || !in_range || out.size() > oid_bytes_max) {
            return fail(ErrorKind::malformed, "oid: not an object identifier", 0, offset);
        }
        if (index == 0) first = arc;
        if (index == 1) put_base128(out, 40 * first + arc);
        if (index > 1) put_base128(out, arc);
        if (next == end && index > 0) return out;
        if (next == end || *next != '.') {
            return fail(ErrorKind::malformed, "oid: not an object identifier", 0, offset);
        }
        at = next + 1;
    }
}

void DerWriter::put(DerTag tag, Bytes content) {
    const auto top = static_cast<std::uint8_t>(static_cast<unsigned>(tag.klass) << 6U |
                                               (tag.constructed ? constructed_bit : 0U));
    if (tag.number < high_number) {
        out_.push_back(static_cast<std::uint8_t>(top | tag.number));
    } else {
        out_.push_back(top | high_number);
        put_base128(out_, tag.number);
    }
    if (content.size() < 0x80) {
        out_.push_back(static_cast<std::uint8_t>(content.size()));
    } else {
        CHECK(content.size() >> 32U == 0);
        unsigned count = 1;
        while (content.size() >> (8 * count) != 0) ++count;
        out_.push_back(static_cast<std::uint8_t>(0x80U | count));
        while (count-- > 0)
            out_.push_back(static_cast<std::uint8_t>(content.size() >> (8 * count)));
    }
    append(out_, content);
}

void DerWriter::put_unsigned(DerTag kind, std::uint64_t value) {
    std::array<std::uint8_t, 9> bytes{};  // One more, so that the sign bit is free.
    for (std::size_t i = 0; i < 8; ++i) bytes[8 - i] = static_cast<std::uint8_t>(value >> (8 * i));
    std::size_t skip = 0;
    while (skip < 8 && bytes[skip] == 0 && bytes[skip + 1] < 0x80) ++skip;
    put(kind, Bytes(bytes).subspan(skip));
}

void DerWriter::put_magnitude(Bytes big_endian) {
    while (!big_endian.empty() && big_endian.front() == 0) big_endian = big_endian.subspan(1);
    Buffer bytes;
    if (big_endian.empty() || big_endian.front() >= 0x80) bytes.push_back(0);
    append(bytes, big_endian);
    put(der::integer, bytes);
}

void DerWriter::put_boolean(bool value) {
    const std::uint8_t byte = value ? 0xFF : 0x00;
    put(der::boolean, Bytes(&byte, 1));
}

void DerWriter::put_oid(std::string_view text) {
    const auto bytes = oid_bytes(text);
    CHECK(bytes.has_value());
    put(der::object_identifier, *bytes);
}

}  // namespace softpos::codec
