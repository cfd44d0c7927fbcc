// Operators, ceremonies and the journal, as an auditor would try them.
#include "base/hex.h"
#include "crypto/drbg.h"
#include "crypto/hash.h"
#include "crypto/kcv.h"
#include "host/scratch_directory.h"
#include "platform/keys/soft_backend.h"
#include "platform/keys/soft_vault.h"
#include "platform/keys/vault_test_cards.h"
#include "protocol/vault_ticket.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace softpos::keys {
namespace {

using protocol::VaultOperator;
using protocol::VaultRequest;
using testing::unhex;
using testing_ends::Acquirer;
using testing_ends::expect_fault;

struct Person {
    std::string name;
    crypto::P256Key key = crypto::P256Key::generate().value();

    VaultOperator entry() const {
        VaultOperator one{.name = name};
        std::ranges::copy(key.public_point(), one.point.begin());
        return one;
    }
};

// A vault on a clock that tests turn.
class TestVault final : public CallingVault {
public:
    TestVault(const std::string& directory, Random& random, const Clock& clock) {
        core_ = std::move(VaultCore::open({.directory = directory,
                                           .random = random,
                                           .clock = clock,
                                           .backend = std::make_unique<SoftBackend>(random)})
                              .value());
    }
    VaultCore& core() { return *core_; }

private:
    Result<protocol::VaultAnswer> exchange(const VaultRequest& request) override {
        return core_->handle(request, {"tester"});
    }
    std::unique_ptr<VaultCore> core_;
};

class VaultControlTest : public ::testing::Test {
protected:
    void SetUp() override {
        people_.push_back({.name = "anna"});
        people_.push_back({.name = "bo"});
        people_.push_back({.name = "chen"});
        reopen();
    }
    void reopen() {
        vault_.reset();
        vault_ = std::make_unique<TestVault>(scratch_.file("vault"), random_, clock_);
    }
    std::vector<VaultOperator> entries() const {
        std::vector<VaultOperator> all;
        for (const Person& one : people_) all.push_back(one.entry());
        return all;
    }
    void appoint() { ASSERT_TRUE(vault_->set_operators(2, entries())); }
    Result<protocol::ApprovalAnswer> approve(const protocol::TicketAnswer& ticket,
                                             const Person& who) {
        return vault_->approve({.nonce = ticket.nonce,
                                .operator_name = who.name,
                                .signature = who.key.sign(ticket.ticket)});
    }
    // By two of them, all the way.
    Result<protocol::VaultAnswer> decide(const VaultRequest& request) {
        const Buffer encoded = protocol::encode(request);
        const auto ticket = TRY(vault_->request_approval(encoded));
        TRY_VOID(approve(ticket, people_[0]));
        TRY_VOID(approve(ticket, people_[1]));
        return vault_->apply(ticket.nonce, encoded);
    }
    std::vector<protocol::JournalLine> journal() {
        auto part = vault_->read_journal(1);
        EXPECT_TRUE(part.has_value());
        return part->lines;
    }

