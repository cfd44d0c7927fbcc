// BER-TLV objects as cards, kernels and our own programs exchange them: the subset of ISO/IEC
// 8825-1 that EMV allows. Reads in place, allocates nothing, never recurses.
//
// Spec: [EMV-B3] Annex B.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstdint>
#include <optional>

namespace softpos::codec {

// A tag as it travels, first byte highest: 0x9F02. Every EMV table and trace writes it so.
enum class Tag : std::uint32_t {};

// One tag off the front, as it also stands in data object lists; the offset of an error is where
// the tag begins.
Result<Tag> read_tag(ByteReader& in);

// One object. `value` is borrowed from the reader's input.
struct TlvObject {
    Tag tag;
    bool constructed;  // `value` is a list of objects itself: give it to another TlvReader.
    Bytes value;
};

// Walks the outermost objects of one buffer. An error is final and names the offset: there is no
// way to find the next object behind a broken one.
//
//     TlvReader reader(response);
//     while (const auto object = TRY(reader.next())) { ... }
class TlvReader {
public:
    static constexpr unsigned tag_bytes_max = 3;     // DF8129 and its neighbours.
    static constexpr unsigned length_bytes_max = 3;  // 82 xx xx: at most 64 KiB.

    explicit TlvReader(Bytes input) : in_(input) {}

    Result<std::optional<TlvObject>> next();

private:
    ByteReader in_;
};

// The value of the first outermost object with this tag; nullopt where there is none. Objects in
// front of it must be well formed, those behind it are not looked at.
Result<std::optional<Bytes>> find_value(Bytes input, Tag tag);

// Appends objects to a buffer, with the shortest form of the length.
class TlvWriter {
public:
    explicit TlvWriter(Buffer& out) : out_(out) {}

    void put(Tag tag, Bytes value);  // At most 65535 bytes: CHECKed.
    void put_byte(Tag tag, std::uint8_t value) { put(tag, Bytes(&value, 1)); }

private:
    Buffer& out_;
};

}  // namespace softpos::codec
