// What messages between two processes of ours are made of: private TLV tags in one fixed order, the
// version first. A message has exactly one form, so that a decoder needs no rule for doubt.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "codec/ber_tlv.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace softpos::protocol {

constexpr codec::Tag version_tag{0xC0};
constexpr codec::Tag call_tag{0xC1};

struct CallHead {
    std::uint8_t version;
    std::uint8_t call;
};

// Field number n of a message has the tag 0xC1 + n, in the order of the put_ calls, up to 28.
class CallWriter {
public:
    // What holds secrets reserves enough to never move them in memory.
    explicit CallWriter(CallHead head, std::size_t reserve_bytes = 0);

    void put(Bytes value);
    void put(std::string_view text) { put(bytes_of(text)); }
    void put_number(std::uint64_t number, unsigned bytes);  // Big-endian.
    void put_absent();                                      // Only the number is used up.
    Buffer take() { return std::move(out_); }

private:
    Buffer out_;
    std::uint32_t next_tag_ = 0xC2;
};

struct SizeRange {
    std::size_t min;
    std::size_t max;
};

// The other direction. Each take_ checks tag, size and characters; the detail of an error is the
// tag, so that it can be told which field it was.
class CallReader {
public:
    static Result<CallReader> open(Bytes message);

    CallHead head() const { return head_; }
    bool next_is_present() const;  // For a field that may be absent: else skip() it.
    void skip() { ++next_tag_; }
    Result<Bytes> take(SizeRange size);
    Result<std::string> take_text(SizeRange size);  // Printable ASCII.
    Result<std::string> take_utf8(SizeRange size);  // Any bytes but control characters.
    Result<std::uint64_t> take_number(unsigned bytes);
    Result<std::uint8_t> take_enum(unsigned last);  // One byte, 0 to last.
    Result<void> end() const;                       // Nothing may be left.

    template <std::size_t size>
    Result<std::array<std::uint8_t, size>> take_array() {
        const Bytes value = TRY(take({size, size}));
        std::array<std::uint8_t, size> out{};
        for (std::size_t i = 0; i < size; ++i) out[i] = value[i];
        return out;
    }

private:
    explicit CallReader(Bytes message) : in_(message) {}
    Result<Bytes> take_tagged(std::uint32_t tag);

    ByteReader in_;
    CallHead head_{};
    std::uint32_t next_tag_ = 0xC2;
};

}  // namespace softpos::protocol
