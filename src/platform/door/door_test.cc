// A real vault behind a real door: who is let in, who is not, and what happens when one goes away.
#include "platform/door/door.h"

#include "base/hex.h"
#include "crypto/drbg.h"
#include "crypto/hash.h"
#include "crypto/p256.h"
#include "crypto/x509.h"
#include "host/durable_file.h"
#include "host/scratch_directory.h"
#include "host/seqpacket.h"
#include "platform/door/https_vault.h"
#include "platform/door/revoked.h"
#include "platform/door/vault_place.h"
#include "platform/keys/soft_vault.h"
#include "platform/keys/vault_service.h"
#include "platform/keys/vault_test_cards.h"
#include "protocol/vault_door.h"
#include "protocol/vault_ticket.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <thread>
#include <vector>

namespace softpos::door {
namespace {

using keys::VaultFault;
using testing::unhex;

constexpr const char* callers = R"({"callers":[
    {"common_name":"server-1","rights":"look pay terminals found"},
    {"common_name":"reader","rights":"look"},
    {"common_name":"anna-card","rights":"look approve operate","operator":"anna"},
    {"common_name":"bo-card","rights":"look approve operate","operator":"bo"}]})";
constexpr unsigned days = 30;

Instant now() {
    return SystemClock().now();
}

crypto::CertAndKey client_of(const crypto::CertAndKey& ca, const std::string& name,
                             Instant from = now()) {
    crypto::CertAndKey made;
    made.key_pem = crypto::P256Key::generate().value().private_pem();
    const auto csr = crypto::make_csr(made.key_pem, "wish").value();
    made.cert_pem =
        crypto::sign_csr(ca, csr, {.common_name = name, .now = from, .days = 1}).value();
    return made;
}

// The vault's machine.
class VaultMachine {
public:
    explicit VaultMachine(const host::ScratchDirectory& scratch)
        : vault_(std::move(keys::SoftVault::open(scratch.file("vault"), random_).value())),
          service_(vault_->core(), std::move(keys::RemoteCallers::parse(callers).value())),
          server_(std::move(
              host::SeqpacketServer::listen({.path = scratch.file("vault.sock")}).value())),
          thread_([this] {
              CHECK(server_
                        ->serve([this](Bytes request, const host::PeerId&) {
                            return service_.handle_from_door(request);
                        })
                        .has_value());
          }) {}
    ~VaultMachine() {
        server_->stop();
        thread_.join();
    }
    VaultMachine(const VaultMachine&) = delete;
    VaultMachine& operator=(const VaultMachine&) = delete;
    keys::SoftVault& local() { return *vault_; }

private:
    crypto::KeyRandom random_;
    std::unique_ptr<keys::SoftVault> vault_;
    keys::VaultService service_;
    std::unique_ptr<host::SeqpacketServer> server_;
    std::thread thread_;
};

class DoorTest : public ::testing::Test {
protected:
    DoorTest()
        : callers_ca_(crypto::make_ca("Callers", now(), days).value()),
          doors_ca_(crypto::make_ca("Doors", now(), days).value()),
          door_identity_(
              crypto::issue_server(
                  doors_ca_, {.common_name = "door", .dns = {}, .ip = {"127.0.0.1"}}, now(), days)
                  .value()) {
        start_vault();
        start_door();
    }
    void start_vault() { vault_ = std::make_unique<VaultMachine>(scratch_); }
    void start_door() {
        Door::Options options;
        options.port = port_;
        options.cert_pem = door_identity_.cert_pem;
        options.key_pem = door_identity_.key_pem;
        options.client_ca_pem = callers_ca_.cert_pem;
        options.revoked_path = scratch_.file("revoked");
        options.vault_socket = scratch_.file("vault.sock");
        door_ = std::move(Door::start(std::move(options)).value());
        port_ = door_->port();
    }
    void SetUp() override { revoke("# nobody yet\n"); }
    void revoke(std::string_view list) {
        ASSERT_TRUE(host::write_durably(scratch_.file("revoked"), bytes_of(list)));
    }
    HttpsVault::Options options_for(const crypto::CertAndKey& identity) const {
        HttpsVault::Options options;
        options.host = "127.0.0.1";
        options.port = port_;
        options.cert_pem = identity.cert_pem;
        options.key_pem = identity.key_pem;
        options.ca_pem = doors_ca_.cert_pem;
        return options;
    }
    Result<std::unique_ptr<HttpsVault>> try_as(const crypto::CertAndKey& identity) const {
        return HttpsVault::connect(options_for(identity));
    }
    std::unique_ptr<HttpsVault> as(const std::string& name) const {
        return std::move(try_as(client_of(callers_ca_, name)).value());
    }
    // A client of one's own, to say what HttpsVault never says.
    Result<net::HttpResponse> post(const crypto::CertAndKey& identity, std::string body,
                                   net::TlsRules rules = net::TlsRules::strict) const {
        auto client = net::HttpClient::make({.port = port_,
                                             .tls = net::ClientTls{.ca_pem = doors_ca_.cert_pem,
                                                                   .server_name = "127.0.0.1",
                                                                   .cert_pem = identity.cert_pem,
                                                                   .key_pem = identity.key_pem,
                                                                   .rules = rules}});
        CHECK(client.has_value());
        return (*client)->request({.method = "POST",
                                   .target = Door::call_path,
                                   .body = std::move(body),
                                   .content_type = Door::content_type});
    }
    static std::string status_request() {
        const Buffer request =
            protocol::encode(protocol::VaultRequest(protocol::VaultStatusRequest{}));
        return std::string(text_of(request));
    }
    static void expect_unavailable(const auto& result) {
        ASSERT_FALSE(result.has_value());
        EXPECT_EQ(result.error().kind, ErrorKind::unavailable);
    }

