// The hot path takes nothing from the heap: this program's operator new counts.
#include "codec/dialect_test_data.h"
#include "codec/iso8583.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
    ++allocations;
    void* memory = std::malloc(size);  // NOLINT: this is the allocator.
    if (memory == nullptr) std::abort();
    return memory;
}

void operator delete(void* memory) noexcept {
    std::free(memory);  // NOLINT: this is the allocator.
}

void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);  // NOLINT: this is the allocator.
}

namespace softpos::codec {
namespace {

TEST(Iso8583, TheHotPathTakesNothingFromTheHeap) {
    const Buffer chip = testing::unhex("9F26081122334455667788 9F360200019C0100");
    const Dialect& dialect = cup_pos();
    std::array<std::uint8_t, iso_message_bytes_max> out{};
    bool good = true;
    const std::size_t before = allocations;
    IsoMessage message(dialect);
    IsoMessage read(dialect);
    for (int round = 0; round < 10; ++round) {
        message.reset();
        good = good && message.set_mti("0200") && message.set(2, "6210940000000001") &&
               message.set(4, "000000001000") && message.set(41, "10000001") &&
               message.set_binary(55, chip) && message.set_binary(64, Bytes(chip).first(8));
        const auto size = pack(message, out);
        good = good && size && unpack(Bytes(out).first(*size), read) && read.has(55);
        good = good && !unpack(Bytes(out).first(*size - 1), read);
    }
    const std::size_t after = allocations;
    EXPECT_TRUE(good);
    EXPECT_EQ(after, before);
    const auto proof = std::make_unique<int>(1);  // The counter counts.
    EXPECT_EQ(allocations, after + 1);
}

}  // namespace
}  // namespace softpos::codec
