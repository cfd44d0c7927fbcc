// Enrolment: keys made inside, a statement that covers them, and a grant that only the pinned
// platform can give.
#include "base/hex.h"
#include "crypto/hash.h"
#include "phone/trust/core_test_fixture.h"
#include "protocol/evidence_forms.h"

namespace softpos::trust {
namespace {

using protocol::CoreMode;
using protocol::TrustClass;
using protocol::TrustedFailure;
using protocol::TrustedFault;

class CoreEnrolTest : public CoreFixture {
protected:
    protocol::EnrolFinishRequest good() {
        return acquirer.finishing(acquirer.grant_for(acquirer.begin_enrolment()));
    }
};

// Shows: JRT0156-6.9
TEST_F(CoreEnrolTest, StatementCoversKeysMeasurementAndFindings) {
    const auto statement = acquirer.begin_enrolment();
    EXPECT_EQ(statement.nonce, acquirer.nonce);
    EXPECT_EQ(statement.measurement, platform.measurement());
    EXPECT_EQ(statement.claims, Acquirer::posture().claims);
    EXPECT_NE(statement.core_sign_point, statement.core_seal_point);
    ASSERT_EQ(statement.findings.size(), 2U);
    EXPECT_EQ(statement.findings[0].origin, TrustClass::app);
    EXPECT_EQ(statement.findings[1].code, protocol::FindingCode::software_key);
    const auto again = acquirer.begin_enrolment();
    EXPECT_NE(again.core_sign_point, statement.core_sign_point) << "new keys each time";
}

// Without hardware the key vouches for itself, over the challenge and everything it binds.
TEST_F(CoreEnrolTest, EvidenceWithoutHardwareIsOfTheNewKey) {
    const auto told = acquirer.ask<protocol::EnrolBeginAnswer>(
        protocol::EnrolBeginRequest{Id128{{1}}, acquirer.nonce, Acquirer::posture()});
    const auto body = protocol::decode_spa_body(told.statement.body).value();
    const auto& statement = std::get<protocol::EnrolStatement>(body);
    ASSERT_TRUE(told.evidence);
    EXPECT_EQ(told.evidence->kind, protocol::EvidenceKind::dev_process);
    const auto form = protocol::decode_dev_process_form(told.evidence->bytes).value();
    EXPECT_TRUE(crypto::p256_verify(statement.core_sign_point,
                                    protocol::dev_process_signed_message(form.statement),
                                    form.signature));
    const auto says = protocol::decode_dev_process_statement(form.statement).value();
    EXPECT_EQ(says.measurement, platform.measurement());
    EXPECT_EQ(says.core_sign_point, statement.core_sign_point);
    EXPECT_EQ(
        says.challenge,
        crypto::sha256(protocol::binding_message({.nonce = statement.nonce,
                                                  .core_sign_point = statement.core_sign_point,
                                                  .core_seal_point = statement.core_seal_point,
                                                  .measurement = statement.measurement,
                                                  .app_version = statement.claims.app_version})));
}

// Evidence of hardware is the platform's to make; where it cannot, nothing else takes its place.
TEST_F(CoreEnrolTest, SoftwareNeverVouchesWhereHardwareKeepsTheKeys) {
    platform.kept_by = protocol::Protection::tpm;
    const auto told = acquirer.ask<protocol::EnrolBeginAnswer>(
        protocol::EnrolBeginRequest{Id128{{1}}, acquirer.nonce, Acquirer::posture()});
    EXPECT_FALSE(told.evidence);
}

// Credentials are opened by what keeps the core, between the two halves of an enrolment.
TEST_F(CoreEnrolTest, WithoutHardwareNoCredentialOpens) {
    const protocol::EnrolActivateRequest request{{Buffer(70, 1), Buffer(258, 2)}};
    EXPECT_EQ(fault(request), TrustedFault::no_enrolment_begun);
    const auto finish = good();
    EXPECT_EQ(fault(request), TrustedFault::grant_refused);
    acquirer.ask<protocol::EnrolFinishAnswer>(finish);
    EXPECT_EQ(fault(request), TrustedFault::no_enrolment_begun) << "it is over";
}

TEST_F(CoreEnrolTest, NothingWorksBefore) {
    EXPECT_EQ(fault(Acquirer::preparing(100)), TrustedFault::not_enrolled);
    EXPECT_EQ(fault(Acquirer::purchase(100, {Buffer(9, 1), Buffer(9, 1)})),
              TrustedFault::not_enrolled);
    EXPECT_EQ(fault(protocol::TapContinueRequest{Buffer{0x90, 0x00}}), TrustedFault::no_tap);
    EXPECT_EQ(fault(protocol::ReportMakeRequest{}), TrustedFault::not_enrolled);
    EXPECT_EQ(fault(acquirer.command(1, protocol::CommandAction::suspend)),
              TrustedFault::not_enrolled);
    EXPECT_EQ(fault(protocol::EnrolFinishRequest{Buffer(9, 1), Buffer(9, 1)}),
              TrustedFault::no_enrolment_begun);
    const auto status = acquirer.status();
    EXPECT_EQ(status.core_version, core_version);
    EXPECT_EQ(status.mode, CoreMode::fresh);
    EXPECT_EQ(status.terminal_id, "");
}

TEST_F(CoreEnrolTest, CoreWithoutAPlatformKeyEnrolsWithNobody) {
    const auto request = good();
    core = std::make_unique<TrustedCore>(platform, CoreOptions{});
    EXPECT_EQ(fault(request), TrustedFault::platform_key);
    restart();
    acquirer.enrol();
    core = std::make_unique<TrustedCore>(platform, CoreOptions{});
    EXPECT_EQ(fault(Acquirer::preparing(100)), TrustedFault::platform_key);
    EXPECT_EQ(fault(acquirer.command(1, protocol::CommandAction::suspend)),
              TrustedFault::platform_key);
}

// Shows: MPOC-1A-5
TEST_F(CoreEnrolTest, GrantOfAnybodyElseIsRefused) {
    auto request = good();
    request.grant_signature =
        crypto::P256Key::generate()->sign(protocol::platform_signed_message(request.grant));
    EXPECT_EQ(fault(request), TrustedFault::grant_refused);
    EXPECT_EQ(acquirer.status().mode, CoreMode::fresh);
    // The core's own signature is none of the platform's.
    request.grant_signature =
        acquirer.platform_key.sign(protocol::core_signed_message(request.grant));
    EXPECT_EQ(fault(request), TrustedFault::grant_refused);
}

// Shows: MPOC-1A-5
TEST_F(CoreEnrolTest, GrantForAnotherCoreOrChallengeIsRefused) {
    const auto statement = acquirer.begin_enrolment();
    auto grant = acquirer.grant_for(statement);
    grant.nonce[0] ^= 1;
    EXPECT_EQ(fault(acquirer.finishing(grant)), TrustedFault::grant_refused);
    grant = acquirer.grant_for(statement);
    grant.core_sign_point[64] ^= 1;
    EXPECT_EQ(fault(acquirer.finishing(grant)), TrustedFault::grant_refused);
    const auto old = acquirer.finishing(acquirer.grant_for(statement));
    acquirer.nonce[0] ^= 0xFF;
    acquirer.begin_enrolment();
    EXPECT_EQ(fault(old), TrustedFault::grant_refused) << "the grant of the last challenge";
}

// Shows: MPOC-1A-KEYS, JRT0156-6.6, JRT0156-12
TEST_F(CoreEnrolTest, EnvelopesAreForTheirKeyAndPurpose) {
    const auto statement = acquirer.begin_enrolment();
    auto grant = acquirer.grant_for(statement);
    grant.card_key_id[7] = 9;
    EXPECT_EQ(fault(acquirer.finishing(grant)), TrustedFault::grant_refused);
    grant = acquirer.grant_for(statement);
    grant.card_key_envelope.back() ^= 1;
    EXPECT_EQ(fault(acquirer.finishing(grant)), TrustedFault::grant_refused);
    grant = acquirer.grant_for(statement);
    grant.serial_number = "00000801P20000000001";
    grant.serial_key_envelope = grant.card_key_envelope;
    EXPECT_EQ(fault(acquirer.finishing(grant)), TrustedFault::grant_refused);
    auto other = statement;
    std::ranges::copy(crypto::P256Key::generate()->public_point(), other.core_seal_point.begin());
    grant = acquirer.grant_for(other);
    EXPECT_EQ(fault(acquirer.finishing(grant)), TrustedFault::grant_refused);
    acquirer.ask<protocol::EnrolFinishAnswer>(acquirer.finishing(acquirer.grant_for(statement)));
    EXPECT_EQ(fault(acquirer.finishing(acquirer.grant_for(statement))),
              TrustedFault::no_enrolment_begun)
        << "the key pairs serve once";
}

TEST_F(CoreEnrolTest, ParametersThatCannotBeReadAreRefusedWithTheirLine) {
    acquirer.enrol();
    const auto old_point = acquirer.core_point;
    auto grant = acquirer.grant_for(acquirer.begin_enrolment());
    grant.emv_parameters = "format version=1\nnonsense\n";
    const auto failure = acquirer.ask<TrustedFailure>(acquirer.finishing(grant));
    EXPECT_EQ(failure.fault, TrustedFault::parameters_refused);
    EXPECT_EQ(failure.detail, 2U);
    acquirer.core_point = old_point;
    EXPECT_TRUE(acquirer.tap(debit, 100).card) << "the old enrolment stays good";
}

TEST_F(CoreEnrolTest, FailedEnrolmentLeavesTheOldOne) {
    for (int steps = 0; steps < 3; ++steps) {
        acquirer.initial_key_id[0] = 1;
        acquirer.enrol();
        const auto old_point = acquirer.core_point;
        acquirer.initial_key_id[0] = 77;
        const auto request = good();
        platform.steps_left = steps;
        EXPECT_EQ(fault(request), TrustedFault::storage_failed) << steps;
        EXPECT_EQ(acquirer.status().card_key_id[0], 1);
        platform.steps_left = 10;
        std::swap(acquirer.core_point, const_cast<protocol::Point65&>(old_point));
        EXPECT_TRUE(acquirer.tap(debit, 100).card) << steps;
        std::swap(acquirer.core_point, const_cast<protocol::Point65&>(old_point));
        platform.steps_left = 1000;
        acquirer.ask<protocol::EnrolFinishAnswer>(request);
        EXPECT_EQ(acquirer.status().card_key_id[0], 77);
        EXPECT_TRUE(acquirer.tap(debit, 100).card);
    }
}

TEST_F(CoreEnrolTest, NumbersGoOnOverEnrolments) {
    acquirer.enrol();
    ASSERT_TRUE(acquirer.tap(debit, 100).card);
    const auto last = acquirer.status().sequence;
    acquirer.enrol();
    EXPECT_EQ(acquirer.prepare(100).sequence, last + 1);
}

TEST_F(CoreEnrolTest, PinKeysAreKeptBehindTheirOwnBlock) {
    acquirer.with_pin_key = true;
    acquirer.enrol();
    const auto state = read_core_state(*platform.state);
    ASSERT_TRUE(state && !state->pin_dukpt.empty());
    const auto device = crypto::DukptAesDevice::restore(state->pin_dukpt.bytes());
    ASSERT_TRUE(device);
    EXPECT_EQ(device->counter(), 1 + counter_block);
    EXPECT_EQ(state->pin_counter, 1 + counter_block);
    restart();
    EXPECT_TRUE(acquirer.tap(debit, 100).card);
}

TEST_F(CoreEnrolTest, SerialCipherIsSealedWithTheCard) {
    acquirer.serial_number = "00000801P20000000001";
    acquirer.enrol();
    EXPECT_EQ(acquirer.status().serial_number, "00000801P20000000001");
    const auto outcome = acquirer.tap(debit, 100);
    const auto first = acquirer.open(outcome, 100);
    const auto found = first.find(0xDF8156);
    ASSERT_NE(found, first.end());
    EXPECT_EQ(found->second.size(), 8U);
    restart();
    const auto again = acquirer.open(acquirer.tap(debit, 100), 100);
    EXPECT_EQ(again.at(0xDF8156), found->second) << "the same number and card";
}

TEST_F(CoreEnrolTest, TerminalWithoutASerialKeySealsNoCipher) {
    acquirer.enrol();
    const auto card = acquirer.open(acquirer.tap(debit, 100), 100);
    EXPECT_EQ(card.count(0xDF8156), 0U);
}

}  // namespace
}  // namespace softpos::trust
