// Rows of callers: what one gives, and that nothing else does.
#include "platform/keys/remote_callers.h"

#include "base/check.h"
#include "crypto/drbg.h"
#include "host/scratch_directory.h"
#include "platform/keys/soft_vault.h"
#include "platform/keys/vault_service.h"
#include "protocol/vault_door.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

namespace softpos::keys {
namespace {

using protocol::VaultFailure;
using protocol::VaultRequest;

constexpr const char* file = R"({"callers":[
    {"common_name":"server-1","rights":"look pay terminals"},
    {"common_name":"anna-card","rights":"look approve operate","operator":"anna"},
    {"common_name":"bo-card","rights":"approve","operator":"bo"},
    {"common_name":"clerk","rights":"apply read_journal"}]})";

RemoteCallers callers_of(std::string_view text) {
    auto callers = RemoteCallers::parse(text);
    CHECK(callers.has_value());
    return *std::move(callers);
}

bool may(std::string_view who, const VaultRequest& request) {
    static const RemoteCallers callers = callers_of(file);
    const auto allowed = callers.allow(who, request);
    if (!allowed) {
        EXPECT_EQ(allowed.error().kind, ErrorKind::denied);
        EXPECT_EQ(allowed.error().detail, protocol::detail_of(VaultFault::caller));
    }
    return allowed.has_value();
}

TEST(RemoteCallers, ARowGivesWhatItSays) {
    EXPECT_TRUE(may("server-1", protocol::VaultStatusRequest{}));
    EXPECT_TRUE(may("server-1", protocol::MacRequest{}));
    EXPECT_TRUE(may("server-1", protocol::CreateTmkRequest{}));
    EXPECT_TRUE(may("anna-card", protocol::DestroyKeyRequest{"bdk"}));
    EXPECT_TRUE(may("clerk", protocol::ReadJournalRequest{}));
}

TEST(RemoteCallers, NothingElseIsGiven) {
    EXPECT_FALSE(may("server-1", protocol::DestroyKeyRequest{"bdk"}));
    EXPECT_FALSE(may("server-1", protocol::CreateBdkRequest{"bdk"}));
    EXPECT_FALSE(may("server-1", protocol::SetOperatorsRequest{}));
    EXPECT_FALSE(may("server-1", protocol::ReadJournalRequest{}));
    EXPECT_FALSE(may("anna-card", protocol::MacRequest{}));
    EXPECT_FALSE(may("clerk", protocol::VerifyJournalRequest{}));
    EXPECT_FALSE(may("bo-card", protocol::SetKeyStateRequest{}));
}

TEST(RemoteCallers, WhoHasNoRowHasNoRight) {
    for (const char* who : {"", "server-2", "server-", "server-1 ", "uid:0", "SERVER-1"}) {
        EXPECT_FALSE(may(who, protocol::VaultStatusRequest{})) << who;
    }
}

// An operator is a key and a certificate: nobody brings another's.
TEST(RemoteCallers, AnOperatorSpeaksForHimselfAlone) {
    EXPECT_TRUE(may("anna-card", protocol::ApproveRequest{{}, "anna", {}}));
    EXPECT_FALSE(may("anna-card", protocol::ApproveRequest{{}, "bo", {}}));
    EXPECT_FALSE(may("bo-card", protocol::ApproveRequest{{}, "", {}}));
    const auto component_of = [](const char* name) {
        protocol::AddComponentRequest component;
        component.operator_name = name;
        return VaultRequest(std::move(component));
    };
    EXPECT_TRUE(may("bo-card", component_of("bo")));
    EXPECT_FALSE(may("bo-card", component_of("anna")));
    EXPECT_FALSE(may("bo-card", component_of(""))) << "not even where there are no operators";
}

TEST(RemoteCallers, ApplyingTakesTheRightToWhatIsApplied) {
    const Buffer destroy = protocol::encode(VaultRequest(protocol::DestroyKeyRequest{"bdk"}));
    EXPECT_TRUE(may("anna-card", protocol::ApplyRequest{{}, destroy}));
    EXPECT_FALSE(may("clerk", protocol::ApplyRequest{{}, destroy}));
    const Buffer nested =
        protocol::encode(VaultRequest(protocol::ApplyRequest{protocol::TicketNonce{}, destroy}));
    EXPECT_TRUE(may("clerk", protocol::ApplyRequest{{}, nested})) << "the vault refuses that";
}

