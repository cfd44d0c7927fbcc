// The two loops over the fields, and what stands between text and wire: a table look-up for two
// digits at a time. A failed field is looked at again, slowly, to say at which byte it is wrong.
#include "codec/iso8583.h"

#include "base/check.h"
#include "base/secret.h"
#include "codec/iso8583_tables.h"
#include "codec/iso8583_values.h"

#include <algorithm>
#include <cstring>

namespace softpos::codec {

using iso_tables::bcd_values;
using iso_tables::not_bcd;
using iso_tables::packed_numbers;
using iso_values::copy_checked;
using iso_values::find_bad_digit;
using iso_values::first_not_in;
using iso_values::joined;
using iso_values::load;
using iso_values::read_bcd;
using iso_values::store;
using iso_values::turned_bits;
using iso_values::write_bcd;

namespace {

constexpr std::size_t bitmap_half_bytes = 8;
constexpr std::uint64_t first_bit = 1;  // Of a bitmap: a second half follows.
constexpr std::size_t word_slack = IsoMessage::word_bytes;

// Half a bitmap as it travels, after which `to` stands.
std::uint8_t* write_half(std::uint64_t bits, bool hex, std::uint8_t* to) {
    if (!hex) {
        store(turned_bits(bits), to);
        return to + bitmap_half_bytes;
    }
    constexpr std::string_view digits = "0123456789ABCDEF";
    const std::uint64_t turned = turned_bits(bits);
    for (unsigned byte = 0; byte < bitmap_half_bytes; ++byte) {
        const auto value = static_cast<std::uint8_t>(turned >> (8 * byte));
        *to++ = static_cast<std::uint8_t>(digits[value >> 4]);
        *to++ = static_cast<std::uint8_t>(digits[value & 0xF]);
    }
    return to;
}

// 16, or more where it is none. Lower case is refused, since it would be packed to other bytes.
unsigned hex_value(std::uint8_t digit) {
    if (digit >= '0' && digit <= '9') return digit - unsigned{'0'};
    return digit >= 'A' && digit <= 'F' ? digit - unsigned{'A'} + 10 : 16;
}

std::size_t wire_bytes(const FieldSpec& spec, std::size_t size) {
    return spec.encoding == FieldEncoding::bcd ? (size + 1) / 2 : size;
}

}  // namespace

void IsoMessage::wipe_arena(std::size_t end) {
    if (end > used_) wipe(std::span(arena_).subspan(used_, end - used_));
}

std::size_t IsoMessage::forget() {
    const std::size_t used = used_;
    used_ = 0;
    bits_ = {};
    has_mti_ = false;
    return used;
}

void IsoMessage::reset() {
    wipe_arena(forget());
}

Result<void> IsoMessage::set_mti(std::string_view mti) {
    const bool good = mti.size() == mti_.size() && mti[0] == dialect_->version() &&
                      first_not_in(bytes_of(mti).data(), mti.size(), FieldFormat::n) == mti.size();
    if (!good) return fail(ErrorKind::malformed, "iso8583: mti");
    std::ranges::copy(mti, mti_.begin());
    has_mti_ = true;
    return {};
}

Result<void> IsoMessage::bad_value(unsigned field, std::string_view value) const {
    if (field > iso_field_max || !dialect_->field(field).defined) {
        return fail(ErrorKind::unsupported, "iso8583: no such field", field);
    }
    const FieldSpec& spec = dialect_->field(field);
    if (value.size() < spec.size_min || value.size() > spec.size_max) {
        return fail(ErrorKind::malformed, "iso8583: size", field);
    }
    if (spec.odd_forbidden && value.size() % 2 != 0) {
        return fail(ErrorKind::malformed, "iso8583: odd number of digits", field);
    }
    const std::size_t at = first_not_in(bytes_of(value).data(), value.size(), spec.format);
    if (at < value.size()) return fail(ErrorKind::malformed, "iso8583: character", field, at);
    return fail(ErrorKind::denied, "iso8583: message too long", field);
}

Result<void> IsoMessage::set(unsigned field, std::string_view value) {
    const FieldSpec& spec = dialect_->field(std::min(field, iso_field_max + 1));
    if (spec.encoding == FieldEncoding::binary && spec.defined) {
        return fail(ErrorKind::unsupported, "iso8583: field is binary", field);
    }
    if (!spec.takes(value.size())) return bad_value(field, value);
    std::uint8_t* const to = room_for(field, value.size());
    if (to == nullptr) return bad_value(field, value);
    if (!copy_checked(bytes_of(value).data(), value.size(), spec.format, to)) {
        wipe({to, value.size()});
        return bad_value(field, value);
    }
    if (spec.track_in_bcd) {  // May be given with D; the message always says '='.
        std::replace(to, to + value.size(), std::uint8_t{'D'}, std::uint8_t{'='});
    }
    keep(field, to, value.size());
    return {};
}

Result<void> IsoMessage::set_binary(unsigned field, Bytes value) {
    const FieldSpec& spec = dialect_->field(std::min(field, iso_field_max + 1));
    if (spec.encoding != FieldEncoding::binary && spec.defined) {
        return fail(ErrorKind::unsupported, "iso8583: field is text", field);
    }
    if (!spec.takes(value.size())) return bad_value(field, text_of(value));
    std::uint8_t* const to = room_for(field, value.size());
    if (to == nullptr) return bad_value(field, text_of(value));
    std::memcpy(to, value.data(), value.size());
    keep(field, to, value.size());
    return {};
}

void IsoMessage::clear(unsigned field) {
    if (!has(field)) return;
    wipe(std::span(arena_).subspan(slots_[field].offset, slots_[field].size));
    bits_[word_of(field)] &= ~bit_of(field);
}

// Where a value may be written before it is kept: behind all others, so that a value that turns out
// to be bad leaves the old one in place. Null where there is no room.
std::uint8_t* IsoMessage::room_for(unsigned field, std::size_t size) {
    if (used_ + size > arena_bytes) [[unlikely]] {
        compact();
        if (used_ + size > arena_bytes) clear(field);
        if (used_ + size > arena_bytes) compact();
        if (used_ + size > arena_bytes) return nullptr;
    }
    return arena_.data() + used_;
}

void IsoMessage::keep(unsigned field, const std::uint8_t* value, std::size_t size) {
    if (has(field)) clear(field);
    slots_[field].offset = static_cast<std::uint16_t>(value - arena_.data());
    slots_[field].size = static_cast<std::uint16_t>(size);
    used_ = static_cast<std::uint16_t>(used_ + size);
    bits_[word_of(field)] |= bit_of(field);
}

// Drops what replaced and cleared values left behind.
void IsoMessage::compact() {
    std::array<std::uint8_t, arena_bytes> kept;
    std::uint16_t used = 0;
    for_each([&](unsigned field) {
        Slot& slot = slots_[field];
        std::memcpy(kept.data() + used, arena_.data() + slot.offset, slot.size);
        slot.offset = used;
        used = static_cast<std::uint16_t>(used + slot.size);
    });
    wipe(std::span(arena_).first(used_));
    std::memcpy(arena_.data(), kept.data(), used);
    wipe(std::span(kept).first(used));
    used_ = used;
}

// Both directions, with their place in the buffer.
class IsoCodec {
public:
    static Result<std::size_t> write(const IsoMessage& message, std::span<std::uint8_t> out);
    static Result<void> read(Bytes packed, IsoMessage& out);

private:
    // Where the input stands; `field` is the one being read.
    struct Reader {
        const std::uint8_t* begin;
        const std::uint8_t* at;
        const std::uint8_t* end;
        unsigned field = 0;

