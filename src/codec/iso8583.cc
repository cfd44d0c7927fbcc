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
using iso_tables::not_digit;
using iso_tables::packed_numbers;
using iso_tables::track_pairs;

namespace {

constexpr std::size_t bitmap_half_bytes = 8;
constexpr std::uint64_t every_byte = 0x0101010101010101;
constexpr std::size_t word_slack = IsoMessage::word_bytes;

std::uint64_t load_big_endian(const std::uint8_t* from) {
    std::uint64_t value = 0;
    std::memcpy(&value, from, sizeof value);
    return __builtin_bswap64(value);
}

void store_big_endian(std::uint64_t value, std::uint8_t* to) {
    value = __builtin_bswap64(value);
    std::memcpy(to, &value, sizeof value);
}

template <typename Word>
Word load(const std::uint8_t* from) {
    Word word = 0;
    std::memcpy(&word, from, sizeof word);
    return word;
}

template <typename Word>
void store(Word word, std::uint8_t* to) {
    std::memcpy(to, &word, sizeof word);
}

// Not zero where a byte is no digit: its upper half is not 3, or becomes 4 when 6 is added.
template <typename Word>
Word not_digits(Word word) {
    constexpr auto each = static_cast<Word>(0x0101010101010101);
    const Word upper = (word & (each * 0xF0)) ^ (each * 0x30);
    return upper | (((word & (each * 0x0F)) + each * 0x06) & (each * 0x10));
}

// Words one behind the other, the last one overlapping. At least one word long.
template <typename Word>
bool copy_digit_words(const std::uint8_t* from, std::size_t size, std::uint8_t* to) {
    Word bad = 0;
    for (std::size_t i = 0; i + sizeof(Word) < size; i += sizeof(Word)) {
        const auto word = load<Word>(from + i);
        bad |= not_digits(word);
        store(word, to + i);
    }
    const std::size_t last = size - sizeof(Word);
    const auto word = load<Word>(from + last);
    bad |= not_digits(word);
    store(word, to + last);
    return bad == 0;
}

// Copies; true iff every byte may stand in the format.
bool copy_checked(const std::uint8_t* from, std::size_t size, FieldFormat format,
                  std::uint8_t* to) {
    if (format == FieldFormat::n && size >= 4) {
        return size >= 8 ? copy_digit_words<std::uint64_t>(from, size, to)
                         : copy_digit_words<std::uint32_t>(from, size, to);
    }
    std::uint8_t common = 0xFF;
    for (std::size_t i = 0; i < size; ++i) {
        to[i] = from[i];
        common &= formats_of_byte[from[i]];
    }
    return (common & format_bit(format)) != 0;
}

std::size_t first_not_in(const std::uint8_t* from, std::size_t size, FieldFormat format) {
    std::size_t i = 0;
    while (i < size && (formats_of_byte[from[i]] & format_bit(format)) != 0) ++i;
    return i;
}

constexpr std::uint8_t joined(std::uint8_t high, std::uint8_t low) {
    return static_cast<std::uint8_t>(high << 4 | (low & 0xF));
}

// Eight digits to four bytes: each pair into the low byte of its 16 bits, then the bytes together.
// '=' is 3D and so becomes D.
std::uint32_t join_eight(std::uint64_t eight) {
    eight &= 0x0F0F0F0F0F0F0F0F;
    eight = (eight << 4 | eight >> 8) & 0x00FF00FF00FF00FF;
    eight = (eight | eight >> 8) & 0x0000FFFF0000FFFF;
    return static_cast<std::uint32_t>(eight | eight >> 16);
}

// Checked digits to half bytes. Reads and writes whole words: there must be room for eight bytes
// behind both; what it writes behind the value is zero.
void write_bcd(const std::uint8_t* from, std::size_t digits, const FieldSpec& spec,
               std::uint8_t* to) {
    if (digits % 2 != 0 && spec.pad_left) {
        *to++ = joined(spec.pad_nibble, *from++);
        --digits;
    }
    for (; digits > 8; digits -= 8, from += 8, to += 4) {
        store(join_eight(load<std::uint64_t>(from)), to);
    }
    // One to eight digits are left.
    const std::uint32_t four = join_eight(load<std::uint64_t>(from));
    const std::uint64_t whole_bytes = (std::uint64_t{1} << (digits / 2 * 8)) - 1;
    store(static_cast<std::uint32_t>(four & whole_bytes), to);
    if (digits % 2 != 0) to[digits / 2] = joined(from[digits - 1], spec.pad_nibble);
}

// Four bytes to eight digits, where D becomes '=' by itself. Not zero where a half byte is neither
// 0 to 9 nor, unless `separator` forbids it with its bits, D.
std::uint64_t split_eight(std::uint32_t four, std::uint64_t separator, std::uint8_t* to) {
    std::uint64_t eight = four;
    eight = (eight | eight << 16) & 0x0000FFFF0000FFFF;
    eight = (eight | eight << 8) & 0x00FF00FF00FF00FF;
    eight = (eight >> 4 | eight << 8) & (every_byte * 0x0F);
    store(eight | every_byte * 0x30, to);
    const std::uint64_t over_nine = (eight + every_byte * 0x06) & (every_byte * 0x10);
    const std::uint64_t no_separator = (eight ^ every_byte * 0x0D) + every_byte * 0x0F;
    return over_nine & (no_separator | separator);
}

// Half bytes to digits; false where one is none or the pad is wrong, and then the contents of `to`
// mean nothing.
bool read_bcd(const std::uint8_t* from, std::size_t digits, const FieldSpec& spec,
              std::uint8_t* to) {
    const auto& pairs = spec.format == FieldFormat::z ? track_pairs : digit_pairs;
    unsigned bad = 0;
    if (digits % 2 != 0 && spec.pad_left) {
        bad = static_cast<unsigned>(*from >> 4 ^ spec.pad_nibble) << 8;
        *to = pairs[*from++ & 0xF][1];
        bad |= *to++ & not_digit;
        --digits;
    }
    const std::uint64_t separator = spec.format == FieldFormat::z ? 0 : every_byte * 0x10;
    std::uint64_t bad_words = 0;
    for (; digits >= 8; digits -= 8, from += 4, to += 8) {
        bad_words |= split_eight(load<std::uint32_t>(from), separator, to);
    }
    bad |= static_cast<unsigned>(bad_words != 0) << 8;
    for (; digits >= 2; digits -= 2, to += 2) {
        const auto pair = load<std::uint16_t>(pairs[*from++].data());
        bad |= pair & not_digit;
        store(pair, to);
    }
    if (digits != 0) {
        bad |= static_cast<unsigned>((*from & 0xF) ^ spec.pad_nibble) << 8;
        *to = pairs[*from & 0xF0][0];
        bad |= *to & not_digit;
    }
    return bad == 0;
}

// The offset of the byte that read_bcd did not like.
std::size_t find_bad_digit(const std::uint8_t* from, std::size_t digits, const FieldSpec& spec) {
    const auto& pairs = spec.format == FieldFormat::z ? track_pairs : digit_pairs;
    const std::size_t bytes = (digits + 1) / 2;
    for (std::size_t i = 0; i < bytes; ++i) {
        std::uint8_t byte = from[i];
        if (digits % 2 != 0 && spec.pad_left && i == 0) byte &= 0x0F;
        if (digits % 2 != 0 && !spec.pad_left && i + 1 == bytes) byte &= 0xF0;
        if (pairs[byte][0] == not_digit) return i;
    }
    return bytes;
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
    static std::size_t read_field(const FieldSpec& spec, Bytes from, std::uint8_t* to,
                                  std::size_t& size);
    static Result<void> bad_field(Reader in, const FieldSpec& spec);
    static std::size_t read_length(Bytes from, const FieldSpec& spec);
    static Result<void> bad_length(const Reader& in, const FieldSpec& spec);
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
        to[0] = joined(bytes_of(message.mti())[0], bytes_of(message.mti())[1]);
        to[1] = joined(bytes_of(message.mti())[2], bytes_of(message.mti())[3]);
    }
    store_big_endian(bits[0] | (second ? IsoMessage::top_bit : 0), to + mti_bytes);
    if (second) store_big_endian(bits[1], to + mti_bytes + bitmap_half_bytes);
    to += head;
    unsigned too_long = 0;  // The first field that does not fit.
    message.for_each([&](unsigned field) {
        const FieldSpec& spec = dialect.field(field);
        const IsoMessage::Slot slot = message.slots_[field];
        const std::size_t bytes = wire_bytes(spec, slot.size);
        const auto room = static_cast<std::size_t>(end - to);
        if (spec.length_bytes + bytes > room || too_long != 0) [[unlikely]] {
            if (too_long == 0) too_long = field;
            return;
        }
        if (spec.length_bytes != 0) to = write_length(spec, slot.size, to);
        const std::uint8_t* value = message.arena_.data() + slot.offset;
        if (spec.encoding != FieldEncoding::bcd) {
            std::memcpy(to, value, bytes);
        } else if (spec.length_bytes + bytes + word_slack <= room) [[likely]] {
            write_bcd(value, slot.size, spec, to);
        } else {
            std::array<std::uint8_t, iso_value_size_max + word_slack> aside;
            write_bcd(value, slot.size, spec, aside.data());
            std::memcpy(to, aside.data(), bytes);
            wipe(std::span(aside).first(bytes));
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
        if (!copy_checked(in.at, bytes, FieldFormat::n, mti)) return in.bad("iso8583: mti");
    } else if (!read_bcd(in.at, out.mti_.size(), {}, mti)) {
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
        for (std::uint64_t rest = out.bits_[word]; rest != 0;) {
            const auto index = static_cast<unsigned>(__builtin_clzll(rest));
            rest &= ~(IsoMessage::top_bit >> index);
            const unsigned field = word * 64 + index + 1;
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