TEST(RemoteCallers, AFileWithASlipIsRefused) {
    const auto with = [](const std::string& rows) { return "{\"callers\":[" + rows + "]}"; };
    const std::string good = R"({"common_name":"a","rights":"look"})";
    ASSERT_TRUE(RemoteCallers::parse(with(good)));
    for (const std::string& rows :
         {std::string(), good + "," + good, std::string(R"({"common_name":"a"})"),
          std::string(R"({"common_name":"a","rights":""})"),
          std::string(R"({"common_name":"a","rights":"look "})"),
          std::string(R"({"common_name":"a","rights":"look  pay"})"),
          std::string(R"({"common_name":"a","rights":"everything"})"),
          std::string(R"({"common_name":"a","rights":"unreadable"})"),
          std::string(R"({"common_name":"a b","rights":"look"})"),
          std::string(R"({"common_name":"a","rights":"look","uid":0})"),
          std::string(R"({"common_name":"a","rights":"approve","operator":"anna"},
                         {"common_name":"b","rights":"approve","operator":"anna"})")}) {
        const auto parsed = RemoteCallers::parse(with(rows));
        ASSERT_FALSE(parsed.has_value()) << rows;
        EXPECT_EQ(parsed.error().kind, ErrorKind::malformed);
    }
    EXPECT_FALSE(RemoteCallers::parse(""));
    EXPECT_FALSE(RemoteCallers::parse("{}"));
}

// Through the service, as from the process of a door.
class DoorCalls : public ::testing::Test {
protected:
    DoorCalls() : vault_(std::move(SoftVault::open(scratch_.file("vault"), random_).value())) {}

    protocol::VaultAnswer ask(std::string_view who, const VaultRequest& request) {
        return answer(protocol::encode_door_call(who, protocol::encode(request)));
    }
    protocol::VaultAnswer answer(Bytes message) {
        auto decoded = protocol::decode_vault_answer(service_.handle_from_door(message));
        CHECK(decoded.has_value());
        return *std::move(decoded);
    }
    static VaultFault fault(const protocol::VaultAnswer& answer) {
        const auto* failure = std::get_if<VaultFailure>(&answer);
        return failure == nullptr ? VaultFault::other : failure->fault;
    }
    protocol::JournalLine last_line() { return vault_->read_journal(1).value().lines.back(); }

    host::ScratchDirectory scratch_;
    crypto::KeyRandom random_;
    std::unique_ptr<SoftVault> vault_;
    VaultService service_{vault_->core(), callers_of(file)};
};

TEST_F(DoorCalls, TheJournalHasTheNameInTheCertificate) {
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    ASSERT_EQ(fault(ask("anna-card", protocol::SetKeyStateRequest{"bdk", KeyState::suspended})),
              VaultFault::other);
    const auto line = last_line();
    EXPECT_EQ(line.caller, "tls:anna-card");
    EXPECT_EQ(line.outcome, protocol::JournalOutcome::done);
    EXPECT_EQ(protocol::name_of_call(line.call), "set_key_state");
    EXPECT_EQ(vault_->key_info("bdk").value().state, KeyState::suspended);
}

TEST_F(DoorCalls, ARefusalIsWrittenDownAndChangesNothing) {
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    EXPECT_EQ(fault(ask("server-1", protocol::DestroyKeyRequest{"bdk"})), VaultFault::caller);
    const auto line = last_line();
    EXPECT_EQ(line.caller, "tls:server-1");
    EXPECT_EQ(line.outcome, protocol::JournalOutcome::refused);
    EXPECT_EQ(line.fault, VaultFault::caller);
    EXPECT_EQ(line.subject, "bdk");
    EXPECT_EQ(vault_->key_info("bdk").value().state, KeyState::active);
    EXPECT_TRUE(vault_->verify_journal());
}

// A door never speaks for itself, and no local caller has a certificate's name.
TEST_F(DoorCalls, ADoorHasNoRightOfItsOwn) {
    const Buffer plain = protocol::encode(VaultRequest(protocol::VaultStatusRequest{}));
    EXPECT_EQ(fault(answer(plain)), VaultFault::malformed_request);
    EXPECT_EQ(last_line().caller, "door");
    EXPECT_EQ(fault(ask("uid:0", protocol::VaultStatusRequest{})), VaultFault::caller);
    EXPECT_EQ(last_line().caller, "tls:uid:0");
    VaultService closed(vault_->core());
    const auto answered = protocol::decode_vault_answer(
        closed.handle_from_door(protocol::encode_door_call("server-1", plain)));
    EXPECT_EQ(fault(*answered), VaultFault::caller) << "without a file nobody comes through a door";
    const auto local = protocol::decode_vault_answer(
        service_.handle(protocol::encode_door_call("a", plain), {"x"}));
    EXPECT_NE(fault(*local), VaultFault::other);
}

TEST_F(DoorCalls, WhateverADoorSaysIsAnswered) {
    auto prng = testing::Prng::from_environment();
    const Buffer good = protocol::encode_door_call(
        "server-1", protocol::encode(VaultRequest(protocol::MacRequest{"t", prng.bytes(16)})));
    for (int round = 0; round < 2000; ++round) {
        Buffer message = round % 2 == 0 ? prng.bytes(prng.below(64)) : good;
        if (round % 2 == 1) {
            message[prng.below(static_cast<std::uint32_t>(message.size()))] =
                static_cast<std::uint8_t>(prng.next());
        }
        ASSERT_TRUE(protocol::decode_vault_answer(service_.handle_from_door(message)).has_value())
            << "SEED=" << prng.seed();
    }
}

}  // namespace
}  // namespace softpos::keys
