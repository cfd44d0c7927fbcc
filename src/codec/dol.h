// Data object lists: a card names the objects it wants and their sizes, and the terminal answers
// with the values alone, one behind the other.
//
// Spec: [EMV-B3] 5.4.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "codec/ber_tlv.h"

#include <cstdint>
#include <optional>

namespace softpos::codec {

// What the card asks for: this object, in exactly this many bytes.
struct DolEntry {
    Tag tag;
    std::uint8_t size;
};

// Walks a list. An error is final and names the offset.
//
//     DolReader reader(pdol);
//     while (const auto entry = TRY(reader.next())) { ... }
class DolReader {
public:
    explicit DolReader(Bytes dol) : in_(dol) {}

    Result<std::optional<DolEntry>> next();

private:
    ByteReader in_;
};

// How a value is cut or padded when the card asks for another size than it has.
enum class DataFormat : std::uint8_t { binary, numeric, compressed_numeric, alphanumeric };

// What a lookup gives. `value` is borrowed until the call of fill_dol returns.
struct DolValue {
    Bytes value;
    DataFormat format = DataFormat::binary;
    bool constructed = false;  // A template cannot be asked for: zeros are sent.
};

// No command can carry more, even with an extended length that no kernel here sends.
constexpr std::size_t dol_filled_bytes_max = 1024;

// Appends the value in the size of the entry; zeros where there is none.
Result<void> append_dol_value(DolEntry entry, const std::optional<DolValue>& found, Buffer& out);

// Appends what the list asks for. `lookup` is called once an entry: std::optional<DolValue>(Tag).
// On an error `out` keeps what was written so far: drop it.
template <typename Lookup>
Result<void> fill_dol(Bytes dol, Lookup&& lookup, Buffer& out) {
    DolReader reader(dol);
    while (const auto entry = TRY(reader.next())) {
        TRY_VOID(append_dol_value(*entry, lookup(entry->tag), out));
    }
    return {};
}

}  // namespace softpos::codec
