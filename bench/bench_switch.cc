// What a message costs a host that checks and makes MACs and stores nothing: a purchase from a
// classic terminal, from its frame to the frame of its answer; and what the socket in front of it
// costs, an echo over loopback.
// links: channel crypto net benchmark
#include "base/check.h"
#include "base/hex.h"
#include "codec/cup_frame.h"
#include "codec/iso8583.h"
#include "crypto/mac.h"
#include "net/frame_link.h"
#include "net/frame_server.h"
#include "platform/channel/cup_requests.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <fstream>
#include <memory>
#include <sstream>
#include <vector>

namespace {

using namespace softpos;

const codec::Dialect& dialect() {
    static const codec::Dialect loaded = [] {
        std::ifstream file("data/dialects/cup-pos.dialect");
        CHECK(file.is_open());  // To be run in the project's folder.
        std::ostringstream text;
        text << file.rdbuf();
        return codec::Dialect::parse(text.str()).value();
    }();
    return loaded;
}

const crypto::BlockKey& mac_key() {
    static const auto key = [] {
        const Buffer bytes = from_hex("55036372B17543ECB173730768B8D6C4").value();
        return crypto::BlockKey::make(crypto::Cipher::tdes, bytes).value();
    }();
    return key;
}

void put_mac(Buffer& packed) {
    const auto mac = crypto::unionpay_ecb_mac(mac_key(), codec::mac_input(packed));
    std::ranges::copy(mac, packed.end() - static_cast<std::ptrdiff_t>(mac.size()));
}

Buffer packed(const codec::IsoMessage& message) {
    Buffer out(codec::iso_message_bytes_max);
    out.resize(codec::pack(message, out).value());
    put_mac(out);
    return out;
}

// A contactless purchase of 256 bytes.
const Buffer& purchase_frame() {
    static const Buffer frame = [] {
        const Buffer chip =
            from_hex(
                "9F260811223344556677889F2701809F101307010103A00000010A010000005959BAF31C349F37042A"
                "E9"
                "F9B49F36020FCD950500000000009A032611229C01009F02060000000010005F2A02015682027C009F"
                "1A"
                "0201569F03060000000000009F3303E0F8C89F34031E03009F3501229F1E083132333435363738840"
                "7A0000003330101")
                .value();
        codec::IsoMessage message(dialect());
        CHECK(message.set_mti("0200") && message.set(2, "6210940000000001") &&
              message.set(3, "000000") && message.set(4, "000000001000") &&
              message.set(11, "000105") && message.set(14, "3012") && message.set(22, "072") &&
              message.set(25, "00") && message.set(35, "6210940000000001=30122010000012300000") &&
              message.set(41, "10000001") && message.set(42, "847100053990002") &&
              message.set(49, "156") && message.set_binary(55, chip) &&
              message.set(60, "22000024000600") && message.set_binary(64, Buffer(8, '0')));
        codec::CupFrame parts;
        parts.tpdu = {0x60, 0x00, 0x06, 0x00, 0x00};
        parts.header = {0x60, 0x31, 0x00, 0x31, 0x10, 0x03};
        static const Buffer body = packed(message);
        parts.message = body;
        return codec::build_frame(parts);
    }();
    return frame;
}

Buffer answer_to(Bytes frame) {
    const auto parts = codec::parse_frame(frame);
    CHECK(parts.has_value());
    codec::IsoMessage in(dialect()), out(dialect());
    CHECK(codec::unpack(parts->message, in).has_value());
    const auto request = channel::read_request(in);
    CHECK(request.has_value() && request->mac.has_value());
    const auto mac = crypto::unionpay_ecb_mac(mac_key(), codec::mac_input(parts->message));
    CHECK(equal_constant_time(*request->mac, mac));
    CHECK(channel::build_answer(in,
                                {.code = "00",
                                 .reference = "261122000105",
                                 .approval = "A1B2C3",
                                 .local_time = "161243",
                                 .local_date = "1122",
                                 .settle_date = "1122"},
                                out)
              .has_value());
    CHECK(out.set_binary(64, Buffer(8, '0')).has_value());
    const Buffer body = packed(out);
    return codec::build_frame(
        {.tpdu = codec::answer_tpdu(parts->tpdu), .header = parts->header, .message = body});
}

void mac_verified_messages(benchmark::State& state) {
    const Buffer& frame = purchase_frame();
    for (auto _ : state) {
        Buffer answer = answer_to(frame);
        benchmark::DoNotOptimize(answer.data());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(mac_verified_messages);

std::int64_t thread_cpu_ns() {
    timespec time{};
    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// So many terminals, each with a connection that stays and one message under way. What the host's
// thread used of its processor is measured, without what the terminals used of theirs.
void host_echo(benchmark::State& state) {
    std::atomic<std::int64_t> first_ns{-1}, last_ns{0}, served{0};
    auto server = net::FrameServer::listen({}, [&](const net::FrameConnection& from, Bytes frame) {
        if (first_ns < 0) first_ns = thread_cpu_ns();
        from.send({frame.begin(), frame.end()});
        ++served;
        last_ns = thread_cpu_ns();
    });
    CHECK(server.has_value());
    std::atomic<std::int64_t> under_way{0};
    std::vector<std::unique_ptr<net::FrameLink>> links;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
        auto link = net::FrameLink::start(
            {.port = (*server)->port()},
            [&](Bytes) {
                --under_way;
                under_way.notify_one();
            },
            [](net::LinkState) {});
        CHECK(link.has_value());
        links.push_back(*std::move(link));
    }
    while (!std::ranges::all_of(links, [](const auto& link) { return link->connected(); })) {
    }
    std::size_t next = 0;
    for (auto _ : state) {
        for (auto now = under_way.load(); now >= state.range(0); now = under_way.load()) {
            under_way.wait(now);
        }
        ++under_way;
        CHECK(links[next]->send(purchase_frame()).has_value());
        next = (next + 1) % links.size();
    }
    for (auto left = under_way.load(); left > 0; left = under_way.load()) under_way.wait(left);
    state.SetItemsProcessed(state.iterations());
    const std::int64_t count = std::max<std::int64_t>(served - 1, 1);
    state.counters["host_cpu_ns"] = static_cast<double>((last_ns - first_ns) / count);
}
BENCHMARK(host_echo)->Arg(32)->UseRealTime();

}  // namespace
