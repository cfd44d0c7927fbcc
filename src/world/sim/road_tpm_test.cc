// Phones whose word is a chip's, through every part from the chip to the platform's store: a real
// software TPM, and Apple's App Attest with an Apple of the test's own.
#include "codec/base64.h"
#include "crypto/drbg.h"
#include "phone/anchor/tpm_anchor.h"
#include "phone/hw/swtpm_test_support.h"
#include "platform/attest/app_attest_test_support.h"
#include "platform/attest/tpm_credential.h"
#include "platform/attest/tpm_structures.h"
#include "protocol/evidence_forms.h"
#include "world/sim/road_test_support.h"

#include <gtest/gtest.h>

namespace softpos::sim::test {
namespace {

using anchor::TpmAnchor;
using hw::SoftwareTpm;
using protocol::Evidence;
using protocol::EvidenceKind;

constexpr std::int64_t amount = 5'000;
constexpr protocol::Digest32 fleet_measurement{};  // Simulated phones all say that.

// A machine that can be switched off and on under the phone that it carries.
class Machine final : public trust::HardwareAnchor {
public:
    Machine() { open(); }
    void restart() {
        chip_.reset();
        tpm_.power_off();
        tpm_.power_on();
        open();
    }
    // Another program than the core is launched, too.
    void launch_another() { CHECK(chip_->launch({9}).error().kind == ErrorKind::denied); }
    void extend() {
        chip_.reset();
        CHECK(tpm_.connect().extend(hw::tpm_core_pcr, Buffer(32, 0xBB)).has_value());
        connect();
    }
    const SoftwareTpm& tpm() const { return tpm_; }

    protocol::Protection kind() const override { return chip_->kind(); }
    std::vector<int> descriptors() const override { return chip_->descriptors(); }
    Result<void> launch(const protocol::Digest32& measurement) override {
        return chip_->launch(measurement);
    }
    Result<Buffer> seal(Bytes secret) override { return chip_->seal(secret); }
    Result<SecretBytes> unseal(Bytes sealed) override { return chip_->unseal(sealed); }
    Result<Evidence> evidence(Bytes message) override { return chip_->evidence(message); }
    Result<Evidence> enrolment_evidence(Bytes message) override {
        return chip_->enrolment_evidence(message);
    }
    Result<Evidence> activate(const protocol::EnrolCredential& credential, Bytes binding) override {
        return chip_->activate(credential, binding);
    }

private:
    void connect() {
        (void)tpm_.connect();  // Until it listens.
        auto chip = TpmAnchor::open({.tcti = tpm_.tcti(), .authorities_pem = tpm_.issuer_pem()});
        CHECK(chip.has_value());
        chip_ = *std::move(chip);
    }
    void open() {
        connect();
        CHECK(chip_->launch(fleet_measurement).has_value());
    }

    SoftwareTpm tpm_;
    std::unique_ptr<TpmAnchor> chip_;
};

class RoadTpm : public ::testing::Test {
protected:
    void SetUp() override {
        if (!SoftwareTpm::installed()) GTEST_SKIP() << "no swtpm here";
        machine_.emplace();
        world_.emplace();
        believe(machine_->tpm().root_pem());
    }
    void believe(const std::string& roots) {
        world_->stop_service();
        world_->write_server_file("tpm-roots.pem", roots);
        world_->write_server_file("evidence.json", R"({"pcrs":{"23":"measurement"}})");
        world_->start_service();
    }
    Reply device(const std::string& terminal) {
        return world_->acquirer("/v1/terminals/" + terminal);
    }
    // Of the newest evidence of that terminal.
    std::string last(const std::string& terminal, const std::string& path) {
        const Reply all = world_->acquirer("/v1/terminals/" + terminal + "/evidence");
        const std::size_t count = all.size("evidence");
        if (count == 0) return "none";
        return all.text("evidence." + std::to_string(count - 1) + "." + path);
    }
    std::string last_verdict(const std::string& terminal) {
        return last(terminal, "verdicts.0.outcome") + " " + last(terminal, "verdicts.0.reason");
    }
    // A phone that the platform does not take; what it wrote down about it.
    std::string refused(FleetPhone& phone) {
        const std::string code = world_->enrolment_code();
        EXPECT_FALSE(phone.enrol(world_->platform(), code));
        const auto& said = phone.last_refusal();
        if (!said) return "no word of the platform";
        return last_verdict(said->reference.substr(0, 8));
    }
    std::unique_ptr<FleetPhone> phone() { return world_->make_phone({.chip = &*machine_}); }

