// What the payment path asks of the cryptography: the terminal's MAC, a card's key and its data.
// links: crypto benchmark
#include "base/check.h"
#include "crypto/aead.h"
#include "crypto/dukpt_aes.h"
#include "crypto/envelope.h"
#include "crypto/mac.h"

#include <benchmark/benchmark.h>

namespace {

using namespace softpos;
using namespace softpos::crypto;

const Buffer key_bytes(16, 0x5B);
const Buffer other_key_bytes(16, 0x33);
constexpr std::array<std::uint8_t, 8> key_id{0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56};

BlockKey key_of(Cipher cipher, std::size_t size) {
    auto key = BlockKey::make(cipher, Bytes(key_bytes).first(size));
    CHECK(key.has_value());
    return std::move(*key);
}

// 250 bytes: a sale without field 64.
void unionpay_mac(benchmark::State& state) {
    const BlockKey key = key_of(Cipher::tdes, static_cast<std::size_t>(state.range(0)));
    const Buffer message(250, 0x31);
    for (auto _ : state) benchmark::DoNotOptimize(unionpay_ecb_mac(key, message));
}
BENCHMARK(unionpay_mac)->Arg(8)->Arg(16);

void unionpay_mac_sm4(benchmark::State& state) {
    const BlockKey key = key_of(Cipher::sm4, 16);
    const Buffer message(250, 0x31);
    for (auto _ : state) benchmark::DoNotOptimize(unionpay_ecb_mac(key, message));
}
BENCHMARK(unionpay_mac_sm4);

// As the vault does it: each terminal's key into one cipher.
void unionpay_mac_of_many_terminals(benchmark::State& state) {
    BlockKey key = key_of(Cipher::tdes, 16);
    const Buffer message(250, 0x31);
    bool other = false;
    for (auto _ : state) {
        CHECK(key.rekey(other ? other_key_bytes : key_bytes).has_value());
        other = !other;
        benchmark::DoNotOptimize(unionpay_ecb_mac(key, message));
    }
}
BENCHMARK(unionpay_mac_of_many_terminals);

void dukpt_aes_data_key(benchmark::State& state) {
    // As many one bits as the argument says.
    const std::uint32_t counter = (std::uint32_t{1} << state.range(0)) - 1;
    const AesKsn ksn = AesKsn::make(key_id, counter);
    for (auto _ : state) {
        benchmark::DoNotOptimize(
            dukpt_aes_host_key(key_bytes, ksn, DukptUsage::data_encrypt, DukptKeyKind::aes128));
    }
}
BENCHMARK(dukpt_aes_data_key)->Arg(1)->Arg(8)->Arg(16);

void dukpt_aes_device_step(benchmark::State& state) {
    auto device = DukptAesDevice::load(key_bytes, key_id);
    CHECK(device.has_value());
    for (auto _ : state) {
        benchmark::DoNotOptimize(device->next(DukptUsage::data_encrypt, DukptKeyKind::aes128));
    }
}
BENCHMARK(dukpt_aes_device_step);

void open_sealed_card(benchmark::State& state) {
    const AesKsn ksn = AesKsn::make(key_id, 0xFF);
    const auto key =
        dukpt_aes_host_key(key_bytes, ksn, DukptUsage::data_encrypt, DukptKeyKind::aes128);
    const auto sealed = gcm_seal(key->bytes(), ksn.bytes, {}, Buffer(250, 1));
    for (auto _ : state) {
        const auto again =
            dukpt_aes_host_key(key_bytes, ksn, DukptUsage::data_encrypt, DukptKeyKind::aes128);
        benchmark::DoNotOptimize(gcm_open(again->bytes(), ksn.bytes, {}, *sealed));
    }
}
BENCHMARK(open_sealed_card);

void seal_envelope(benchmark::State& state) {
    const auto recipient = P256Key::generate();
    const Buffer point = recipient->public_point();
    for (auto _ : state) benchmark::DoNotOptimize(seal_to(point, {}, key_bytes));
}
BENCHMARK(seal_envelope);

}  // namespace