    host::ScratchDirectory scratch_;
    crypto::CertAndKey callers_ca_;
    crypto::CertAndKey doors_ca_;
    crypto::CertAndKey door_identity_;
    std::uint16_t port_ = 0;
    std::unique_ptr<VaultMachine> vault_;
    std::unique_ptr<Door> door_;
};

TEST_F(DoorTest, CardsAndMacsComeThrough) {
    const auto vault = as("server-1");
    const keys::testing_ends::Acquirer acquirer;
    ASSERT_TRUE(vault->import_zmk_components("zmk", acquirer.components()));
    ASSERT_TRUE(vault->create_bdk("bdk"));
    const auto made = vault->create_terminal_master_key("tmk", "zmk").value();
    const auto key =
        keys::testing_ends::Acquirer::under(acquirer.master_key(made), unhex("C24A8FB57AA20123"));
    ASSERT_TRUE(vault->load_working_keys("tmk", {key.view(), key.view(), key.view()}));
    const auto mac = vault->mac("tmk", unhex("0102")).value();
    EXPECT_TRUE(vault->verify_mac("tmk", unhex("0102"), mac));
    keys::testing_ends::Phone phone(*vault, "bdk", keys::testing_ends::phone_id);
    const Buffer aad = unhex("0102");
    const auto opened = vault->open_card("bdk", phone.seal(aad), aad).value();
    EXPECT_EQ(to_hex(opened.card_tlv.bytes()), keys::testing_ends::card_list);
    EXPECT_EQ(vault_->local().status().value().phones_seen, 1U);
}

TEST_F(DoorTest, ReasonsOfTheVaultComeThrough) {
    const auto vault = as("server-1");
    const auto unknown = vault->mac("nobody", {});
    ASSERT_FALSE(unknown.has_value());
    EXPECT_EQ(unknown.error().kind, ErrorKind::not_found);
    EXPECT_EQ(unknown.error().detail, protocol::detail_of(VaultFault::unknown_key));
}

TEST_F(DoorTest, ARowThatLacksARightIsRefused) {
    ASSERT_TRUE(vault_->local().create_bdk("bdk"));
    const auto reader = as("reader");
    EXPECT_TRUE(reader->key_info("bdk"));
    keys::testing_ends::expect_fault(reader->create_bdk("other"), ErrorKind::denied,
                                     VaultFault::caller);
    const auto server = as("server-1");
    keys::testing_ends::expect_fault(server->destroy_key("bdk"), ErrorKind::denied,
                                     VaultFault::caller);
    keys::testing_ends::expect_fault(server->set_operators(0, {}), ErrorKind::denied,
                                     VaultFault::caller);
    EXPECT_EQ(vault_->local().key_info("bdk").value().state, protocol::KeyState::active);
    const auto stranger = try_as(client_of(callers_ca_, "stranger"));
    ASSERT_FALSE(stranger.has_value());
    EXPECT_EQ(stranger.error().detail, protocol::detail_of(VaultFault::caller));
}

TEST_F(DoorTest, OtherAuthoritiesAndOtherTimesAreTurnedAway) {
    expect_unavailable(try_as(client_of(doors_ca_, "server-1")));
    const auto foreign = crypto::make_ca("Callers", now(), days).value();
    expect_unavailable(try_as(client_of(foreign, "server-1")));
    const Instant long_ago{now().unix_ms - 3 * 86'400'000LL};
    expect_unavailable(try_as(client_of(callers_ca_, "server-1", long_ago)));
    EXPECT_TRUE(try_as(client_of(callers_ca_, "server-1")));
}

TEST_F(DoorTest, NobodyComesInWithoutACertificate) {
    expect_unavailable(try_as({}));
    EXPECT_FALSE(post({}, status_request()).has_value());
}