    std::optional<Machine> machine_;
    std::optional<RoadWorld> world_;
};

// Shows: A11
TEST_F(RoadTpm, APhoneWithATpmEnrolsAndItsQuotesCarryPermits) {
    RoadPhone& phone = world_->add_chip_phone(*machine_);
    EXPECT_EQ(device(phone.terminal()).text("key_home"), "TPM");
    EXPECT_EQ(device(phone.terminal()).text("evidence_kind"), "tpm-quote");
    EXPECT_EQ(device(phone.terminal()).text("tpm.key_name").size(), 68U);
    EXPECT_EQ(last(phone.terminal(), "outcome"), "enrolled");
    EXPECT_EQ(phone.purchase(amount).result(), "approved");
    EXPECT_EQ(last_verdict(phone.terminal()), "PASS ");
    EXPECT_EQ(device(phone.terminal()).text("state"), "ACTIVE");
    EXPECT_EQ(device(phone.terminal()).size("findings"), 0U);
    // One without a chip proves less, and the platform says so.
    const Reply other = device(world_->phone().terminal());
    EXPECT_EQ(other.text("key_home"), "software");
    EXPECT_EQ(other.text("findings.0.code"), "SOFTWARE_KEY");
    world_->expect_consistent();
}

// What was proven once is known after a restart: quotes bring no certificate along.
// Shows: A11
TEST_F(RoadTpm, TheKeyIsKnownAfterTheServerStartsAgain) {
    RoadPhone& phone = world_->add_chip_phone(*machine_);
    const std::string name = device(phone.terminal()).text("tpm.key_name");
    world_->stop_service();
    world_->start_service();
    EXPECT_EQ(device(phone.terminal()).text("tpm.key_name"), name);
    phone.reconnect();
    EXPECT_EQ(phone.purchase(amount).result(), "approved");
    EXPECT_EQ(last_verdict(phone.terminal()), "PASS ");
    // So it is after the machine starts again and launches the same core.
    const std::int64_t starts = device(phone.terminal()).number("tpm.starts");
    machine_->restart();
    EXPECT_EQ(phone.purchase(amount).result(), "approved");
    EXPECT_GT(device(phone.terminal()).number("tpm.starts"), starts);
}

// Shows: A11
TEST_F(RoadTpm, AResetBetweenQuoteAndSealingIsNoticed) {
    auto phone = this->phone();
    phone->before_activation = [&](protocol::EnrolCredential&) { machine_->restart(); };
    EXPECT_EQ(refused(*phone), "FAIL RESTARTED");
}

// Shows: A11
TEST_F(RoadTpm, AProgramThatIsLaunchedBetweenQuoteAndSealingIsNoticed) {
    auto phone = this->phone();
    phone->before_activation = [&](protocol::EnrolCredential&) { machine_->extend(); };
    EXPECT_EQ(refused(*phone), "FAIL PCR_CHANGED");
}

// Shows: A11
TEST_F(RoadTpm, AnotherQuoteInPlaceOfTheProofIsNone) {
    auto phone = this->phone();
    phone->before_proof = [&](protocol::EnrolEvidence& proof) {
        proof.activation = proof.evidences.front().bytes;  // Of this key, over another challenge.
    };
    EXPECT_EQ(refused(*phone), "FAIL ACTIVATION");
    phone->before_proof = [&](protocol::EnrolEvidence& proof) {
        Machine another;
        proof.activation = another.evidence(proof.body)->bytes;
    };
    EXPECT_EQ(refused(*phone), "FAIL ACTIVATION");
    // The proof is for that very request: nothing in it may be exchanged.
    phone->before_proof = [&](protocol::EnrolEvidence& proof) { proof.csr_pem += "\n"; };
    EXPECT_EQ(refused(*phone), "FAIL ACTIVATION");
    // Nobody was asked for anything yet.
    phone->before_proof = nullptr;
    phone->before_request = [&](protocol::EnrolEvidence& proof) {
        proof.activation = proof.evidences.front().bytes;
    };
    EXPECT_EQ(refused(*phone), "FAIL ACTIVATION");
}

// Shows: A11
TEST_F(RoadTpm, ACredentialOfAnotherKeyOrTpmDoesNotOpen) {
    auto phone = this->phone();
    const Buffer form_bytes = machine_->enrolment_evidence(bytes_of("x"))->bytes;
    auto form = protocol::decode_tpm_quote_form(form_bytes).value();
    const auto ek = crypto::Certificate::parse(form.ek_certificate)->key();
    Buffer name = attest::tpm_name(form.ak_public).value();
    name.back() ^= 1;
    crypto::KeyRandom random;
    phone->before_activation = [&](protocol::EnrolCredential& credential) {
        const auto made = attest::make_tpm_credential(ek, name, Buffer(32, 1), random).value();
        credential = {made.id_object, made.encrypted_secret};
    };
    EXPECT_FALSE(phone->enrol(world_->platform(), world_->enrolment_code())) << "of another key";
    EXPECT_FALSE(phone->last_refusal()) << "the core refused, and nothing was sent";
    Machine another;
    const Buffer theirs = another.enrolment_evidence(bytes_of("x"))->bytes;
    phone->before_activation = [&](protocol::EnrolCredential& credential) {
        const auto made = attest::credential_for_quote(theirs, Buffer(32, 1), random).value();
        credential = {made.id_object, made.encrypted_secret};
    };
    EXPECT_FALSE(phone->enrol(world_->platform(), world_->enrolment_code())) << "of another TPM";
    phone->before_activation = nullptr;
    EXPECT_TRUE(phone->enrol(world_->platform(), world_->enrolment_code()));
}

// Shows: A11
TEST_F(RoadTpm, AMakerThatNobodyTrustsOrAnotherCoreIsRefused) {
    auto phone = this->phone();
    machine_->extend();
    EXPECT_EQ(refused(*phone), "FAIL PCR_VALUE") << "another program was launched";
    const std::string roots = SoftwareTpm().root_pem();
    believe(roots);
    EXPECT_EQ(refused(*phone), "FAIL ROOT_UNTRUSTED");
}

// Shows: A11
TEST_F(RoadTpm, AnOldQuoteIsNone) {
    RoadPhone& phone = world_->add_chip_phone(*machine_);
    const auto old = phone.device().prepare_permit(amount).value();
    auto ask = phone.device().prepare_permit(amount).value();
    ask.evidences = old.evidences;
    EXPECT_TRUE(std::holds_alternative<protocol::PermitGiven>(phone.device().ask(ask).value()))
        << "the evidence of enrolment is young, and anybody could have exchanged this one";
    EXPECT_EQ(last_verdict(phone.terminal()), "FAIL CHALLENGE");
    EXPECT_GT(device(phone.terminal()).number("score"), 0);
}

// Shows: A11
TEST_F(RoadTpm, AQuoteOfAnotherTpmIsNotOfThisPhone) {
    RoadPhone& phone = world_->add_chip_phone(*machine_);
    Machine another;
    auto ask = phone.device().prepare_permit(amount).value();
    const Buffer message = protocol::permit_evidence_message(ask.request.body);
    ask.evidences = {another.enrolment_evidence(message).value()};
    EXPECT_TRUE(std::holds_alternative<protocol::SpaRefused>(phone.device().ask(ask).value()));
    EXPECT_TRUE(last_verdict(phone.terminal()).starts_with("FAIL ")) << "not the maker's either";
    EXPECT_EQ(device(phone.terminal()).text("state"), "SUSPENDED");
}

// Shows: A11, MPOC-3-BASELINE
TEST_F(RoadTpm, WhatIsLaunchedBesideTheCoreEndsTheTerminal) {
    RoadPhone& phone = world_->add_chip_phone(*machine_);
    ASSERT_EQ(phone.purchase(amount).result(), "approved");
    machine_->launch_another();
    machine_->extend();
    EXPECT_FALSE(phone.device().permit(amount));
    EXPECT_EQ(last_verdict(phone.terminal()), "FAIL PCR_VALUE");
    EXPECT_EQ(device(phone.terminal()).text("state"), "SUSPENDED");
    EXPECT_EQ(world_->acquirer("/v1/incidents").size("incidents"), 1U);
}

// ---- App Attest ------------------------------------------------------------------------------

std::string pem_of(Bytes der) {
    return "-----BEGIN CERTIFICATE-----\n" + codec::to_base64(der) +
           "\n-----END CERTIFICATE-----\n";
}

class RoadApple : public ::testing::Test {
protected:
    RoadApple() {
        iphone_.leaf.not_after = {world_.clock().now().unix_ms + 86'400'000};
        world_.stop_service();
        world_.write_server_file("apple-roots.pem", pem_of(iphone_.root.certify(iphone_.root)));
        world_.write_server_file("evidence.json", R"({"apple_app":"ABCDE12345.cn.example.spos"})");
        world_.start_service();
        phone_ = world_.make_phone({});
        phone_->posture().app.hardware = protocol::bit_of(protocol::Capability::qr_show);
        phone_->posture().system = [this](Bytes message) { return say(message); };
        // On a phone of Apple's the core has nothing of its own to show.
        phone_->before_request = [](protocol::EnrolEvidence& proof) {
            proof.evidences.erase(proof.evidences.begin());
        };
    }
    // App Attest hashes what an app gives it once more.
    std::vector<Evidence> say(Bytes message) {
        const auto challenge = crypto::sha256(message);
        const auto hash = crypto::sha256(challenge);
        iphone_.challenge_hash.assign(hash.begin(), hash.end());
        if (!attested_) return {{EvidenceKind::app_attest, iphone_.attestation()}};
        iphone_.counter = next_counter_;
        iphone_.flags = 0;
        return {{EvidenceKind::app_attest, iphone_.assertion()}};
    }
    void enrol() {
        ASSERT_TRUE(phone_->enrol(world_.platform(), world_.enrolment_code()));
        attested_ = true;
    }
    bool permit(std::uint32_t counter) {
        next_counter_ = counter;
        auto ask = phone_->prepare_permit(0, protocol::PermitPurpose::qr_show).value();
        ask.evidences.erase(ask.evidences.begin());
        return std::holds_alternative<protocol::PermitGiven>(phone_->ask(ask).value());
    }
    Reply device() { return world_.acquirer("/v1/terminals/" + phone_->terminal()); }
    Reply evidence() {
        return world_.acquirer("/v1/terminals/" + phone_->terminal() + "/evidence");
    }
    std::string last_verdict() {
        const Reply all = evidence();
        const std::string at = "evidence." + std::to_string(all.size("evidence") - 1);
        return all.text(at + ".verdicts.0.outcome") + " " + all.text(at + ".verdicts.0.reason");
    }

