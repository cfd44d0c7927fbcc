// Stricter than BER: one tag at each place, the shortest length, no padding between objects.
#include "protocol/call_fields.h"

#include "base/check.h"

#include <algorithm>

namespace softpos::protocol {
namespace {

// 0xDF would announce a second tag byte, and 0xE0 a constructed object.
constexpr std::uint32_t last_tag = 0xDE;

bool is_printable(std::uint8_t c) {
    return c >= 0x20 && c <= 0x7E;
}
bool is_control(std::uint8_t c) {
    return c < 0x20 || c == 0x7F;
}

}  // namespace

CallWriter::CallWriter(CallHead head, std::size_t reserve_bytes) {
    out_.reserve(reserve_bytes);
    codec::TlvWriter writer(out_);
    writer.put_byte(version_tag, head.version);
    writer.put_byte(call_tag, head.call);
}

void CallWriter::put(Bytes value) {
    CHECK(next_tag_ <= last_tag);
    codec::TlvWriter(out_).put(codec::Tag{next_tag_++}, value);
}

void CallWriter::put_number(std::uint64_t number, unsigned bytes) {
    CHECK(bytes >= 1 && bytes <= 8 && (bytes == 8 || number >> (8 * bytes) == 0));
    std::array<std::uint8_t, 8> digits{};
    for (unsigned i = 0; i < bytes; ++i) {
        digits[i] = static_cast<std::uint8_t>(number >> (8 * (bytes - 1 - i)));
    }
    put(Bytes(digits).first(bytes));
}

void CallWriter::put_absent() {
    ++next_tag_;
}

Result<CallReader> CallReader::open(Bytes message) {
    CallReader reader(message);
    for (const auto& [tag, target] :
         {std::pair{0xC0U, &reader.head_.version}, std::pair{0xC1U, &reader.head_.call}}) {
        const Bytes value = TRY(reader.take_tagged(tag));
        if (value.size() != 1) return fail(ErrorKind::malformed, "call: head", tag);
        *target = value[0];
    }
    return reader;
}

bool CallReader::next_is_present() const {
    return in_.peek() && *in_.peek() == next_tag_;
}

Result<Bytes> CallReader::take_tagged(std::uint32_t tag) {
    const std::size_t start = in_.position();
    if (in_.peek() != static_cast<std::uint8_t>(tag)) {
        return fail(ErrorKind::malformed, "call: field missing or out of order", tag, start);
    }
    in_.take_byte();
    const auto first = in_.take_byte();
    if (!first) return fail(ErrorKind::malformed, "call: no length", tag, start);
    std::size_t length = *first;
    if (length > 0x7F) {
        const std::size_t count = length & 0x7F;
        const auto digits = in_.take(count);
        if (count == 0 || count > 2 || !digits) {
            return fail(ErrorKind::malformed, "call: length", tag, start);
        }
        length = 0;
        for (const std::uint8_t digit : *digits) length = length << 8 | digit;
        if (length <= (count == 1 ? 0x7FU : 0xFFU)) {
            return fail(ErrorKind::malformed, "call: length is not the shortest", tag, start);
        }
    }
    const auto value = in_.take(length);
    if (!value) return fail(ErrorKind::malformed, "call: value cut short", tag, start);
    return *value;
}

Result<Bytes> CallReader::take(SizeRange size) {
    const std::uint32_t tag = next_tag_++;
    const Bytes value = TRY(take_tagged(tag));
    if (value.size() < size.min || value.size() > size.max) {
        return fail(ErrorKind::malformed, "call: field size", tag, in_.position());
    }
    return value;
}

Result<std::string> CallReader::take_text(SizeRange size) {
    const Bytes value = TRY(take(size));
    if (!std::ranges::all_of(value, is_printable)) {
        return fail(ErrorKind::malformed, "call: characters", next_tag_ - 1, in_.position());
    }
    return std::string(text_of(value));
}

Result<std::string> CallReader::take_utf8(SizeRange size) {
    const Bytes value = TRY(take(size));
    if (std::ranges::any_of(value, is_control)) {
        return fail(ErrorKind::malformed, "call: characters", next_tag_ - 1, in_.position());
    }
    return std::string(text_of(value));
}

Result<std::uint64_t> CallReader::take_number(unsigned bytes) {
    const Bytes value = TRY(take({bytes, bytes}));
    std::uint64_t number = 0;
    for (const std::uint8_t byte : value) number = number << 8 | byte;
    return number;
}

Result<std::uint8_t> CallReader::take_enum(unsigned last) {
    const std::uint64_t number = TRY(take_number(1));
    if (number > last) {
        return fail(ErrorKind::malformed, "call: no such value", next_tag_ - 1, in_.position());
    }
    return static_cast<std::uint8_t>(number);
}

Result<void> CallReader::end() const {
    if (in_.empty()) return {};
    return fail(ErrorKind::malformed, "call: something behind the last field", 0, in_.position());
}

}  // namespace softpos::protocol