// A door that is none gets no call, and no card with it.
TEST_F(DoorTest, ADoorOfAnotherAuthorityIsNotCalled) {
    auto options = options_for(client_of(callers_ca_, "server-1"));
    options.ca_pem = callers_ca_.cert_pem;
    expect_unavailable(HttpsVault::connect(options));
    options = options_for(client_of(callers_ca_, "server-1"));
    options.host = "localhost";  // Its certificate has an address only.
    expect_unavailable(HttpsVault::connect(options));
}

TEST_F(DoorTest, ARevokedCertificateIsRefusedOnAnOpenConnection) {
    const auto identity = client_of(callers_ca_, "server-1");
    const auto vault = std::move(try_as(identity).value());
    const auto same_name = as("server-1");
    revoke("# lost\n" + crypto::certificate_fingerprint(identity.cert_pem).value() + "\n");
    expect_unavailable(vault->status());
    EXPECT_EQ(post(identity, status_request()).value().status, 403U);
    EXPECT_TRUE(same_name->status()) << "another certificate of that name is another";
    revoke("not a fingerprint\n");
    expect_unavailable(same_name->status());
    std::filesystem::remove(scratch_.file("revoked"));
    expect_unavailable(same_name->status());
}

TEST_F(DoorTest, ListsOfRevokedCertificates) {
    const std::string one(64, 'a');
    const std::string two(64, 'b');
    EXPECT_TRUE(is_revoked(one + "\n" + two, two).value());
    EXPECT_TRUE(is_revoked("\n# x\n" + one + "\n", one).value());
    EXPECT_FALSE(is_revoked("", one).value());
    EXPECT_FALSE(is_revoked("#" + one, one).value());
    for (const std::string& list :
         {one + " ", std::string(64, 'A'), one.substr(1), one + two, one + "\r\n"}) {
        EXPECT_FALSE(is_revoked(list, one).has_value()) << list;
        EXPECT_FALSE(is_revoked(one + "\n" + list, one).has_value()) << list;
    }
}

TEST_F(DoorTest, NamesThatNoVaultKnowsDoNotReachIt) {
    const auto odd = client_of(callers_ca_, "server 1");
    EXPECT_EQ(post(odd, status_request()).value().status, 403U);
    const auto empty = vault_->local().read_journal(1);
    EXPECT_TRUE(empty.value().lines.empty());
}

TEST_F(DoorTest, WhatIsNoCallIsAnsweredAndWhatIsTooLongIsNotRead) {
    const auto identity = client_of(callers_ca_, "server-1");
    const auto garbage = post(identity, "no call at all").value();
    EXPECT_EQ(garbage.status, 200U);
    const auto answer = protocol::decode_vault_answer(bytes_of(garbage.body)).value();
    EXPECT_EQ(std::get<protocol::VaultFailure>(answer).fault, VaultFault::malformed_request);
    EXPECT_EQ(post(identity, "").value().status, 400U);
    const auto body = [](std::size_t size) { return std::string(size, 'x'); };
    EXPECT_EQ(post(identity, body(protocol::door_request_bytes_max)).value().status, 200U);
    EXPECT_EQ(post(identity, body(protocol::door_request_bytes_max + 1)).value().status, 413U);
    // What passes for a door's own words is a request to the vault, and a bad one.
    const Buffer forged = protocol::encode_door_call("anna-card", bytes_of(status_request()));
    const auto refused = post(identity, std::string(text_of(forged))).value();
    const auto fault = protocol::decode_vault_answer(bytes_of(refused.body)).value();
    EXPECT_TRUE(std::holds_alternative<protocol::VaultFailure>(fault));
}

TEST_F(DoorTest, ADoorWithoutAVaultSaysSo) {
    const auto vault = as("server-1");
    vault_.reset();
    const auto identity = client_of(callers_ca_, "server-1");
    const auto answer = post(identity, status_request()).value();
    EXPECT_EQ(answer.status, 503U);
    EXPECT_NE(answer.body.find("VAULT_UNAVAILABLE"), std::string::npos);
    expect_unavailable(vault->status());
    start_vault();
    EXPECT_TRUE(vault->status()) << "and comes back by itself";
}

TEST_F(DoorTest, ADoorThatComesBackCostsOneCall) {
    auto options = options_for(client_of(callers_ca_, "server-1"));
    options.connections_max = 4;
    const auto vault = std::move(HttpsVault::connect(options).value());
    std::vector<std::thread> threads;  // All four connections get used.
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int k = 0; k < 20; ++k) EXPECT_TRUE(vault->status().has_value());
        });
    }
    for (std::thread& thread : threads) thread.join();
    door_.reset();
    expect_unavailable(vault->status());
    start_door();
    for (int i = 0; i < 8; ++i) EXPECT_TRUE(vault->status().has_value()) << i;
}

