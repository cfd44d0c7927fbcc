// The two loops over the fields, and what stands between text and wire: a table look-up for two
// digits at a time. A failed field is looked at again, slowly, to say at which byte it is wrong.
#include "codec/iso8583.h"

#include "base/check.h"
#include "base/secret.h"
#include "codec/iso8583_tables.h"

#include <algorithm>
#include <cstring>

namespace softpos::codec {

using iso_tables::bcd_values;
using iso_tables::digit_pairs;
using iso_tables::format_bit;
using iso_tables::formats_of_byte;
using iso_tables::not_bcd;
using iso_tables::track_pairs;

namespace {

constexpr std::size_t bitmap_half_bytes = 8;

std::uint64_t load_big_endian(const std::uint8_t* from) {
    std::uint64_t value = 0;
    std::memcpy(&value, from, sizeof value);
    return __builtin_bswap64(value);
}

void store_big_endian(std::uint64_t value, std::uint8_t* to) {
    value = __builtin_bswap64(value);
    std::memcpy(to, &value, sizeof value);
}

// True iff every byte may stand in the format.
bool all_in(const std::uint8_t* from, std::size_t size, std::uint8_t format) {
    std::uint8_t common = 0xFF;
    for (std::size_t i = 0; i < size; ++i) common &= formats_of_byte[from[i]];
    return (common & format) != 0;
}

std::size_t first_not_in(const std::uint8_t* from, std::size_t size, std::uint8_t format) {
    std::size_t i = 0;
    while (i < size && (formats_of_byte[from[i]] & format) != 0) ++i;
    return i;
}

constexpr std::uint8_t joined(std::uint8_t high, std::uint8_t low) {
    return static_cast<std::uint8_t>(high << 4 | (low & 0xF));
}

// Checked digits to half bytes; '=' is 3D and so becomes D.
void write_bcd(const std::uint8_t* from, std::size_t digits, const FieldSpec& spec,
               std::uint8_t* to) {
    if (digits % 2 != 0 && spec.pad_left) {
        *to++ = joined(spec.pad_nibble, *from++);
        --digits;
    }
    // Eight digits a step: each pair into the low byte of its 16 bits, then the bytes together.
    for (; digits >= 8; digits -= 8, from += 8, to += 4) {
        std::uint64_t eight = 0;
        std::memcpy(&eight, from, sizeof eight);
        eight &= 0x0F0F0F0F0F0F0F0F;
        eight = (eight << 4 | eight >> 8) & 0x00FF00FF00FF00FF;
        eight = (eight | eight >> 8) & 0x0000FFFF0000FFFF;
        const auto four = static_cast<std::uint32_t>(eight | eight >> 16);
        std::memcpy(to, &four, sizeof four);
    }
    for (; digits >= 2; digits -= 2, from += 2) *to++ = joined(from[0], from[1]);
    if (digits != 0) *to = joined(*from, spec.pad_nibble);
}

enum class Fault : std::uint8_t { none, digit, pad };

// Half bytes to digits. On a fault the contents of `to` mean nothing.
Fault read_bcd(const std::uint8_t* from, std::size_t digits, const FieldSpec& spec,
               std::uint8_t* to) {
    const auto& pairs = spec.format == FieldFormat::z ? track_pairs : digit_pairs;
    bool bad = false;
    if (digits % 2 != 0 && spec.pad_left) {
        if (*from >> 4 != spec.pad_nibble) return Fault::pad;
        const std::uint8_t low = *from++ & 0xF;
        bad = pairs[low][1] == '\0';
        *to++ = static_cast<std::uint8_t>(pairs[low][1]);
        --digits;
    }
    for (; digits >= 2; digits -= 2, to += 2) {
        const auto& pair = pairs[*from++];
        bad |= pair[0] == '\0';
        std::memcpy(to, pair.data(), pair.size());
    }
    if (digits != 0) {
        if ((*from & 0xF) != spec.pad_nibble) return Fault::pad;
        const auto high = static_cast<std::uint8_t>(*from & 0xF0);
        bad |= pairs[high][0] == '\0';
        *to = static_cast<std::uint8_t>(pairs[high][0]);
    }
    return bad ? Fault::digit : Fault::none;
}

// The offset of the byte that read_bcd did not like.
std::size_t find_bad_digit(const std::uint8_t* from, std::size_t digits, const FieldSpec& spec) {
    const auto& pairs = spec.format == FieldFormat::z ? track_pairs : digit_pairs;
    const std::size_t bytes = (digits + 1) / 2;
    for (std::size_t i = 0; i < bytes; ++i) {
        std::uint8_t byte = from[i];
        if (digits % 2 != 0 && spec.pad_left && i == 0) byte &= 0x0F;
        if (digits % 2 != 0 && !spec.pad_left && i + 1 == bytes) byte &= 0xF0;
        if (pairs[byte][0] == '\0') return i;
    }
    return bytes;
}

// A track in BCD may be given with D; the message always says '='.
void copy_value(const FieldSpec& spec, std::string_view value, std::uint8_t* to) {
    std::memcpy(to, value.data(), value.size());
    if (spec.format == FieldFormat::z && spec.encoding == FieldEncoding::bcd) {
        std::replace(to, to + value.size(), std::uint8_t{'D'}, std::uint8_t{'='});
    }
}

std::size_t wire_bytes(const FieldSpec& spec, std::size_t size) {
    return spec.encoding == FieldEncoding::bcd ? (size + 1) / 2 : size;
}

}  // namespace

void IsoMessage::wipe_arena() {
    wipe(std::span(arena_).first(used_));
}

void IsoMessage::reset() {
    wipe_arena();
    used_ = 0;
    bits_ = {};
    has_mti_ = false;
}

Bytes IsoMessage::raw(unsigned field) const {
    return Bytes(arena_).subspan(slots_[field].offset, slots_[field].size);
}

Result<void> IsoMessage::set_mti(std::string_view mti) {
    const bool good = mti.size() == mti_.size() && mti[0] == dialect_->version() &&
                      all_in(bytes_of(mti).data(), mti.size(), format_bit(FieldFormat::n));
    if (!good) return fail(ErrorKind::malformed, "iso8583: mti");
    std::ranges::copy(mti, mti_.begin());
    has_mti_ = true;
    return {};
}

Result<void> IsoMessage::check_size(unsigned field, const FieldSpec& spec, std::size_t size) const {
    if (size < spec.size_min || size > spec.size_max) {
        return fail(ErrorKind::malformed, "iso8583: size", field);
    }
    if (spec.counts_other_unit && spec.encoding == FieldEncoding::bcd && size % 2 != 0) {
        return fail(ErrorKind::malformed, "iso8583: odd number of digits", field);
    }
    return {};
}

Result<void> IsoMessage::set(unsigned field, std::string_view value) {
    if (field > iso_field_max || !dialect_->field(field).defined) {
        return fail(ErrorKind::unsupported, "iso8583: no such field", field);
    }
    const FieldSpec& spec = dialect_->field(field);
    if (spec.encoding == FieldEncoding::binary) {
        return fail(ErrorKind::unsupported, "iso8583: field is binary", field);
    }
    TRY_VOID(check_size(field, spec, value.size()));
    const std::uint8_t format = format_bit(spec.format);
    if (const Bytes bytes = bytes_of(value); !all_in(bytes.data(), bytes.size(), format)) {
        const std::size_t at = first_not_in(bytes.data(), bytes.size(), format);
        return fail(ErrorKind::malformed, "iso8583: character", field, at);
    }
    copy_value(spec, value, TRY(place(field, value.size())));
    return {};
}

Result<void> IsoMessage::set_binary(unsigned field, Bytes value) {
    if (field > iso_field_max || !dialect_->field(field).defined) {
        return fail(ErrorKind::unsupported, "iso8583: no such field", field);
    }
    const FieldSpec& spec = dialect_->field(field);
    if (spec.encoding != FieldEncoding::binary) {
        return fail(ErrorKind::unsupported, "iso8583: field is text", field);
    }
    TRY_VOID(check_size(field, spec, value.size()));
    std::memcpy(TRY(place(field, value.size())), value.data(), value.size());
    return {};
}

void IsoMessage::clear(unsigned field) {
    if (!has(field)) return;
    wipe(std::span(arena_).subspan(slots_[field].offset, slots_[field].size));
    bits_[word_of(field)] &= ~bit_of(field);
}

std::optional<std::string_view> IsoMessage::text(unsigned field) const {
    if (!has(field) || dialect_->field(field).encoding == FieldEncoding::binary) {
        return std::nullopt;
    }
    return text_of(raw(field));
}

std::optional<Bytes> IsoMessage::binary(unsigned field) const {
    if (!has(field) || dialect_->field(field).encoding != FieldEncoding::binary) {
        return std::nullopt;
    }
    return raw(field);
}

// Room for a value: where the old one was if it fits, else behind all others.
Result<std::uint8_t*> IsoMessage::place(unsigned field, std::size_t size) {
    Slot& slot = slots_[field];
    if (has(field) && slot.size >= size) {
        wipe(std::span(arena_).subspan(slot.offset + size, slot.size - size));
    } else {
        clear(field);
        if (used_ + size > arena_bytes) compact();
        if (used_ + size > arena_bytes) {
            return fail(ErrorKind::denied, "iso8583: message too long", field);
        }
        slot.offset = used_;
        used_ = static_cast<std::uint16_t>(used_ + size);
    }
    slot.size = static_cast<std::uint16_t>(size);
    bits_[word_of(field)] |= bit_of(field);
    return arena_.data() + slot.offset;
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
    wipe_arena();
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
    static Result<void> read_bitmap(Reader& in, IsoMessage& out);
    static Result<void> read_field(Reader& in, const FieldSpec& spec, IsoMessage& out);
    static Result<std::size_t> read_length(Reader& in, const FieldSpec& spec);
    static Result<void> bad_value(const Reader& in, const FieldSpec& spec, std::size_t size);
    static std::uint8_t* write_length(const FieldSpec& spec, std::size_t size, std::uint8_t* to);
};

std::uint8_t* IsoCodec::write_length(const FieldSpec& spec, std::size_t size, std::uint8_t* to) {
    std::size_t counted = size;
    if (spec.counts_other_unit) {
        counted = spec.encoding == FieldEncoding::bcd ? size / 2 : size * 2;
    }
    const std::size_t low = counted % 100;
    const auto tens = static_cast<std::uint8_t>(low / 10);
    const auto ones = static_cast<std::uint8_t>(low % 10);
    const auto hundreds = static_cast<std::uint8_t>(counted / 100);  // At most 9: dialect.cc.
    if (spec.length_ascii) {
        if (spec.length_bytes == 3) *to++ = '0' | hundreds;
        *to++ = '0' | tens;
        *to++ = '0' | ones;
    } else {
        if (spec.length_bytes == 2) *to++ = hundreds;
        *to++ = joined(tens, ones);
    }
    return to;
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
    const std::size_t head = mti_bytes + bitmap_half_bytes * (second ? 2 : 1);
    if (head > static_cast<std::size_t>(end - to)) {
        return fail(ErrorKind::denied, "iso8583: does not fit", 0);
    }
    if (dialect.mti_ascii()) {
        std::memcpy(to, message.mti_.data(), mti_bytes);
    } else {
        write_bcd(bytes_of(message.mti()).data(), message.mti_.size(), {}, to);
    }
    store_big_endian(bits[0] | (second ? IsoMessage::top_bit : 0), to + mti_bytes);
    if (second) store_big_endian(bits[1], to + mti_bytes + bitmap_half_bytes);
    to += head;
    unsigned too_long = 0;  // The first field that does not fit.
    message.for_each([&](unsigned field) {
        const FieldSpec& spec = dialect.field(field);
        const IsoMessage::Slot slot = message.slots_[field];
        const std::size_t bytes = wire_bytes(spec, slot.size);
        if (too_long != 0) return;
        if (spec.length_bytes + bytes > static_cast<std::size_t>(end - to)) {
            too_long = field;
            return;
        }
        if (spec.length_bytes != 0) to = write_length(spec, slot.size, to);
        const std::uint8_t* value = message.arena_.data() + slot.offset;
        if (spec.encoding == FieldEncoding::bcd) {
            write_bcd(value, slot.size, spec, to);
        } else {
            std::memcpy(to, value, bytes);
        }
        to += bytes;
    });
    if (too_long != 0) return fail(ErrorKind::denied, "iso8583: does not fit", too_long);
    return static_cast<std::size_t>(to - out.data());
}

Result<void> IsoCodec::read_mti(Reader& in, IsoMessage& out) {
    const bool ascii = out.dialect_->mti_ascii();
    const std::size_t bytes = ascii ? 4 : 2;
    if (in.rest() < bytes) return in.bad("iso8583: mti cut short", in.rest());
    auto* const mti = reinterpret_cast<std::uint8_t*>(out.mti_.data());
    if (ascii) {
        std::memcpy(mti, in.at, bytes);
        if (!all_in(mti, bytes, format_bit(FieldFormat::n))) return in.bad("iso8583: mti");
    } else if (read_bcd(in.at, out.mti_.size(), {}, mti) != Fault::none) {
        return in.bad("iso8583: mti");
    }
    if (out.mti_[0] != out.dialect_->version()) return in.bad("iso8583: mti of another version");
    out.has_mti_ = true;
    in.at += bytes;
    return {};
}

Result<void> IsoCodec::read_bitmap(Reader& in, IsoMessage& out) {
    if (in.rest() < bitmap_half_bytes) return in.bad("iso8583: bitmap cut short", in.rest());
    out.bits_[0] = load_big_endian(in.at);
    const bool second = (out.bits_[0] & IsoMessage::top_bit) != 0;
    const unsigned wanted = out.dialect_->bitmap_bytes();
    if (second ? wanted == 8 : wanted == 16) return in.bad("iso8583: bit 1 of the bitmap");
    if (!second && out.bits_[0] == 0) return in.bad("iso8583: no field");
    in.at += bitmap_half_bytes;
    if (second) {
        if (in.rest() < bitmap_half_bytes) return in.bad("iso8583: bitmap cut short", in.rest());
        out.bits_[0] &= ~IsoMessage::top_bit;
        out.bits_[1] = load_big_endian(in.at);
        if ((out.bits_[0] | out.bits_[1]) == 0) return in.bad("iso8583: no field");
        // With "auto" a second half without a field could not be packed to the same bytes.
        if (wanted == 0 && out.bits_[1] == 0) return in.bad("iso8583: empty second bitmap");
        in.at += bitmap_half_bytes;
    }
    return {};
}

Result<std::size_t> IsoCodec::read_length(Reader& in, const FieldSpec& spec) {
    const std::size_t bytes = spec.length_bytes;
    if (in.rest() < bytes) return in.bad("iso8583: length cut short", in.rest());
    std::size_t counted = 0;
    bool good = true;
    for (std::size_t i = 0; i < bytes; ++i) {
        const std::uint8_t byte = in.at[i];
        if (spec.length_ascii) {
            good = good && byte >= '0' && byte <= '9';
            counted = counted * 10 + (byte & 0xFU);
        } else {
            good = good && bcd_values[byte] != not_bcd;
            counted = counted * 100 + bcd_values[byte];
        }
    }
    if (!good) return in.bad("iso8583: length is no number");
    std::size_t size = counted;
    if (spec.counts_other_unit) {
        if (spec.encoding == FieldEncoding::bcd) {
            size = counted * 2;
        } else {
            if (counted % 2 != 0) return in.bad("iso8583: half a byte");
            size = counted / 2;
        }
    }
    if (size < spec.size_min || size > spec.size_max) return in.bad("iso8583: length out of range");
    in.at += bytes;
    return size;
}

Result<void> IsoCodec::bad_value(const Reader& in, const FieldSpec& spec, std::size_t size) {
    if (spec.encoding == FieldEncoding::bcd) {
        return in.bad("iso8583: digit", find_bad_digit(in.at, size, spec));
    }
    return in.bad("iso8583: character", first_not_in(in.at, size, format_bit(spec.format)));
}

Result<void> IsoCodec::read_field(Reader& in, const FieldSpec& spec, IsoMessage& out) {
    if (!spec.defined) return in.bad("iso8583: field is not in the dialect");
    std::size_t size = spec.size_max;
    if (spec.length_bytes != 0) {
        const auto length = read_length(in, spec);
        if (!length) return std::unexpected(length.error());
        size = *length;
    }
    const std::size_t bytes = wire_bytes(spec, size);
    if (in.rest() < bytes) return in.bad("iso8583: value cut short");
    std::uint8_t* const to = out.arena_.data() + out.used_;
    // No input is longer than half the arena, and no byte becomes more than two characters.
    out.slots_[in.field] = {out.used_, static_cast<std::uint16_t>(size)};
    out.used_ = static_cast<std::uint16_t>(out.used_ + size);
    if (spec.encoding == FieldEncoding::bcd) {
        const Fault fault = read_bcd(in.at, size, spec, to);
        if (fault == Fault::pad) return in.bad("iso8583: pad", spec.pad_left ? 0 : bytes - 1);
        if (fault != Fault::none) return bad_value(in, spec, size);
    } else {
        std::memcpy(to, in.at, bytes);
        const bool any = spec.encoding == FieldEncoding::binary;
        if (!any && !all_in(to, size, format_bit(spec.format))) return bad_value(in, spec, size);
    }
    in.at += bytes;
    return {};
}

Result<void> IsoCodec::read(Bytes packed, IsoMessage& out) {
    if (packed.size() > iso_message_bytes_max) {
        return fail(ErrorKind::denied, "iso8583: message too long", 0, iso_message_bytes_max);
    }
    Reader in{packed.data(), packed.data(), packed.data() + packed.size()};
    TRY_VOID(read_mti(in, out));
    TRY_VOID(read_bitmap(in, out));
    for (unsigned word = 0; word < out.bits_.size(); ++word) {
        for (std::uint64_t rest = out.bits_[word]; rest != 0;) {
            const auto index = static_cast<unsigned>(__builtin_clzll(rest));
            rest &= ~(IsoMessage::top_bit >> index);
            in.field = word * 64 + index + 1;
            TRY_VOID(read_field(in, out.dialect_->field(in.field), out));
        }
    }
    if (in.at != in.end) return in.bad("iso8583: bytes behind the last field");
    return {};
}

Result<std::size_t> pack(const IsoMessage& message, std::span<std::uint8_t> out) {
    return IsoCodec::write(message, out);
}

Result<void> unpack(Bytes packed, IsoMessage& out) {
    out.reset();
    const auto read = IsoCodec::read(packed, out);
    if (!read) out.reset();
    return read;
}

Bytes mac_input(Bytes packed) {
    constexpr std::size_t mac_bytes = 8;
    constexpr std::size_t head_bytes = 10;  // MTI and bitmap; field 64 is its last bit.
    if (packed.size() < head_bytes + mac_bytes || (packed[head_bytes - 1] & 1U) == 0) return {};
    return packed.first(packed.size() - mac_bytes);
}

}  // namespace softpos::codec
