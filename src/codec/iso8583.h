// ISO 8583 messages by a dialect's table: values as text or bytes in one fixed arena, packed to and
// unpacked from the wire without a heap. Every digit, character, length, pad and bit is checked on
// the way in and in `set`, so that what a message holds can always be sent.
//
// Spec: [ISO8583-87] message structure; what a field looks like comes from the dialect alone.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "codec/dialect.h"

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::codec {

constexpr std::size_t iso_message_bytes_max = 4096;

class IsoMessage;

// Reads a whole message in the dialect of `out`, which is reset first and empty after an error.
// Error.detail is the field that does not fit (0: MTI or bitmap), Error.at the byte.
Result<void> unpack(Bytes packed, IsoMessage& out);

// One message. It is large, holds card data and stays where it is: keep one a thread and reset()
// it between messages; reset() and the destructor wipe what it held. The dialect must outlive it.
//
//     IsoMessage message(dialect);
//     TRY_VOID(message.set_mti("0200"));
//     TRY_VOID(message.set(4, "000000001000"));
//     TRY_VOID(message.set_binary(55, chip_data));
//     const std::size_t size = TRY(pack(message, out));
//
// Errors carry the field in Error.detail.
class IsoMessage {
public:
    static constexpr std::size_t arena_bytes = 2 * iso_message_bytes_max;
    static constexpr std::size_t word_bytes = 8;  // Values may be read a word at a time.

    explicit IsoMessage(const Dialect& dialect) : dialect_(&dialect) {}
    IsoMessage(const IsoMessage&) = delete;
    IsoMessage& operator=(const IsoMessage&) = delete;
    ~IsoMessage() { reset(); }

    void reset();

    Result<void> set_mti(std::string_view mti);  // "0200"
    std::string_view mti() const { return {mti_.data(), has_mti_ ? mti_.size() : 0}; }

    // Digits, track digits with '=' or 'D', or characters; exactly as many as a fixed field has.
    // Setting again replaces. `value` may not be a view into this message.
    Result<void> set(unsigned field, std::string_view value);
    Result<void> set_binary(unsigned field, Bytes value);
    void clear(unsigned field);

    bool has(unsigned field) const {
        return field >= 2 && field <= iso_field_max && (bits_[word_of(field)] & bit_of(field)) != 0;
    }
    // Until the next set or reset. `text` of a binary field and `binary` of another are nullopt.
    // The separator of a track that travels as BCD is always '='.
    std::optional<std::string_view> text(unsigned field) const {
        if (!has(field) || is_binary(field)) return std::nullopt;
        return text_of(raw(field));
    }
    std::optional<Bytes> binary(unsigned field) const {
        if (!has(field) || !is_binary(field)) return std::nullopt;
        return raw(field);
    }

    const Dialect& dialect() const { return *dialect_; }

    // Calls visit(field) in rising order.
    template <typename Visit>
    void for_each(Visit visit) const {
        for (unsigned word = 0; word < bits_.size(); ++word) {
            for (std::uint64_t rest = bits_[word]; rest != 0; rest &= rest - 1) {
                visit(word * 64 + static_cast<unsigned>(std::countr_zero(rest)) + 1);
            }
        }
    }

private:
    friend class IsoCodec;
    friend Result<void> unpack(Bytes packed, IsoMessage& out);
    struct Slot {
        std::uint16_t offset;
        std::uint16_t size;
    };
    static constexpr unsigned word_of(unsigned field) { return (field - 1) / 64; }
    static constexpr std::uint64_t bit_of(unsigned field) {
        return std::uint64_t{1} << ((field - 1) % 64);
    }

    Result<void> bad_value(unsigned field, std::string_view value) const;
    std::uint8_t* room_for(unsigned field, std::size_t size);
    void keep(unsigned field, const std::uint8_t* value, std::size_t size);
    bool is_binary(unsigned field) const {
        return dialect_->field(field).encoding == FieldEncoding::binary;
    }
    Bytes raw(unsigned field) const {
        return {arena_.data() + slots_[field].offset, slots_[field].size};
    }
    void compact();
    std::size_t forget();  // All but the bytes; gives how many there are.
    void wipe_arena(std::size_t end);

    const Dialect* dialect_;
    std::array<std::uint64_t, 2> bits_{};  // Field 1 is the lowest bit, which is found fastest.
    std::array<char, 4> mti_{};
    bool has_mti_ = false;
    std::uint16_t used_ = 0;                                    // Of the arena.
    std::array<Slot, iso_field_max + 1> slots_;                 // Meaningful where a bit is set.
    std::array<std::uint8_t, arena_bytes + word_bytes> arena_;  // Meaningful up to used_.
};

// Writes the message and says how long it is. conflict without an MTI or a field; denied where it
// does not fit in `out` or in iso_message_bytes_max.
Result<std::size_t> pack(const IsoMessage& message, std::span<std::uint8_t> out);

// What the MAC of a cup-pos message is made of: everything in front of field 64, as sent. Empty
// where the bitmap says that there is no field 64.
Bytes mac_input(Bytes packed);

// One row of a message for people and logs. `value` is masked by the class of the field: a PAN as
// 6+4, tracks without what follows it, PIN blocks, keys, MACs and private data not at all.
struct DescribedField {
    unsigned field;  // 0 is the MTI.
    std::string name;
    std::string value;
};
std::vector<DescribedField> describe(const IsoMessage& message);

}  // namespace softpos::codec