// Shows: MPOC-4-LIFE
TEST_F(DoorTest, TwoOperatorsBringAKeyWithTwoCertificates) {
    const auto anna_key = crypto::P256Key::generate().value();
    const auto bo_key = crypto::P256Key::generate().value();
    const auto entry = [](const char* name, const crypto::P256Key& key) {
        protocol::VaultOperator one{.name = name};
        std::ranges::copy(key.public_point(), one.point.begin());
        return one;
    };
    const std::vector<protocol::VaultOperator> both{entry("anna", anna_key), entry("bo", bo_key)};
    ASSERT_TRUE(vault_->local().set_operators(2, both));
    const auto anna = as("anna-card");
    const auto bo = as("bo-card");
    ASSERT_TRUE(anna->begin_ceremony({.alias = "zmk",
                                      .usage = protocol::KeyUsage::zone_master,
                                      .algorithm = protocol::KeyAlgorithm::tdes,
                                      .components = 2}));
    const keys::testing_ends::Acquirer acquirer;
    const auto parts = acquirer.components();
    const auto bring = [&](HttpsVault& through, std::size_t part, const char* name,
                           const crypto::P256Key& key) {
        const Buffer statement =
            protocol::component_statement("zmk", crypto::sha256(parts[part].bytes()));
        const Buffer signature = key.sign(statement);
        return through.add_component(
            {.alias = "zmk", .bytes = parts[part], .operator_name = name, .signature = signature});
    };
    ASSERT_TRUE(bring(*anna, 0, "anna", anna_key));
    keys::testing_ends::expect_fault(bring(*anna, 1, "bo", bo_key), ErrorKind::denied,
                                     VaultFault::caller);
    ASSERT_TRUE(bring(*bo, 1, "bo", bo_key));

    // The check value is the network's; two approve that it is this one.
    host::ScratchDirectory elsewhere;
    crypto::KeyRandom random;
    const auto other = std::move(keys::SoftVault::open(elsewhere.file("v"), random).value());
    const auto check = other->import_zmk_components("zmk", parts).value();
    const Buffer finish =
        protocol::encode(protocol::VaultRequest(protocol::FinishCeremonyRequest{"zmk", check}));
    const auto ticket = anna->request_approval(finish).value();
    const auto approve = [&](HttpsVault& through, const char* name, const crypto::P256Key& key) {
        return through.approve(
            {.nonce = ticket.nonce, .operator_name = name, .signature = key.sign(ticket.ticket)});
    };
    ASSERT_TRUE(approve(*anna, "anna", anna_key));
    keys::testing_ends::expect_fault(approve(*anna, "bo", bo_key), ErrorKind::denied,
                                     VaultFault::caller);
    keys::testing_ends::expect_fault(anna->apply(ticket.nonce, finish), ErrorKind::denied,
                                     VaultFault::approval);
    ASSERT_TRUE(approve(*bo, "bo", bo_key));
    ASSERT_TRUE(anna->apply(ticket.nonce, finish));
    EXPECT_EQ(vault_->local().key_info("zmk").value().check_value, check);
}

TEST(VaultPlace, AddressesOfDoors) {
    const auto good = parse_door_url("https://vault.bank.example:8470").value();
    EXPECT_EQ(good.host, "vault.bank.example");
    EXPECT_EQ(good.port, 8470U);
    for (const char* url :
         {"", "https://", "https://a", "https://a:", "https://a:0", "https://a:65536",
          "https://a:1/", "https://a:1 ", "https://:1", "http://a:1", "https://u@a:1",
          "https://a b:1", "https://a:-1", "https://[::1]:1"}) {
        EXPECT_FALSE(parse_door_url(url).has_value()) << url;
    }
}

TEST_F(DoorTest, APlaceNamesFilesAndAllOfThem) {
    const auto identity = client_of(callers_ca_, "server-1");
    VaultPlace place{.where = "https://127.0.0.1:" + std::to_string(port_),
                     .cert_path = scratch_.file("c"),
                     .key_path = scratch_.file("k"),
                     .ca_path = scratch_.file("a")};
    ASSERT_TRUE(host::write_durably(place.cert_path, bytes_of(identity.cert_pem)));
    ASSERT_TRUE(host::write_durably(place.key_path, bytes_of(identity.key_pem), 0600));
    ASSERT_TRUE(host::write_durably(place.ca_path, bytes_of(doors_ca_.cert_pem)));
    EXPECT_TRUE(connect_vault(place, 1).has_value());
    place.ca_path.clear();
    EXPECT_EQ(connect_vault(place, 1).error().kind, ErrorKind::malformed);
}

}  // namespace
}  // namespace softpos::door
