// CBOR as our own messages and two phone makers' statements use it: definite lengths, shortest
// heads, integers, bytes, text, arrays, maps, false, true and null. Reads in place, allocates
// nothing, never recurses.
//
// Spec: [RFC-8949] 3 and 4.2.1.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstdint>
#include <string_view>

namespace softpos::codec {

enum class CborKind : std::uint8_t {
    unsigned_number,
    negative_number,
    bytes,
    text,
    array,
    map,
    simple
};

// Takes one data item after the other off the front. What is refused: indefinite lengths, heads
// that are longer than needed, tags, floating point, other simple values, more items than bytes
// are left. Order and repetition of map keys are the caller's to check: it knows its keys.
//
//     CborReader in(message);
//     const std::size_t fields = TRY(in.take_array(8));
//     const std::uint64_t version = TRY(in.take_unsigned());
//     TRY_VOID(in.end());
class CborReader {
public:
    static constexpr unsigned depth_max = 16;  // Of what skip() and item() pass over.

    explicit CborReader(Bytes input) : in_(input) {}

    Result<CborKind> peek() const;
    Result<std::uint64_t> take_unsigned();
    Result<std::int64_t> take_integer();  // malformed outside of 64 bits with a sign.
    Result<Bytes> take_bytes(std::size_t bytes_max);
    Result<std::string_view> take_text(std::size_t bytes_max);  // UTF-8 is not checked.
    Result<std::size_t> take_array(std::size_t count_max);      // How many items follow.
    Result<std::size_t> take_map(std::size_t count_max);        // How many pairs follow.
    Result<bool> take_bool();
    // True where a null stood there, which is taken; else nothing is.
    Result<bool> take_null();
    // The bytes of one whole item of any kind.
    Result<Bytes> take_item();

    Result<void> end() const;  // malformed where anything is left.
    std::size_t position() const { return in_.position(); }
    Bytes rest() const { return in_.rest(); }

private:
    struct Head {
        CborKind kind;
        std::uint64_t value;
    };
    Result<Head> take_head();
    Result<std::uint64_t> take_of(CborKind kind, Literal what);

    ByteReader in_;
};

// Appends items in the one form that the reader accepts. Whoever begins an array or a map writes
// as many items as were announced.
class CborWriter {
public:
    explicit CborWriter(Buffer& out) : out_(out) {}

    void put_unsigned(std::uint64_t value) { head(0, value); }
    void put_integer(std::int64_t value);
    void put_bytes(Bytes value);
    void put_text(std::string_view value);
    void begin_array(std::size_t items) { head(4, items); }
    void begin_map(std::size_t pairs) { head(5, pairs); }
    void put_bool(bool value) { out_.push_back(value ? 0xF5 : 0xF4); }
    void put_null() { out_.push_back(0xF6); }

private:
    void head(unsigned major, std::uint64_t value);

    Buffer& out_;
};

}  // namespace softpos::codec
