// What the hot path of the codec costs: the reference sale of sixteen fields built and packed,
// unpacked and read, and a walk over its field 55. A heap allocation in between fails the run.
// links: codec benchmark
#include "base/check.h"
#include "base/hex.h"
#include "codec/ber_tlv.h"
#include "codec/iso8583.h"

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>
#include <new>
#include <sstream>

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

namespace {

using namespace softpos;
using namespace softpos::codec;

const Dialect& dialect() {
    static const Dialect loaded = [] {
        std::ifstream file("data/dialects/cup-pos.dialect");
        CHECK(file.is_open());  // To be run in the project's folder.
        std::ostringstream text;
        text << file.rdbuf();
        return Dialect::parse(text.str()).value();
    }();
    return loaded;
}

const Buffer& chip_data() {
    static const Buffer bytes =
        from_hex(
            "9F260811223344556677889F2701809F101307010103A0000001"
            "0A010000005959BAF31C349F37042AE9F9B49F36020FCD950500000000009A03"
            "2611229C01009F02060000000010005F2A02015682027C009F1A0201569F0306"
            "0000000000009F3303E0F8C89F34031E03009F3501229F1E0831323334353637"
            "388407A0000003330101")
            .value();
    return bytes;
}

bool build(IsoMessage& message) {
    message.reset();
    return message.set_mti("0200") && message.set(2, "6210940000000001") &&
           message.set(3, "000000") && message.set(4, "000000001000") &&
           message.set(11, "000105") && message.set(12, "161243") && message.set(13, "1122") &&
           message.set(14, "3012") && message.set(22, "072") && message.set(25, "00") &&
           message.set(35, "6210940000000001=30122010000012300000") &&
           message.set(37, "261122000105") && message.set(41, "10000001") &&
           message.set(42, "847100053990002") && message.set(49, "156") &&
           message.set_binary(55, chip_data()) &&
           message.set_binary(64, Bytes(chip_data()).first(8));
}

std::size_t read_all(const IsoMessage& message) {
    std::size_t size = 0;
    message.for_each([&](unsigned field) {
        const auto text = message.text(field);
        size += text ? text->size() : message.binary(field)->size();
    });
    return size;
}

void build_and_pack(benchmark::State& state) {
    IsoMessage message(dialect());
    std::array<std::uint8_t, iso_message_bytes_max> out;
    CHECK(build(message));
    const std::size_t before = allocations;
    for (auto _ : state) {
        CHECK(build(message));
        benchmark::DoNotOptimize(pack(message, out));
    }
    CHECK(allocations == before);
}
BENCHMARK(build_and_pack);

void pack_only(benchmark::State& state) {
    IsoMessage message(dialect());
    std::array<std::uint8_t, iso_message_bytes_max> out;
    CHECK(build(message));
    for (auto _ : state) {
        CHECK(pack(message, out).has_value());
        benchmark::ClobberMemory();
    }
}
BENCHMARK(pack_only);

void unpack_only(benchmark::State& state) {
    IsoMessage message(dialect());
    std::array<std::uint8_t, iso_message_bytes_max> out;
    CHECK(build(message));
    const std::size_t size = pack(message, out).value();
    for (auto _ : state) {
        CHECK(unpack(Bytes(out).first(size), message).has_value());
        benchmark::ClobberMemory();
    }
}
BENCHMARK(unpack_only);

void unpack_and_read(benchmark::State& state) {
    IsoMessage message(dialect());
    std::array<std::uint8_t, iso_message_bytes_max> out;
    CHECK(build(message));
    const std::size_t size = pack(message, out).value();
    const std::size_t before = allocations;
    for (auto _ : state) {
        CHECK(unpack(Bytes(out).first(size), message).has_value());
        benchmark::DoNotOptimize(read_all(message));
    }
    CHECK(allocations == before);
    state.counters["bytes"] = static_cast<double>(size);
}
BENCHMARK(unpack_and_read);

// The figure of docs and comparisons: both directions, with every check. Two buffers take turns: a
// message is never read by the one who has just written it, while it still is in the store buffer.
void pack_and_unpack(benchmark::State& state) {
    IsoMessage message(dialect());
    IsoMessage read(dialect());
    std::array<std::array<std::uint8_t, iso_message_bytes_max>, 2> buffers;
    CHECK(build(message));
    std::size_t size = pack(message, buffers[1]).value();
    const std::size_t before = allocations;
    unsigned turn = 0;
    for (auto _ : state) {
        size = pack(message, buffers[turn]).value_or(0);
        turn ^= 1;
        CHECK(unpack(Bytes(buffers[turn]).first(size), read).has_value());
        benchmark::ClobberMemory();
    }
    CHECK(allocations == before);
}
BENCHMARK(pack_and_unpack);

void walk_field_55(benchmark::State& state) {
    const Buffer& bytes = chip_data();
    for (auto _ : state) {
        TlvReader reader(bytes);
        std::size_t size = 0;
        while (true) {
            const auto object = reader.next();
            CHECK(object.has_value());
            if (!*object) break;
            size += (*object)->value.size();
        }
        benchmark::DoNotOptimize(size);
    }
}
BENCHMARK(walk_field_55);

}  // namespace