        std::unexpected<Error> bad(Literal what, std::size_t ahead = 0) const {
            return fail(ErrorKind::malformed, what, field,
                        static_cast<std::size_t>(at - begin) + ahead);
        }
        std::size_t rest() const { return static_cast<std::size_t>(end - at); }
    };

    static Result<void> read_mti(Reader& in, IsoMessage& out);
    static Result<std::uint64_t> read_half(Reader& in, bool hex);
    static Result<void> read_bitmap(Reader& in, IsoMessage& out);
    static std::size_t read_field(const FieldSpec& spec, Bytes from, std::uint8_t* to,
                                  std::size_t& size);
    static Result<void> bad_field(Reader in, const FieldSpec& spec);
    static std::size_t read_length(Bytes from, const FieldSpec& spec);
    static Result<void> bad_length(const Reader& in, const FieldSpec& spec);
    static std::size_t write_field(const FieldSpec& spec, Bytes value,
                                   std::span<std::uint8_t> room);
    static std::uint8_t* write_length(const FieldSpec& spec, std::size_t size, std::uint8_t* to);
};

std::uint8_t* IsoCodec::write_length(const FieldSpec& spec, std::size_t size, std::uint8_t* to) {
    std::size_t counted = size;
    if (spec.counts_other_unit) {
        counted = spec.encoding == FieldEncoding::bcd ? size / 2 : size * 2;
    }
    const std::uint8_t low = packed_numbers[counted % 100];
    const auto hundreds = static_cast<std::uint8_t>(counted / 100);  // At most 9: dialect.cc.
    if (spec.length_ascii) {
        if (spec.length_bytes == 3) *to++ = '0' | hundreds;
        *to++ = '0' | low >> 4;
        *to++ = '0' | (low & 0xF);
    } else {
        if (spec.length_bytes == 2) *to++ = hundreds;
        *to++ = low;
    }
    return to;
}

// Says how many bytes it took; 0 where they do not fit. The value was checked when it was set.
[[gnu::always_inline]] inline std::size_t IsoCodec::write_field(const FieldSpec& spec, Bytes value,
                                                                std::span<std::uint8_t> room) {
    const std::size_t bytes = wire_bytes(spec, value.size());
    const std::size_t taken = spec.length_bytes + bytes;
    if (taken > room.size()) return 0;
    std::uint8_t* to = room.data();
    if (spec.length_bytes != 0) to = write_length(spec, value.size(), to);
    if (spec.encoding != FieldEncoding::bcd) {
        std::memcpy(to, value.data(), bytes);
    } else if (taken + word_slack <= room.size()) [[likely]] {
        write_bcd(value.data(), value.size(), spec, to);
    } else {
        std::array<std::uint8_t, iso_value_size_max + word_slack> aside;
        write_bcd(value.data(), value.size(), spec, aside.data());
        std::memcpy(to, aside.data(), bytes);
        wipe(std::span(aside).first(bytes));
    }
    return taken;
}

Result<std::size_t> IsoCodec::write(const IsoMessage& message, std::span<std::uint8_t> out) {
    const Dialect& dialect = *message.dialect_;
    if (!message.has_mti_) return fail(ErrorKind::conflict, "iso8583: no mti");
    const auto& bits = message.bits_;
    if ((bits[0] | bits[1]) == 0) return fail(ErrorKind::conflict, "iso8583: no field");
    const bool second = dialect.bitmap_bytes() == 16 || bits[1] != 0;
    std::uint8_t* to = out.data();
    const std::uint8_t* const end = to + std::min(out.size(), iso_message_bytes_max);
    const std::size_t mti_bytes = dialect.mti_ascii() ? 4 : 2;
    const bool hex = dialect.bitmap_hex();
    const std::size_t head = mti_bytes + bitmap_half_bytes * (second ? 2 : 1) * (hex ? 2 : 1);
    if (head > static_cast<std::size_t>(end - to)) {
        return fail(ErrorKind::denied, "iso8583: does not fit", 0);
    }
    if (dialect.mti_ascii()) {
        std::memcpy(to, message.mti_.data(), mti_bytes);
    } else {
        to[0] = joined(bytes_of(message.mti())[0], bytes_of(message.mti())[1]);
        to[1] = joined(bytes_of(message.mti())[2], bytes_of(message.mti())[3]);
    }
    to = write_half(bits[0] | (second ? first_bit : 0), hex, to + mti_bytes);
    if (second) to = write_half(bits[1], hex, to);
    for (unsigned word = 0; word < bits.size(); ++word) {
        for (std::uint64_t rest = bits[word]; rest != 0; rest &= rest - 1) {
            const unsigned field = word * 64 + static_cast<unsigned>(std::countr_zero(rest)) + 1;
            const IsoMessage::Slot slot = message.slots_[field];
            const Bytes value(message.arena_.data() + slot.offset, slot.size);
            const std::size_t written = write_field(dialect.field(field), value, {to, end});
            if (written == 0) [[unlikely]] {
                return fail(ErrorKind::denied, "iso8583: does not fit", field);
            }
            to += written;
        }
    }
    return static_cast<std::size_t>(to - out.data());
}

Result<void> IsoCodec::read_mti(Reader& in, IsoMessage& out) {
    const bool ascii = out.dialect_->mti_ascii();
    const std::size_t bytes = ascii ? 4 : 2;
    if (in.rest() < bytes) return in.bad("iso8583: mti cut short", in.rest());
    auto* const mti = reinterpret_cast<std::uint8_t*>(out.mti_.data());
    if (ascii) {
        if (!copy_checked(in.at, bytes, FieldFormat::n, mti)) return in.bad("iso8583: mti");
    } else {
        const auto first = load<std::uint16_t>(iso_tables::digit_pairs[in.at[0]].data());
        const auto second = load<std::uint16_t>(iso_tables::digit_pairs[in.at[1]].data());
        if (((first | second) & iso_tables::not_digit) != 0) return in.bad("iso8583: mti");
        store(first, mti);
        store(second, mti + sizeof first);
    }
    if (out.mti_[0] != out.dialect_->version()) return in.bad("iso8583: mti of another version");
    out.has_mti_ = true;
    in.at += bytes;
    return {};
}

Result<std::uint64_t> IsoCodec::read_half(Reader& in, bool hex) {
    const std::size_t bytes = bitmap_half_bytes * (hex ? 2 : 1);
    if (in.rest() < bytes) return in.bad("iso8583: bitmap cut short", in.rest());
    std::uint64_t turned = 0;
    if (!hex) {
        turned = load<std::uint64_t>(in.at);
    } else {
        for (std::size_t i = 0; i < bytes; ++i) {
            const unsigned value = hex_value(in.at[i]);
            if (value > 0xF) return in.bad("iso8583: bitmap is no hex", i);
            turned |= std::uint64_t{value} << (8 * (i / 2) + (i % 2 == 0 ? 4 : 0));
        }
    }
    in.at += bytes;
    return turned_bits(turned);
}

Result<void> IsoCodec::read_bitmap(Reader& in, IsoMessage& out) {
    const bool hex = out.dialect_->bitmap_hex();
    const std::uint8_t* const begin = in.at;
    // The error stands at the half that is wrong.
    const auto bad_half = [&](const std::uint8_t* half, Literal what) {
        in.at = half;
        return in.bad(what);
    };
    out.bits_[0] = TRY(read_half(in, hex));
    const bool second = (out.bits_[0] & first_bit) != 0;
    const unsigned wanted = out.dialect_->bitmap_bytes();
    if (second ? wanted == 8 : wanted == 16) return bad_half(begin, "iso8583: bit 1 of the bitmap");
    if (!second && out.bits_[0] == 0) return bad_half(begin, "iso8583: no field");
    if (second) {
        const std::uint8_t* const half = in.at;
        out.bits_[0] &= ~first_bit;
        out.bits_[1] = TRY(read_half(in, hex));
        if ((out.bits_[0] | out.bits_[1]) == 0) return bad_half(half, "iso8583: no field");
        // With "auto" a second half without a field could not be packed to the same bytes.
        if (wanted == 0 && out.bits_[1] == 0) {
            return bad_half(half, "iso8583: empty second bitmap");
        }
    }
    return {};
}

// The size of the value, or 0, which no dialect allows: then bad_length says why.
[[gnu::always_inline]] inline std::size_t IsoCodec::read_length(Bytes from, const FieldSpec& spec) {
    const std::size_t bytes = spec.length_bytes;
    if (from.size() < bytes) return 0;
    std::size_t counted = 0;
    std::size_t bad = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
        const std::uint8_t byte = from[i];
        if (spec.length_ascii) {
            bad |= static_cast<std::size_t>(byte - '0') / 10;
            counted = counted * 10 + (byte & 0xFU);
        } else {
            bad |= bcd_values[byte] & 0x80U;
            counted = counted * 100 + bcd_values[byte];
        }
    }
    if (bad != 0) return 0;
    std::size_t size = counted;
    if (spec.counts_other_unit) [[unlikely]] {
        const bool bcd = spec.encoding == FieldEncoding::bcd;
        if (!bcd && counted % 2 != 0) return 0;
        size = bcd ? counted * 2 : counted / 2;
    }
    return spec.takes(size) ? size : 0;
}