    host::ScratchDirectory scratch_;
    crypto::KeyRandom random_;
    ManualClock clock_{Instant{1'790'000'000'000}};
    std::vector<Person> people_;
    std::unique_ptr<TestVault> vault_;
};

const VaultRequest destroy_bdk = protocol::DestroyKeyRequest{"bdk"};

// ---- Operators ------------------------------------------------------------------------------

// Shows: MPOC-4-LIFE
TEST_F(VaultControlTest, NobodyAloneDestroysAKeyOfTheOperators) {
    appoint();
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    expect_fault(vault_->destroy_key("bdk"), ErrorKind::denied, VaultFault::approval_needed);
    const Buffer encoded = protocol::encode(destroy_bdk);
    const auto ticket = vault_->request_approval(encoded).value();
    expect_fault(vault_->apply(ticket.nonce, encoded), ErrorKind::denied, VaultFault::approval);
    EXPECT_EQ(approve(ticket, people_[0]).value().approvals, 1U);
    expect_fault(vault_->apply(ticket.nonce, encoded), ErrorKind::denied, VaultFault::approval);
    expect_fault(approve(ticket, people_[0]), ErrorKind::denied, VaultFault::approval);
    expect_fault(vault_->apply(ticket.nonce, encoded), ErrorKind::denied, VaultFault::approval);
    const auto second = approve(ticket, people_[2]).value();
    EXPECT_EQ(second.approvals, 2U);
    EXPECT_EQ(second.quorum, 2U);
    EXPECT_TRUE(vault_->apply(ticket.nonce, encoded));
    EXPECT_EQ(vault_->key_info("bdk").value().state, KeyState::destroyed);
    expect_fault(vault_->apply(ticket.nonce, encoded), ErrorKind::denied, VaultFault::approval);
}

TEST_F(VaultControlTest, ATicketSaysWhatItIsAbout) {
    appoint();
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    const Buffer encoded = protocol::encode(destroy_bdk);
    const auto ticket = vault_->request_approval(encoded).value();
    const auto content = protocol::read_ticket(ticket.ticket).value();
    EXPECT_EQ(protocol::name_of_call(content.call), "destroy_key");
    EXPECT_EQ(content.subject, "bdk");
    EXPECT_EQ(content.request_digest, crypto::sha256(encoded));
    EXPECT_EQ(content.expires.unix_ms, clock_.now().unix_ms + Approvals::ticket_ms);
}

TEST_F(VaultControlTest, ATicketIsGoodForItsRequestAlone) {
    appoint();
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    ASSERT_TRUE(vault_->create_bdk("bdk2"));
    const Buffer other = protocol::encode(VaultRequest(protocol::DestroyKeyRequest{"bdk2"}));
    const auto ticket = vault_->request_approval(protocol::encode(destroy_bdk)).value();
    ASSERT_TRUE(approve(ticket, people_[0]));
    ASSERT_TRUE(approve(ticket, people_[1]));
    expect_fault(vault_->apply(ticket.nonce, other), ErrorKind::denied, VaultFault::approval);
    EXPECT_EQ(vault_->key_info("bdk2").value().state, KeyState::active);
    // Two tickets for the same have different nonces, and a signature fits one.
    const auto again = vault_->request_approval(protocol::encode(destroy_bdk)).value();
    expect_fault(vault_->approve({.nonce = again.nonce,
                                  .operator_name = "anna",
                                  .signature = people_[0].key.sign(ticket.ticket)}),
                 ErrorKind::denied, VaultFault::approval);
}

TEST_F(VaultControlTest, StrangersAndLateComersDecideNothing) {
    appoint();
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    const Buffer encoded = protocol::encode(destroy_bdk);
    const auto ticket = vault_->request_approval(encoded).value();
    Person stranger{.name = "dora"};
    expect_fault(approve(ticket, stranger), ErrorKind::denied, VaultFault::approval);
    stranger.name = "anna";  // With a key of her own.
    expect_fault(approve(ticket, stranger), ErrorKind::denied, VaultFault::approval);
    ASSERT_TRUE(approve(ticket, people_[0]));
    clock_.advance(std::chrono::milliseconds(Approvals::ticket_ms));
    expect_fault(approve(ticket, people_[1]), ErrorKind::denied, VaultFault::approval);
    const auto next = vault_->request_approval(encoded).value();
    ASSERT_TRUE(approve(next, people_[0]));
    ASSERT_TRUE(approve(next, people_[1]));
    clock_.advance(std::chrono::milliseconds(Approvals::ticket_ms));
    expect_fault(vault_->apply(next.nonce, encoded), ErrorKind::denied, VaultFault::approval);
}

TEST_F(VaultControlTest, OperatorsAreReplacedByOperators) {
    appoint();
    reopen();
    EXPECT_EQ(vault_->status().value().operators, 3U);
    EXPECT_EQ(vault_->status().value().quorum, 2U);
    const std::vector<VaultOperator> next{people_[0].entry(), people_[2].entry()};
    expect_fault(vault_->set_operators(2, next), ErrorKind::denied, VaultFault::approval_needed);
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    const auto open = vault_->request_approval(protocol::encode(destroy_bdk)).value();
    ASSERT_TRUE(decide(protocol::SetOperatorsRequest{2, next}));
    EXPECT_EQ(vault_->status().value().operators, 2U);
    expect_fault(approve(open, people_[0]), ErrorKind::denied,
                 VaultFault::approval);  // Tickets of the old list are void.
    expect_fault(decide(destroy_bdk), ErrorKind::denied, VaultFault::approval);  // Bo is out.
}

// Shows: MPOC-4-LIFE
TEST_F(VaultControlTest, AListThatOnePersonCouldFillIsNone) {
    const auto refused = [&](std::uint8_t quorum, const std::vector<VaultOperator>& list) {
        expect_fault(vault_->set_operators(quorum, list), ErrorKind::denied, VaultFault::operators);
    };
    refused(1, entries());
    refused(0, entries());
    refused(4, entries());
    refused(2, {people_[0].entry()});
    auto twice = entries();
    twice[1].point = twice[0].point;
    refused(2, twice);
    twice = entries();
    twice[1].name = twice[0].name;
    refused(2, twice);
    twice = entries();
    twice[1].point[64] ^= 1;  // No point of the curve: a signature that nobody can give.
    refused(2, twice);
    EXPECT_EQ(vault_->status().value().quorum, 0U);
}

TEST_F(VaultControlTest, WhatNeedsNoApprovalGetsNoTicket) {
    appoint();
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    ASSERT_TRUE(vault_->create_serial_key("sk"));
    const auto refused = [&](const VaultRequest& request) {
        expect_fault(vault_->request_approval(protocol::encode(request)), ErrorKind::denied,
                     VaultFault::approval);
    };
    refused(protocol::VaultStatusRequest{});
    refused(protocol::DestroyKeyRequest{"sk"});
    refused(protocol::ApplyRequest{{}, protocol::encode(destroy_bdk)});
    protocol::ImportZmkRequest import{.alias = "zmk", .components = {}};
    for (int i = 0; i < 2; ++i) import.components.emplace_back(16);
    refused(std::move(import));
    expect_fault(vault_->request_approval(unhex("0102")), ErrorKind::denied, VaultFault::approval);
    EXPECT_TRUE(vault_->destroy_key("sk")) << "one terminal's key is daily work";
    for (std::size_t i = 0; i < Approvals::tickets_max; ++i) {
        EXPECT_TRUE(vault_->request_approval(protocol::encode(destroy_bdk)));
    }
    expect_fault(vault_->request_approval(protocol::encode(destroy_bdk)), ErrorKind::denied,
                 VaultFault::full);
}

TEST_F(VaultControlTest, KeyBlocksGoInAndOutByTwo) {
    const Buffer kbpk = unhex("000102030405060708090A0B0C0D0E0FF0E1D2C3B4A5968778695A4B3C2D1E0F");
    const Buffer zero(32);
    ASSERT_TRUE(vault_->begin_ceremony(
        {.alias = "kbpk", .usage = KeyUsage::block_protection, .algorithm = KeyAlgorithm::aes}));
    for (const Buffer& part : {kbpk, zero}) {
        const SecretBytes bytes = SecretBytes::copy_of(part);
        ASSERT_TRUE(vault_->add_component({.alias = "kbpk", .bytes = bytes}));
    }
    ASSERT_TRUE(vault_->finish_ceremony("kbpk", check_value_of(KeyAlgorithm::aes, kbpk).value()));
    ASSERT_TRUE(vault_->create_key({.alias = "mac",
                                    .usage = KeyUsage::mac_cmac,
                                    .algorithm = KeyAlgorithm::aes,
                                    .exportability = Exportability::trusted}));
    appoint();
    const protocol::ExportKeyBlockRequest out{.alias = "mac", .protection_key = "kbpk"};
    expect_fault(vault_->export_key_block(out), ErrorKind::denied, VaultFault::approval_needed);
    const auto answer = decide(out);
    ASSERT_TRUE(answer.has_value());
    const auto& block = std::get<protocol::KeyBlockAnswer>(*answer);
    const protocol::ImportKeyBlockRequest in{.alias = "again",
                                             .protection_key = "kbpk",
                                             .usage = KeyUsage::mac_cmac,
                                             .block = block.block};
    expect_fault(vault_->import_key_block(in), ErrorKind::denied, VaultFault::approval_needed);
    ASSERT_TRUE(decide(in));
    EXPECT_EQ(vault_->key_info("again").value().check_value, block.check_value);
    EXPECT_EQ(journal().back().subject, "again");
    EXPECT_EQ(protocol::name_of_call(journal().back().call), "import_key_block");
}

// ---- Ceremonies -----------------------------------------------------------------------------

class VaultCeremonyTest : public VaultControlTest {
protected:
    Result<KeyCheck> bring(const Person& who, Bytes component, const std::string& alias = "zmk") {
        const SecretBytes bytes = SecretBytes::copy_of(component);
        const Buffer signature =
            who.key.sign(protocol::component_statement(alias, crypto::sha256(component)));
        return vault_->add_component(
            {.alias = alias, .bytes = bytes, .operator_name = who.name, .signature = signature});
    }
    KeyCheck check_of(Bytes key) {
        const auto kcv = crypto::zero_block_kcv(crypto::Cipher::tdes, key).value();
        return {kcv[0], kcv[1], kcv[2]};
    }

