// Tag, length, value, in that order; stops at the first thing that EMV forbids.
#include "codec/ber_tlv.h"

#include "base/check.h"

#include <utility>

namespace softpos::codec {
namespace {

constexpr unsigned constructed_bit = 0x20;
constexpr unsigned number_mask = 0x1F;  // All ones: the number is in the following bytes.
constexpr unsigned more_bit = 0x80;     // Of a later tag byte, or the first length byte.

// A length that would fit in fewer bytes is accepted: only DER forbids it. Spec: [EMV-B3] B2.
Result<std::size_t> read_length(ByteReader& in, Tag tag) {
    const std::size_t start = in.position();
    const auto first = in.take_byte();
    if (!first) return fail(ErrorKind::malformed, "tlv: no length", std::to_underlying(tag), start);
    if ((*first & more_bit) == 0) return *first;

    const unsigned count = *first & ~more_bit;
    if (count == 0 || count >= TlvReader::length_bytes_max) {
        return fail(ErrorKind::unsupported, "tlv: length form", std::to_underlying(tag), start);
    }
    const auto bytes = in.take(count);
    if (!bytes) {
        return fail(ErrorKind::malformed, "tlv: length cut short", std::to_underlying(tag), start);
    }
    std::size_t length = 0;
    for (const std::uint8_t byte : *bytes) length = length << 8 | byte;
    return length;
}

Result<TlvObject> read_object(ByteReader& in) {
    const std::size_t start = in.position();
    const bool constructed = (*in.peek() & constructed_bit) != 0;
    const Tag tag = TRY(read_tag(in));
    const std::size_t length = TRY(read_length(in, tag));
    const auto value = in.take(length);
    if (!value) {
        return fail(ErrorKind::malformed, "tlv: value cut short", std::to_underlying(tag), start);
    }
    return TlvObject{tag, constructed, *value};
}

}  // namespace

Result<Tag> read_tag(ByteReader& in) {
    const std::size_t start = in.position();
    const auto first = in.take_byte();
    if (!first) return fail(ErrorKind::malformed, "tlv: no tag", 0, start);
    std::uint32_t tag = *first;
    bool more = (tag & number_mask) == number_mask;
    for (unsigned count = 1; more; ++count) {
        if (count == TlvReader::tag_bytes_max) {
            return fail(ErrorKind::unsupported, "tlv: tag too long", tag, start);
        }
        const auto byte = in.take_byte();
        if (!byte) return fail(ErrorKind::malformed, "tlv: tag cut short", tag, start);
        tag = tag << 8 | *byte;
        more = (*byte & more_bit) != 0;
    }
    return Tag{tag};
}

Result<std::optional<TlvObject>> TlvReader::next() {
    // 00 before, between and behind objects is what an erased object leaves. Spec: [EMV-B3] B1.
    while (in_.peek() == 0x00) in_.take_byte();
    if (in_.empty()) return std::nullopt;
    auto object = read_object(in_);
    if (!object) {
        in_.drop_all();
        return std::unexpected(object.error());
    }
    return *object;
}

Result<std::optional<Bytes>> find_value(Bytes input, Tag tag) {
    TlvReader reader(input);
    while (const auto object = TRY(reader.next())) {
        if (object->tag == tag) return object->value;
    }
    return std::nullopt;
}

void TlvWriter::put(Tag tag, Bytes value) {
    const auto number = std::to_underlying(tag);
    for (int shift = 24; shift >= 0; shift -= 8) {
        if (number >> shift != 0) out_.push_back(static_cast<std::uint8_t>(number >> shift));
    }
    CHECK(value.size() <= 0xFFFF);
    if (value.size() > 0xFF) {
        out_.push_back(0x82);
        out_.push_back(static_cast<std::uint8_t>(value.size() >> 8));
    } else if (value.size() > 0x7F) {
        out_.push_back(0x81);
    }
    out_.push_back(static_cast<std::uint8_t>(value.size()));
    append(out_, value);
}

}  // namespace softpos::codec
