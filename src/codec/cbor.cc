// Heads decide everything: what kind of item, and how much follows it.
#include "codec/cbor.h"

#include <limits>
#include <optional>

namespace softpos::codec {
namespace {

constexpr std::uint8_t simple_false = 20;
constexpr std::uint8_t simple_true = 21;
constexpr std::uint8_t simple_null = 22;

// The major types that we read; 6 are tags.
std::optional<CborKind> kind_of(unsigned major) {
    constexpr CborKind kinds[] = {CborKind::unsigned_number, CborKind::negative_number,
                                  CborKind::bytes,           CborKind::text,
                                  CborKind::array,           CborKind::map};
    if (major < 6) return kinds[major];
    if (major == 7) return CborKind::simple;
    return std::nullopt;
}

}  // namespace

Result<CborReader::Head> CborReader::take_head() {
    const std::size_t at = in_.position();
    const auto first = in_.take_byte();
    if (!first) return fail(ErrorKind::malformed, "cbor: ends too soon", 0, at);
    const auto kind = kind_of(*first >> 5U);
    if (!kind) return fail(ErrorKind::unsupported, "cbor: tag", *first, at);
    const unsigned info = *first & 0x1FU;
    if (*kind == CborKind::simple) {
        if (info < simple_false || info > simple_null) {
            return fail(ErrorKind::unsupported, "cbor: float or other simple value", *first, at);
        }
        return Head{*kind, info};
    }
    if (info < 24) return Head{*kind, info};
    if (info > 27) return fail(ErrorKind::malformed, "cbor: indefinite length", *first, at);
    const unsigned count = 1U << (info - 24);
    const auto digits = in_.take(count);
    if (!digits) return fail(ErrorKind::malformed, "cbor: ends too soon", 0, at);
    std::uint64_t value = 0;
    for (const std::uint8_t digit : *digits) value = value << 8U | digit;
    // A shorter head would have done. Spec: [RFC-8949] 4.2.1.
    const bool longer_than_needed = count == 1 ? value < 24 : value >> (4U * count) == 0;
    if (longer_than_needed) return fail(ErrorKind::malformed, "cbor: head too long", 0, at);
    return Head{*kind, value};
}

Result<std::uint64_t> CborReader::take_of(CborKind kind, Literal what) {
    const std::size_t at = in_.position();
    const Head head = TRY(take_head());
    if (head.kind != kind)
        return std::unexpected(
            Error{ErrorKind::malformed, what, 0, static_cast<std::uint32_t>(at)});
    return head.value;
}

Result<CborKind> CborReader::peek() const {
    CborReader copy = *this;
    return TRY(copy.take_head()).kind;
}

Result<std::uint64_t> CborReader::take_unsigned() {
    return take_of(CborKind::unsigned_number, "cbor: no unsigned number");
}

Result<std::int64_t> CborReader::take_integer() {
    const std::size_t at = in_.position();
    const Head head = TRY(take_head());
    const bool number =
        head.kind == CborKind::unsigned_number || head.kind == CborKind::negative_number;
    if (!number || head.value > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
        return fail(ErrorKind::malformed, "cbor: no number of 64 bits", 0, at);
    }
    const auto value = static_cast<std::int64_t>(head.value);
    return head.kind == CborKind::unsigned_number ? value : -1 - value;
}

Result<Bytes> CborReader::take_bytes(std::size_t bytes_max) {
    const std::size_t at = in_.position();
    const std::uint64_t size = TRY(take_of(CborKind::bytes, "cbor: no bytes"));
    if (size > bytes_max) return fail(ErrorKind::denied, "cbor: too many bytes", 0, at);
    const auto value = in_.take(size);
    if (!value) return fail(ErrorKind::malformed, "cbor: ends too soon", 0, at);
    return *value;
}

Result<std::string_view> CborReader::take_text(std::size_t bytes_max) {
    const std::size_t at = in_.position();
    const std::uint64_t size = TRY(take_of(CborKind::text, "cbor: no text"));
    if (size > bytes_max) return fail(ErrorKind::denied, "cbor: text too long", 0, at);
    const auto value = in_.take(size);
    if (!value) return fail(ErrorKind::malformed, "cbor: ends too soon", 0, at);
    return text_of(*value);
}

Result<std::size_t> CborReader::take_array(std::size_t count_max) {
    const std::size_t at = in_.position();
    const std::uint64_t count = TRY(take_of(CborKind::array, "cbor: no array"));
    if (count > count_max) return fail(ErrorKind::denied, "cbor: too many items", 0, at);
    // Each item takes a byte at least.
    if (count > in_.size()) return fail(ErrorKind::malformed, "cbor: ends too soon", 0, at);
    return static_cast<std::size_t>(count);
}

Result<std::size_t> CborReader::take_map(std::size_t count_max) {
    const std::size_t at = in_.position();
    const std::uint64_t count = TRY(take_of(CborKind::map, "cbor: no map"));
    if (count > count_max) return fail(ErrorKind::denied, "cbor: too many pairs", 0, at);
    if (count > in_.size() / 2) return fail(ErrorKind::malformed, "cbor: ends too soon", 0, at);
    return static_cast<std::size_t>(count);
}

Result<bool> CborReader::take_bool() {
    const std::size_t at = in_.position();
    const std::uint64_t value = TRY(take_of(CborKind::simple, "cbor: no truth value"));
    if (value == simple_null) return fail(ErrorKind::malformed, "cbor: no truth value", 0, at);
    return value == simple_true;
}

Result<bool> CborReader::take_null() {
    if (in_.peek() != std::optional<std::uint8_t>(0xF6)) return false;
    in_.take_byte();
    return true;
}

Result<Bytes> CborReader::take_item() {
    const Bytes start = in_.rest();
    const std::size_t at = in_.position();
    // How many items are still to come on each level.
    std::uint64_t open[depth_max] = {1};
    unsigned depth = 0;
    while (true) {
        while (open[depth] == 0) {
            if (depth == 0) return start.first(in_.position() - at);
            --depth;
        }
        --open[depth];
        const std::size_t item_at = in_.position();
        const Head head = TRY(take_head());
        const bool nests = head.kind == CborKind::array || head.kind == CborKind::map;
        if (nests) {
            // No item is smaller than a byte; this also keeps the count from running over.
            if (head.value > in_.size()) {
                return fail(ErrorKind::malformed, "cbor: ends too soon", 0, item_at);
            }
            if (++depth == depth_max) return fail(ErrorKind::denied, "cbor: too deep", 0, item_at);
            open[depth] = head.kind == CborKind::map ? 2 * head.value : head.value;
        } else if (head.kind == CborKind::bytes || head.kind == CborKind::text) {
            if (!in_.take(head.value)) {
                return fail(ErrorKind::malformed, "cbor: ends too soon", 0, item_at);
            }
        }
    }
}

Result<void> CborReader::end() const {
    if (in_.empty()) return {};
    return fail(ErrorKind::malformed, "cbor: bytes left over", 0, in_.position());
}

void CborWriter::head(unsigned major, std::uint64_t value) {
    const auto top = static_cast<std::uint8_t>(major << 5U);
    if (value < 24) return out_.push_back(static_cast<std::uint8_t>(top | value));
    unsigned power = 0;  // 2^power bytes hold the value.
    while (power < 3 && value >> (8U << power) != 0) ++power;
    out_.push_back(static_cast<std::uint8_t>(top | (24 + power)));
    for (unsigned left = 1U << power; left-- > 0;) {
        out_.push_back(static_cast<std::uint8_t>(value >> (8 * left)));
    }
}

void CborWriter::put_integer(std::int64_t value) {
    if (value >= 0) return head(0, static_cast<std::uint64_t>(value));
    head(1, static_cast<std::uint64_t>(-1 - value));
}

void CborWriter::put_bytes(Bytes value) {
    head(2, value.size());
    append(out_, value);
}

void CborWriter::put_text(std::string_view value) {
    head(3, value.size());
    append(out_, bytes_of(value));
}

}  // namespace softpos::codec