Result<void> IsoCodec::bad_length(const Reader& in, const FieldSpec& spec) {
    const std::size_t bytes = spec.length_bytes;
    if (in.rest() < bytes) return in.bad("iso8583: length cut short", in.rest());
    const auto number = [&](std::uint8_t byte) {
        return spec.length_ascii ? byte >= '0' && byte <= '9' : bcd_values[byte] != not_bcd;
    };
    if (!std::all_of(in.at, in.at + bytes, number)) return in.bad("iso8583: length is no number");
    const bool half = spec.counts_other_unit && spec.encoding == FieldEncoding::binary &&
                      (in.at[bytes - 1] & 1U) != 0;
    return in.bad(half ? Literal("iso8583: half a byte") : Literal("iso8583: length out of range"));
}

// Reads one field to `to` and says how many bytes it took; 0 where it does not fit, and then
// bad_field says why. All by value: the loop around it lives in registers.
[[gnu::always_inline]] inline std::size_t IsoCodec::read_field(const FieldSpec& spec, Bytes from,
                                                               std::uint8_t* to,
                                                               std::size_t& size) {
    const std::uint8_t* at = from.data();
    size = spec.length_bytes == 0 ? spec.size_max : read_length(from, spec);
    const std::size_t bytes = wire_bytes(spec, size);
    const std::size_t taken = spec.length_bytes + bytes;
    if (size == 0 || from.size() < taken) return 0;
    at += spec.length_bytes;
    if (spec.encoding == FieldEncoding::bcd) {
        if (!read_bcd(at, size, spec, to)) return 0;
    } else if (spec.encoding == FieldEncoding::binary) {
        std::memcpy(to, at, bytes);
    } else if (!copy_checked(at, bytes, spec.format, to)) {
        return 0;
    }
    return taken;
}

