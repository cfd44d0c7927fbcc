// Fields that several SPA/1 messages have in common: one put_ and one take_ function each, so that
// the two directions cannot differ.
#pragma once

#include "base/check.h"
#include "codec/cbor.h"
#include "protocol/spa.h"

#include <algorithm>
#include <string>

namespace softpos::protocol::spa_fields {

using codec::CborReader;
using codec::CborWriter;

constexpr std::size_t text_bytes_max = 120;
constexpr std::size_t signature_bytes_max = 80;  // DER, ECDSA P-256.

inline std::unexpected<Error> wrong(Literal what, const CborReader& in) {
    return fail(ErrorKind::malformed, what, 0, in.position());
}

// Printable ASCII or UTF-8 without control characters.
inline bool is_clean(std::string_view text) {
    return std::ranges::none_of(text, [](char c) {
        const auto byte = static_cast<std::uint8_t>(c);
        return byte < 0x20 || byte == 0x7F;
    });
}

struct Size {
    std::size_t min;
    std::size_t max;
};

inline void put_text(CborWriter& out, std::string_view text, Size size) {
    CHECK(text.size() >= size.min && text.size() <= size.max && is_clean(text));
    out.put_text(text);
}
inline Result<std::string> take_text(CborReader& in, Size size) {
    const std::string_view text = TRY(in.take_text(size.max));
    if (text.size() < size.min || !is_clean(text)) return wrong("spa: text", in);
    return std::string(text);
}

// PEM and parameters: lines.
inline Result<std::string> take_lines(CborReader& in, std::size_t bytes_max) {
    return std::string(TRY(in.take_text(bytes_max)));
}

inline Result<Buffer> take_buffer(CborReader& in, Size size) {
    const Bytes bytes = TRY(in.take_bytes(size.max));
    if (bytes.size() < size.min) return wrong("spa: bytes", in);
    return Buffer(bytes.begin(), bytes.end());
}
inline void put_buffer(CborWriter& out, Bytes bytes, Size size) {
    CHECK(bytes.size() >= size.min && bytes.size() <= size.max);
    out.put_bytes(bytes);
}

template <std::size_t size>
Result<std::array<std::uint8_t, size>> take_array(CborReader& in) {
    const Bytes bytes = TRY(in.take_bytes(size));
    if (bytes.size() != size) return wrong("spa: bytes", in);
    std::array<std::uint8_t, size> out{};
    std::ranges::copy(bytes, out.begin());
    return out;
}

template <typename Number>
Result<Number> take_number(CborReader& in, std::uint64_t max) {
    const std::uint64_t value = TRY(in.take_unsigned());
    if (value > max) return wrong("spa: number", in);
    return static_cast<Number>(value);
}

// An enumeration that is numbered from 1.
template <typename Enum>
Result<Enum> take_enum(CborReader& in, unsigned last) {
    const std::uint64_t value = TRY(in.take_unsigned());
    if (value < 1 || value > last) return wrong("spa: unknown value", in);
    return static_cast<Enum>(value);
}
template <typename Enum>
void put_enum(CborWriter& out, Enum value) {
    out.put_unsigned(static_cast<std::uint64_t>(value));
}

inline void put(CborWriter& out, const Id128& id) {
    out.put_bytes(id.bytes);
}
inline Result<Id128> take_id(CborReader& in) {
    return Id128{TRY(take_array<16>(in))};
}

inline void put(CborWriter& out, Instant at) {
    CHECK(at.unix_ms >= 0);
    out.put_unsigned(static_cast<std::uint64_t>(at.unix_ms));
}
inline Result<Instant> take_instant(CborReader& in) {
    const std::int64_t ms = TRY(in.take_integer());
    if (ms < 0) return wrong("spa: time", in);
    return Instant{ms};
}
inline void put_maybe(CborWriter& out, const std::optional<Instant>& at) {
    if (!at) return out.put_null();
    put(out, *at);
}
inline Result<std::optional<Instant>> take_maybe_instant(CborReader& in) {
    if (TRY(in.take_null())) return std::optional<Instant>();
    return std::optional(TRY(take_instant(in)));
}

// How many items a list of ours has.
template <typename T, typename Put>
void put_list(CborWriter& out, const std::vector<T>& list, std::size_t count_max, Put put_one) {
    CHECK(list.size() <= count_max);
    out.begin_array(list.size());
    for (const T& one : list) put_one(out, one);
}
template <typename T, typename Take>
Result<std::vector<T>> take_list(CborReader& in, std::size_t count_max, Take take_one) {
    const std::size_t count = TRY(in.take_array(count_max));
    std::vector<T> list;
    list.reserve(count);
    for (std::size_t i = 0; i < count; ++i) list.push_back(TRY(take_one(in)));
    return list;
}

// An array of exactly so many items.
inline Result<void> take_fields(CborReader& in, std::size_t count) {
    if (TRY(in.take_array(count)) != count) return wrong("spa: number of fields", in);
    return {};
}

void put(CborWriter& out, const DeviceClaims& claims);
Result<DeviceClaims> take_claims(CborReader& in);
void put(CborWriter& out, const Finding& finding);
Result<Finding> take_finding(CborReader& in);
void put(CborWriter& out, const std::optional<Location>& location);
Result<std::optional<Location>> take_location(CborReader& in);
void put(CborWriter& out, const SignedBody& body);
Result<SignedBody> take_signed(CborReader& in);
void put(CborWriter& out, const Evidence& evidence);
Result<Evidence> take_evidence(CborReader& in);

}  // namespace softpos::protocol::spa_fields
