// The key vault: in its own process, over its socket, and through its door.
// links: keys door crypto benchmark
#include "base/check.h"
#include "crypto/drbg.h"
#include "crypto/p256.h"
#include "crypto/x509.h"
#include "host/scratch_directory.h"
#include "platform/door/door.h"
#include "platform/door/https_vault.h"
#include "platform/keys/remote_vault.h"
#include "platform/keys/soft_vault.h"
#include "platform/keys/vault_service.h"
#include "platform/keys/vault_test_cards.h"
#include "platform/keys/vault_test_token.h"

#include <benchmark/benchmark.h>

#include <string>
#include <thread>
#include <vector>

namespace {

using namespace softpos;
using namespace softpos::keys;
using testing_ends::Acquirer;

constexpr std::array<std::uint8_t, 8> phone_id{1, 2, 3, 4, 5, 6, 7, 8};

struct World {
    explicit World(testing_ends::TestToken* token = nullptr) {
        auto opened =
            SoftVault::open(scratch.file("vault"), random,
                            {.backend = token == nullptr ? nullptr : token->backend(random)});
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

// PINs as they come in: each from another phone than the one before, for another terminal, under
// the next serial number of its phone.
class PinTraffic {
public:
    static constexpr std::uint8_t phone_count = 64;

    explicit PinTraffic(World& world) : world_(world) {
        CHECK(world.vault->create_pin_bdk("bdk:pins").has_value());
        for (std::uint8_t i = 0; i < phone_count; ++i) {
            const std::string terminal = "tmk:pin" + std::to_string(i);
            const auto made = world.vault->create_terminal_master_key(terminal, "zmk");
            CHECK(made.has_value());
            const Buffer master = world.acquirer.master_key(*made);
            const Buffer clear = testing_ends::bytes_of_hex("807A23AD32B36D457AE91FDF927570EA");
            const auto pin = Acquirer::under(master, clear);
            const auto mac = Acquirer::under(master, Buffer(16, 7));
            CHECK(
                world.vault->load_working_keys(terminal, {pin.view(), mac.view(), {}}).has_value());
            phones_.emplace_back(*world.vault, "bdk:pins",
                                 std::array<std::uint8_t, 8>{9, 9, 9, 9, 0, 0, 0, i});
            terminals_.push_back(terminal);
        }
        testing_ends::Phone phone(*world.vault, "bdk", phone_id);
        const Buffer aad(18);
        auto opened = world.vault->open_card("bdk", phone.seal(aad), aad);
        CHECK(opened.has_value());
        stored_ = std::move(opened->stored_form);
    }

    void seal_a_round() {
        sealed_.clear();
        for (auto& phone : phones_) sealed_.push_back(phone.seal("1234", "6210940000000003"));
    }
    void translate_a_round() { translate_a_round(*world_.vault); }
    void translate_a_round(KeyVault& vault) {
        for (std::size_t i = 0; i < phones_.size(); ++i) {
            CHECK(vault
                      .translate_pin({.base_key = "bdk:pins",
                                      .pin = sealed_[i],
                                      .stored_form = stored_,
                                      .terminal_key = terminals_[i],
                                      .format = protocol::PinBlockFormat::iso0})
                      .has_value());
        }
    }

private:
    World& world_;
    std::vector<testing_ends::PinPhone> phones_;
    std::vector<std::string> terminals_;
    std::vector<protocol::SealedPin> sealed_;
    Buffer stored_;
};

void translate_pins_of(benchmark::State& state, World& world) {
    PinTraffic traffic(world);
    for (auto _ : state) {
        state.PauseTiming();
        traffic.seal_a_round();
        state.ResumeTiming();
        traffic.translate_a_round();
    }
    state.SetItemsProcessed(state.iterations() * PinTraffic::phone_count);
}
void translate_pins(benchmark::State& state) {
    World world;
    translate_pins_of(state, world);
}
BENCHMARK(translate_pins);

// What it costs that the base keys are in a token.
void translate_pins_token(benchmark::State& state) {
    testing_ends::TestToken token;
    World world(&token);
    translate_pins_of(state, world);
}
BENCHMARK(translate_pins_token);

constexpr const char* server_callers =
    R"({"callers":[{"common_name":"server-1","rights":"look pay"}]})";

// The vault's service in a thread of its own.
class Served {
public:
    enum class Peers : std::uint8_t { callers, doors };
    Served(World& world, Peers peers)
        : path(world.scratch.file("s")),
          service_(world.vault->core(), std::move(RemoteCallers::parse(server_callers).value())),
          server_(std::move(host::SeqpacketServer::listen({.path = path}).value())),
          thread_([this, peers] {
              CHECK(server_
                        ->serve([this, peers](Bytes request, const host::PeerId& peer) {
                            return peers == Peers::doors
                                       ? service_.handle_from_door(request)
                                       : service_.handle(request, Caller::of_uid(peer.uid));
                        })
                        .has_value());
          }) {}
    ~Served() {
        server_->stop();
        thread_.join();
    }
    Served(const Served&) = delete;
    Served& operator=(const Served&) = delete;

    const std::string path;

private:
    VaultService service_;
    std::unique_ptr<host::SeqpacketServer> server_;
    std::thread thread_;
};

// One caller that waits for each answer: what the road adds to a call.
void translate_pins_by(benchmark::State& state, World& world, KeyVault& remote) {
    PinTraffic traffic(world);
    for (auto _ : state) {
        state.PauseTiming();
        traffic.seal_a_round();
        state.ResumeTiming();
        traffic.translate_a_round(remote);
    }
    state.SetItemsProcessed(state.iterations() * PinTraffic::phone_count);
}

void translate_pins_socket(benchmark::State& state) {
    World world;
    const Served served(world, Served::Peers::callers);
    const auto remote = std::move(RemoteVault::connect({.path = served.path}).value());
    translate_pins_by(state, world, *remote);
}
BENCHMARK(translate_pins_socket)->UseRealTime();

void translate_pins_door(benchmark::State& state) {
    World world;
    const Served served(world, Served::Peers::doors);
    const Instant now = SystemClock().now();
    const auto ca = crypto::make_ca("CA", now, 1).value();
    const auto own =
        crypto::issue_server(ca, {.common_name = "door", .dns = {}, .ip = {"127.0.0.1"}}, now, 1)
            .value();
    const std::string key = crypto::P256Key::generate().value().private_pem();
    const std::string cert = crypto::sign_csr(ca, crypto::make_csr(key, "server-1").value(),
                                              {.common_name = "server-1", .now = now, .days = 1})
                                 .value();
    door::Door::Options options;
    options.cert_pem = own.cert_pem;
    options.key_pem = own.key_pem;
    options.client_ca_pem = ca.cert_pem;
    options.vault_socket = served.path;
    const auto opened = std::move(door::Door::start(std::move(options)).value());
    const auto remote = std::move(door::HttpsVault::connect({.host = "127.0.0.1",
                                                             .port = opened->port(),
                                                             .cert_pem = cert,
                                                             .key_pem = key,
                                                             .ca_pem = ca.cert_pem})
                                      .value());
    translate_pins_by(state, world, *remote);
}
BENCHMARK(translate_pins_door)->UseRealTime();

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
    const Served served(world, Served::Peers::callers);
    const auto remote = std::move(RemoteVault::connect({.path = served.path}).value());
    const Buffer message(250, 0x31);
    for (auto _ : state) CHECK(remote->mac("tmk:1", message).has_value());
}
BENCHMARK(mac_over_the_socket)->UseRealTime();

}  // namespace