Result<void> IsoCodec::bad_field(Reader in, const FieldSpec& spec) {
    if (!spec.defined) return in.bad("iso8583: field is not in the dialect");
    const Bytes from(in.at, in.rest());
    const std::size_t size = spec.length_bytes == 0 ? spec.size_max : read_length(from, spec);
    if (size == 0) return bad_length(in, spec);
    in.at += spec.length_bytes;
    const std::size_t bytes = wire_bytes(spec, size);
    if (in.rest() < bytes) return in.bad("iso8583: value cut short");
    if (spec.encoding != FieldEncoding::bcd) {
        return in.bad("iso8583: character", first_not_in(in.at, size, spec.format));
    }
    const std::uint8_t end = spec.pad_left ? in.at[0] >> 4 : in.at[bytes - 1] & 0xF;
    if (size % 2 != 0 && end != spec.pad_nibble) {
        return in.bad("iso8583: pad", spec.pad_left ? 0 : bytes - 1);
    }
    return in.bad("iso8583: digit", find_bad_digit(in.at, size, spec));
}

Result<void> IsoCodec::read(Bytes packed, IsoMessage& out) {
    if (packed.size() > iso_message_bytes_max) {
        return fail(ErrorKind::denied, "iso8583: message too long", 0, iso_message_bytes_max);
    }
    Reader in{packed.data(), packed.data(), packed.data() + packed.size()};
    TRY_VOID(read_mti(in, out));
    TRY_VOID(read_bitmap(in, out));
    // No input is longer than half the arena, and no byte becomes more than two characters.
    const std::uint8_t* at = in.at;
    std::size_t used = 0;
    for (unsigned word = 0; word < out.bits_.size(); ++word) {
        for (std::uint64_t rest = out.bits_[word]; rest != 0; rest &= rest - 1) {
            const unsigned field = word * 64 + static_cast<unsigned>(std::countr_zero(rest)) + 1;
            const FieldSpec& spec = out.dialect_->field(field);
            std::size_t size = 0;
            const std::size_t taken =
                read_field(spec, {at, in.end}, out.arena_.data() + used, size);
            out.slots_[field] = {static_cast<std::uint16_t>(used),
                                 static_cast<std::uint16_t>(size)};
            used += size;
            if (taken == 0) [[unlikely]] {
                out.used_ = static_cast<std::uint16_t>(std::min(used, out.arena_.size()));
                in.at = at;
                in.field = field;
                return bad_field(in, spec);
            }
            at += taken;
        }
    }
    out.used_ = static_cast<std::uint16_t>(used);
    in.at = at;
    in.field = 0;
    if (in.at != in.end) return in.bad("iso8583: bytes behind the last field");
    return {};
}

Result<std::size_t> pack(const IsoMessage& message, std::span<std::uint8_t> out) {
    return IsoCodec::write(message, out);
}

// What the last message leaves behind the new one is wiped; the rest is overwritten.
Result<void> unpack(Bytes packed, IsoMessage& out) {
    const std::size_t used_before = out.forget();
    const auto read = IsoCodec::read(packed, out);
    if (!read) [[unlikely]]
        out.reset();
    out.wipe_arena(used_before);
    return read;
}

Bytes mac_input(Bytes packed) {
    constexpr std::size_t mac_bytes = 8;
    constexpr std::size_t head_bytes = 10;  // MTI and bitmap; field 64 is its last bit.
    if (packed.size() < head_bytes + mac_bytes || (packed[head_bytes - 1] & 1U) == 0) return {};
    return packed.first(packed.size() - mac_bytes);
}

}  // namespace softpos::codec