    Acquirer acquirer_;
    protocol::BeginCeremonyRequest begin_{.alias = "zmk"};
};

// Shows: MPOC-4A-2.5, MPOC-4-LIFE, JRT0156-12
TEST_F(VaultCeremonyTest, EachComponentComesFromAnotherOperator) {
    appoint();
    const auto parts = acquirer_.components();
    expect_fault(vault_->import_zmk_components("zmk", parts), ErrorKind::denied,
                 VaultFault::approval_needed);
    ASSERT_TRUE(vault_->begin_ceremony(begin_));
    EXPECT_EQ(bring(people_[0], parts[0].bytes()).value(), check_of(parts[0].bytes()));
    expect_fault(bring(people_[0], parts[1].bytes()), ErrorKind::denied, VaultFault::ceremony);
    expect_fault(vault_->add_component({.alias = "zmk", .bytes = parts[1]}), ErrorKind::denied,
                 VaultFault::approval);
    Person stranger{.name = "bo"};
    expect_fault(bring(stranger, parts[1].bytes()), ErrorKind::denied, VaultFault::approval);
    const VaultRequest finish =
        protocol::FinishCeremonyRequest{"zmk", check_of(acquirer_.zone_key())};
    expect_fault(decide(finish), ErrorKind::conflict, VaultFault::ceremony);  // One is missing.
    ASSERT_TRUE(bring(people_[1], parts[1].bytes()));
    expect_fault(vault_->finish_ceremony("zmk", check_of(acquirer_.zone_key())), ErrorKind::denied,
                 VaultFault::approval_needed);
    ASSERT_TRUE(decide(finish));
    const auto made = vault_->create_terminal_master_key("tmk", "zmk").value();
    EXPECT_EQ(check_of(acquirer_.master_key(made)), made.check_value);
    expect_fault(vault_->destroy_key("zmk"), ErrorKind::denied, VaultFault::approval_needed);
}

TEST_F(VaultCeremonyTest, WithoutOperatorsItWorksByPaperAlone) {
    const auto parts = acquirer_.components();
    ASSERT_TRUE(vault_->begin_ceremony(begin_));
    for (const SecretBytes& one : parts) {
        ASSERT_TRUE(vault_->add_component({.alias = "zmk", .bytes = one}));
    }
    expect_fault(vault_->add_component({.alias = "zmk", .bytes = parts[0]}), ErrorKind::conflict,
                 VaultFault::ceremony);
    ASSERT_TRUE(vault_->finish_ceremony("zmk", check_of(acquirer_.zone_key())));
    EXPECT_EQ(vault_->key_info("zmk").value().check_value, check_of(acquirer_.zone_key()));
}

// Shows: JRT0156-12
TEST_F(VaultCeremonyTest, AWrongSumThrowsTheComponentsAway) {
    const auto parts = acquirer_.components();
    ASSERT_TRUE(vault_->begin_ceremony(begin_));
    for (const SecretBytes& one : parts) {
        ASSERT_TRUE(vault_->add_component({.alias = "zmk", .bytes = one}));
    }
    expect_fault(vault_->finish_ceremony("zmk", {1, 2, 3}), ErrorKind::denied,
                 VaultFault::check_value);
    expect_fault(vault_->finish_ceremony("zmk", check_of(acquirer_.zone_key())),
                 ErrorKind::not_found, VaultFault::ceremony);
    expect_fault(vault_->key_info("zmk"), ErrorKind::not_found, VaultFault::unknown_key);
}

TEST_F(VaultCeremonyTest, RefusesKeysThatAreNotMadeSo) {
    const auto refused = [&](protocol::BeginCeremonyRequest request) {
        expect_fault(vault_->begin_ceremony(request), ErrorKind::malformed, VaultFault::components);
    };
    refused({.alias = "a", .usage = KeyUsage::base_derivation, .algorithm = KeyAlgorithm::aes});
    refused({.alias = "a", .usage = KeyUsage::zone_master, .algorithm = KeyAlgorithm::aes});
    refused({.alias = "a", .components = 1});
    refused({.alias = "a", .components = 4});
    ASSERT_TRUE(vault_->begin_ceremony(
        {.alias = "kbpk", .usage = KeyUsage::block_protection, .algorithm = KeyAlgorithm::aes}));
    ASSERT_TRUE(
        vault_->add_component({.alias = "kbpk", .bytes = SecretBytes::copy_of(Buffer(32, 1))}));
    expect_fault(
        vault_->add_component({.alias = "kbpk", .bytes = SecretBytes::copy_of(Buffer(16, 2))}),
        ErrorKind::malformed, VaultFault::components);
    for (std::size_t i = 1; i < VaultCore::ceremonies_max; ++i) {
        ASSERT_TRUE(vault_->begin_ceremony({.alias = "z" + std::to_string(i)}));
    }
    expect_fault(vault_->begin_ceremony({.alias = "one.too.many"}), ErrorKind::denied,
                 VaultFault::full);
}

// ---- Journal --------------------------------------------------------------------------------

// Shows: MPOC-4-LIFE, MPOC-5-AUDIT
TEST_F(VaultControlTest, EveryChangeAndEveryRefusalIsALine) {
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    expect_fault(vault_->create_bdk("bdk"), ErrorKind::conflict, VaultFault::alias_taken);
    ASSERT_TRUE(vault_->set_key_state("bdk", KeyState::suspended));
    expect_fault(vault_->mac("nobody", {}), ErrorKind::not_found, VaultFault::unknown_key);
    ASSERT_TRUE(vault_->revoke_terminal(unhex("0102030405060708")));
    const auto lines = journal();
    ASSERT_EQ(lines.size(), 5U);
    const auto is = [&](std::size_t i, std::string_view call, std::string_view subject) {
        EXPECT_EQ(protocol::name_of_call(lines[i].call), call);
        EXPECT_EQ(lines[i].subject, subject);
        EXPECT_EQ(lines[i].caller, "tester");
        EXPECT_EQ(lines[i].at, clock_.now());
    };
    is(0, "create_bdk", "bdk");
    EXPECT_EQ(lines[0].outcome, protocol::JournalOutcome::done);
    is(1, "create_bdk", "bdk");
    EXPECT_EQ(lines[1].outcome, protocol::JournalOutcome::refused);
    EXPECT_EQ(lines[1].fault, VaultFault::alias_taken);
    is(2, "set_key_state", "bdk");
    is(3, "mac", "nobody");
    EXPECT_EQ(lines[3].fault, VaultFault::unknown_key);
    is(4, "revoke_terminal", "0102030405060708");
    EXPECT_EQ(vault_->verify_journal().value().lines, 5U);
}

TEST_F(VaultControlTest, WhatGoesWellAllDayIsCounted) {
    ASSERT_TRUE(vault_->create_signing_key("permit"));
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(vault_->sign("permit", unhex("01")));
    const auto lines = journal();
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(protocol::name_of_call(lines[1].call), "sign");
    EXPECT_EQ(lines[1].outcome, protocol::JournalOutcome::counted);
    EXPECT_EQ(lines[1].count, 100U);
    EXPECT_EQ(vault_->status().value().data_calls, 100U);
    EXPECT_EQ(journal().size(), 2U) << "looking is not written down";
}

TEST_F(VaultControlTest, LinesOutliveARestartAndASnapshot) {
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    expect_fault(vault_->destroy_key("nobody"), ErrorKind::not_found, VaultFault::unknown_key);
    ASSERT_TRUE(vault_->create_serial_key("sk"));
    ASSERT_TRUE(vault_->destroy_key("sk"));  // Writes a snapshot.
    reopen();
    ASSERT_TRUE(vault_->create_bdk("bdk2"));
    reopen();
    EXPECT_EQ(journal().size(), 5U);
    EXPECT_EQ(vault_->verify_journal().value().lines, 5U);
}

// Hundreds of refusals do not make hundreds of writes, and none of them is lost on the way.
TEST_F(VaultControlTest, ManyRefusalsAreWrittenTogether) {
    constexpr int refusals = 300;
    for (int i = 0; i < refusals; ++i) {
        expect_fault(vault_->mac(std::string(protocol::key_alias_bytes_max, 'x'), {}),
                     ErrorKind::not_found, VaultFault::unknown_key);
    }
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    EXPECT_EQ(vault_->status().value().refusals, 300U);
    EXPECT_EQ(vault_->verify_journal().value().lines, 301U);
}

// Shows: MPOC-5-AUDIT
TEST_F(VaultControlTest, AJournalThatWasCutStopsTheVault) {
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    ASSERT_TRUE(vault_->create_serial_key("sk"));
    ASSERT_TRUE(vault_->destroy_key("sk"));
    vault_.reset();
    const std::string file = scratch_.file("vault") + "/journal.1";
    const auto whole = host::read_file(file, 1 << 20).value();
    constexpr std::size_t head_record_bytes = 8 + 41;  // All lines gone; the store knows of them.
    ASSERT_TRUE(host::write_durably(file, Bytes(whole).first(head_record_bytes)));
    const auto opened = VaultCore::open({.directory = scratch_.file("vault"),
                                         .random = random_,
                                         .clock = clock_,
                                         .backend = std::make_unique<SoftBackend>(random_)});
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().detail, protocol::detail_of(VaultFault::journal));
}

TEST_F(VaultControlTest, AnApprovedRequestStandsInTheJournalByItsOwnName) {
    appoint();
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    ASSERT_TRUE(decide(destroy_bdk));
    const auto lines = journal();
    std::vector<std::string> story;
    for (const auto& line : lines) {
        story.push_back(std::string(protocol::name_of_call(line.call)) + " " + line.subject);
    }
    EXPECT_EQ(story,
              (std::vector<std::string>{"set_operators ", "create_bdk bdk", "request_approval bdk",
                                        "approve anna", "approve bo", "destroy_key bdk"}));
}

}  // namespace
}  // namespace softpos::keys
