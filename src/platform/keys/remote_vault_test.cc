// The vault over a real socket, from several threads, and when it dies.
#include "platform/keys/remote_vault.h"

#include "base/hex.h"
#include "crypto/drbg.h"
#include "host/scratch_directory.h"
#include "platform/keys/soft_vault.h"
#include "platform/keys/vault_service.h"
#include "platform/keys/vault_test_cards.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace softpos::keys {
namespace {

using testing::unhex;
using testing_ends::Acquirer;
using testing_ends::Cryptogram;
using testing_ends::Phone;

constexpr std::array<std::uint8_t, 8> phone_id{0x12, 0x34, 0x56, 0x78, 0, 0, 0, 1};

// A vault and its service in a thread of this process.
class Running {
public:
    explicit Running(const host::ScratchDirectory& scratch) : path_(scratch.file("vault.sock")) {
        vault_ = std::move(SoftVault::open(scratch.file("vault"), random_).value());
        service_ = std::make_unique<VaultService>(vault_->core());
        server_ = std::move(host::SeqpacketServer::listen({.path = path_}).value());
        thread_ = std::thread([this] {
            CHECK(server_
                      ->serve([this](Bytes request, const host::PeerId& peer) {
                          return service_->handle(request, Caller::of_uid(peer.uid));
                      })
                      .has_value());
        });
    }
    ~Running() {
        server_->stop();
        thread_.join();
    }
    std::unique_ptr<RemoteVault> connect(unsigned connections = 4) const {
        return std::move(
            RemoteVault::connect({.path = path_, .connections_max = connections}).value());
    }

private:
    std::string path_;
    crypto::KeyRandom random_;
    std::unique_ptr<SoftVault> vault_;
    std::unique_ptr<VaultService> service_;
    std::unique_ptr<host::SeqpacketServer> server_;
    std::thread thread_;
};

TEST(RemoteVault, EveryCallGoesThroughAndComesBack) {
    const host::ScratchDirectory scratch;
    const Running running(scratch);
    const auto vault = running.connect();
    const Acquirer acquirer;
    EXPECT_TRUE(vault->import_zmk_components("zmk", acquirer.components()));
    const KeyCheck bdk = vault->create_bdk("bdk").value();
    const auto made = vault->create_terminal_master_key("tmk", "zmk").value();
    const Buffer master = acquirer.master_key(made);
    const Cryptogram key = Acquirer::under(master, unhex("C24A8FB57AA20123"));
    ASSERT_TRUE(vault->load_working_keys("tmk", {key.view(), key.view(), key.view()}));
    const auto mac = vault->mac("tmk", unhex("0102")).value();
    EXPECT_TRUE(vault->verify_mac("tmk", unhex("0102"), mac));
    EXPECT_EQ(vault->verify_mac("tmk", unhex("0103"), mac).error().kind, ErrorKind::denied);

    Phone phone(*vault, "bdk", phone_id);
    const Buffer aad = unhex("0102");
    const auto card = phone.seal(aad);
    const auto opened = vault->open_card("bdk", card, aad).value();
    EXPECT_EQ(to_hex(opened.card_tlv.bytes()), testing_ends::card_list);
    EXPECT_EQ(opened.masked_pan, "621094******0003");
    EXPECT_FALSE(opened.repeated);
    EXPECT_TRUE(vault->open_card("bdk", card, aad).value().repeated);
    EXPECT_TRUE(vault->open_stored(opened.stored_form));

    EXPECT_EQ(vault->key_info("bdk").value().check_value, bdk);
    EXPECT_TRUE(vault->set_key_state("bdk", KeyState::suspended));
    EXPECT_EQ(vault->open_card("bdk", card, aad).error().kind, ErrorKind::denied);
    const VaultStatus status = vault->status().value();
    EXPECT_EQ(status.terminal_keys, 1U);
    EXPECT_EQ(status.signed_in_terminals, 1U);
    EXPECT_EQ(status.phones_seen, 1U);
    EXPECT_EQ(status.listed.size(), 2U);
}

TEST(RemoteVault, ReasonsComeThroughTheWire) {
    const host::ScratchDirectory scratch;
    const Running running(scratch);
    const auto vault = running.connect();
    const auto unknown = vault->mac("nobody", {});
    EXPECT_EQ(unknown.error().kind, ErrorKind::not_found);
    EXPECT_EQ(unknown.error().detail, protocol::detail_of(VaultFault::unknown_key));
    ASSERT_TRUE(vault->create_bdk("bdk"));
    EXPECT_EQ(vault->create_bdk("bdk").error().kind, ErrorKind::conflict);
}

// What cannot be said in a message is refused before it is sent.
TEST(RemoteVault, RefusesWhatDoesNotFitAMessage) {
    const host::ScratchDirectory scratch;
    const Running running(scratch);
    const auto vault = running.connect();
    const auto malformed = [](const auto& result) {
        EXPECT_EQ(result.error().kind, ErrorKind::malformed);
    };
    malformed(vault->create_bdk("no/good"));
    malformed(vault->create_bdk(""));
    malformed(vault->mac("t", Buffer(protocol::mac_data_bytes_max + 1)));
    malformed(vault->open_stored({}));
    malformed(vault->open_card("bdk", {{}, Buffer(protocol::sealed_card_bytes_max + 1)}, {}));
    malformed(vault->import_zmk_components("z", {}));
    malformed(vault->export_dukpt_initial_key("bdk", unhex("00"), Buffer(65)));
    EXPECT_FALSE(vault->verify_mac("t", {}, {}).has_value());
}

TEST(RemoteVault, ManyThreadsShareAFewConnections) {
    const host::ScratchDirectory scratch;
    const Running running(scratch);
    const auto vault = running.connect(2);
    ASSERT_TRUE(vault->create_bdk("bdk"));
    const KeyCheck check = vault->key_info("bdk").value().check_value;
    std::atomic<int> good = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i) {
        threads.emplace_back([&] {
            for (int k = 0; k < 50; ++k) {
                const auto info = vault->key_info("bdk");
                if (info && info->check_value == check) ++good;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(good, 300);
}

TEST(RemoteVault, NoVaultIsUnavailable) {
    const host::ScratchDirectory scratch;
    const auto vault = RemoteVault::connect({.path = scratch.file("nothing.sock")});
    ASSERT_FALSE(vault.has_value());
    EXPECT_EQ(vault.error().kind, ErrorKind::unavailable);
}

// A process of its own, as in the product, to be killed for good.
pid_t start_vault(const host::ScratchDirectory& scratch) {
    auto server = host::SeqpacketServer::listen({.path = scratch.file("vault.sock")});
    CHECK(server.has_value());
    const pid_t child = ::fork();
    CHECK(child >= 0);
    if (child > 0) return child;  // The child listens already: no wait is needed.
    crypto::KeyRandom random;
    auto vault = SoftVault::open(scratch.file("vault"), random);
    if (!vault) ::_exit(1);
    VaultService service((*vault)->core());
    const auto served = (*server)->serve([&service](Bytes request, const host::PeerId& peer) {
        return service.handle(request, Caller::of_uid(peer.uid));
    });
    ::_exit(served ? 0 : 2);
}

void kill_vault(pid_t child) {
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
}

TEST(RemoteVault, AKilledVaultIsUnavailableAndItsKeysOutliveIt) {
    const host::ScratchDirectory scratch;
    pid_t child = start_vault(scratch);
    const auto vault = std::move(
        RemoteVault::connect({.path = scratch.file("vault.sock"), .timeout_ms = 20'000}).value());
    const KeyCheck check = vault->create_bdk("bdk").value();
    kill_vault(child);
    for (int i = 0; i < 6; ++i) {
        EXPECT_EQ(vault->key_info("bdk").error().kind, ErrorKind::unavailable);
    }
    child = start_vault(scratch);
    const auto info = vault->key_info("bdk");
    kill_vault(child);
    ASSERT_TRUE(info.has_value());
    EXPECT_EQ(info->check_value, check);
}

// Whatever arrives is answered with something that can be read.
TEST(VaultService, AnswersEverything) {
    const host::ScratchDirectory scratch;
    crypto::KeyRandom random;
    const auto vault = std::move(SoftVault::open(scratch.file("vault"), random).value());
    VaultService service(vault->core());
    auto prng = testing::Prng::from_environment();
    for (int round = 0; round < 2000; ++round) {
        Buffer request = round % 2 == 0 ? prng.bytes(prng.below(64))
                                        : protocol::encode(protocol::VaultRequest(
                                              protocol::MacRequest{"terminal", prng.bytes(16)}));
        if (round % 4 == 3) request[prng.below(10)] = static_cast<std::uint8_t>(prng.next());
        const auto answer =
            protocol::decode_vault_answer(service.handle(request, Caller::of_uid(1)));
        ASSERT_TRUE(answer.has_value()) << "SEED=" << prng.seed();
        ASSERT_TRUE(std::holds_alternative<protocol::VaultFailure>(*answer) ||
                    std::holds_alternative<VaultStatus>(*answer));
    }
    const auto other =
        protocol::decode_vault_answer(service.handle(unhex("C00102C10101"), Caller::of_uid(1)));
    EXPECT_EQ(std::get<protocol::VaultFailure>(*other).fault, VaultFault::version_unsupported);
}

}  // namespace
}  // namespace softpos::keys
