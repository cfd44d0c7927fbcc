// Whatever bytes a journal's file holds: what is accepted as an entry is written back as the same
// bytes, and counting entries agrees with reading them one after the other.
// links: device
#include "base/check.h"
#include "phone/device/idempotency_journal.h"

#include <algorithm>

using softpos::Buffer;
using softpos::ByteReader;
using softpos::Bytes;
using softpos::device::count_entries;
using softpos::device::decode_entry;
using softpos::device::encode_entry;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input(data, size);
    ByteReader reader(input);
    std::size_t entries = 0;
    while (!reader.empty()) {
        const std::size_t at = reader.position();
        const auto entry = decode_entry(reader);
        if (!entry) {
            CHECK(reader.position() == at);
            break;
        }
        ++entries;
        const Buffer again = encode_entry(*entry);
        CHECK(std::ranges::equal(again, input.subspan(at, reader.position() - at)));
    }
    CHECK(count_entries(input) >= entries);
    // A checksum cannot be guessed, so the input is also tried as what stands inside an entry.
    softpos::device::JournalEntry made;
    made.trace = 1;
    made.request.reference = std::string(
        softpos::text_of(input.first(std::min(size, softpos::device::reference_bytes_max))));
    Buffer image = encode_entry(made);
    const std::size_t whole = image.size();
    softpos::append(image, input);
    ByteReader again(image);
    CHECK(decode_entry(again)->request.reference == made.request.reference);
    CHECK(again.position() == whole && count_entries(image) >= 1);
    return 0;
}
