// The key vault: in its own process, and as its caller sees it over the socket.
// links: keys benchmark
#include "base/check.h"
#include "crypto/drbg.h"
#include "host/scratch_directory.h"
#include "platform/keys/remote_vault.h"
#include "platform/keys/soft_vault.h"
#include "platform/keys/vault_service.h"
#include "platform/keys/vault_test_cards.h"

#include <benchmark/benchmark.h>

#include <thread>

namespace {

using namespace softpos;
using namespace softpos::keys;
using testing_ends::Acquirer;

constexpr std::array<std::uint8_t, 8> phone_id{1, 2, 3, 4, 5, 6, 7, 8};

struct World {
    World() {
        auto opened = SoftVault::open(scratch.file("vault"), random);
        CHECK(opened.has_value());
        vault = std::move(*opened);
        CHECK(vault->create_bdk("bdk").has_value());
        CHECK(vault->import_zmk_components("zmk", acquirer.components()).has_value());
        for (const char* name : {"tmk:1", "tmk:2"}) {
            const auto made = vault->create_terminal_master_key(name, "zmk");
            CHECK(made.has_value());
            key = Acquirer::under(acquirer.master_key(*made), Buffer(16, 7));
            CHECK(vault->load_working_keys(name, {key.view(), key.view(), {}}).has_value());
        }
    }

    host::ScratchDirectory scratch;
    crypto::KeyRandom random;
    std::unique_ptr<SoftVault> vault;
    Acquirer acquirer;
    testing_ends::Cryptogram key;
};

void mac_of_two_terminals(benchmark::State& state) {
    World world;
    const Buffer message(250, 0x31);
    bool first = false;
    for (auto _ : state) {
        first = !first;
        benchmark::DoNotOptimize(world.vault->mac(first ? "tmk:1" : "tmk:2", message));
    }
}
BENCHMARK(mac_of_two_terminals);

void open_card(benchmark::State& state) {
    World world;
    testing_ends::Phone phone(*world.vault, "bdk", phone_id);
    const Buffer aad(18);
    for (auto _ : state) {
        state.PauseTiming();
        const auto card = phone.seal(aad);
        state.ResumeTiming();
        CHECK(world.vault->open_card("bdk", card, aad).has_value());
    }
}
BENCHMARK(open_card);

// A sign-in: one durable record.
void load_working_keys(benchmark::State& state) {
    World world;
    for (auto _ : state) {
        CHECK(world.vault->load_working_keys("tmk:2", {world.key.view(), world.key.view(), {}})
                  .has_value());
    }
}
BENCHMARK(load_working_keys)->UseRealTime();

void mac_over_the_socket(benchmark::State& state) {
    World world;
    VaultService service(world.vault->core());
    auto server = host::SeqpacketServer::listen({.path = world.scratch.file("s")});
    CHECK(server.has_value());
    std::thread thread([&] {
        CHECK((*server)
                  ->serve([&](Bytes request, const host::PeerId& peer) {
                      return service.handle(request, Caller::of_uid(peer.uid));
                  })
                  .has_value());
    });
    {
        const auto remote = RemoteVault::connect({.path = world.scratch.file("s")});
        CHECK(remote.has_value());
        const Buffer message(250, 0x31);
        for (auto _ : state) CHECK((*remote)->mac("tmk:1", message).has_value());
    }
    (*server)->stop();
    thread.join();
}
BENCHMARK(mac_over_the_socket)->UseRealTime();

}  // namespace