    RoadWorld world_;
    attest::TestIphone iphone_;
    std::unique_ptr<FleetPhone> phone_;
    bool attested_ = false;
    std::uint32_t next_counter_ = 0;
};

// Shows: A10
TEST_F(RoadApple, EachAssertionCountsUpAlsoOverARestart) {
    enrol();
    EXPECT_EQ(device().text("evidence_kind"), "app-attest");
    EXPECT_EQ(device().number("app_attest.counter"), 0);
    EXPECT_TRUE(permit(1));
    EXPECT_EQ(last_verdict(), "PASS ");
    EXPECT_TRUE(permit(5)) << "others of the app's own are no gap";
    EXPECT_EQ(device().number("app_attest.counter"), 5);
    (void)permit(5);
    EXPECT_EQ(last_verdict(), "FAIL COUNTER");
    EXPECT_EQ(device().text("state"), "DEGRADED") << device().body();
    EXPECT_NE(evidence().body().find("\"REPLAY\""), std::string::npos);
    world_.stop_service();
    world_.start_service();
    (void)permit(5);
    EXPECT_EQ(last_verdict(), "FAIL COUNTER") << "it is written down";
    (void)permit(6);
    EXPECT_EQ(last_verdict(), "PASS ");
    EXPECT_EQ(device().number("app_attest.counter"), 6);
}

// Shows: A10
TEST_F(RoadApple, AnotherPhonesKeyIsNotThisOnes) {
    enrol();
    EXPECT_TRUE(permit(1));
    iphone_.key = attest::TestAuthority::make("key").key;
    EXPECT_FALSE(permit(2));
    EXPECT_EQ(last_verdict(), "FAIL SIGNATURE");
    EXPECT_EQ(device().text("state"), "SUSPENDED");
}

// Shows: A10
TEST_F(RoadApple, AnAttestationOfAnotherKeyBringsNoNewOne) {
    enrol();
    iphone_.key = attest::TestAuthority::make("key").key;
    iphone_.flags = 0x40;
    attested_ = false;
    EXPECT_FALSE(permit(0));
    EXPECT_EQ(last_verdict(), "FAIL KEY_MISMATCH");
    EXPECT_EQ(device().text("state"), "SUSPENDED");
}

}  // namespace
}  // namespace softpos::sim::test
