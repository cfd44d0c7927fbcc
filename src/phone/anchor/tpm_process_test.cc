// The real program on a real software TPM: its storage key comes back for this program on this
// machine, and for nobody else.
#include "base/hex.h"
#include "crypto/hash.h"
#include "host/seqpacket.h"
#include "phone/hw/swtpm_test_support.h"
#include "phone/trust/test_rig.h"
#include "protocol/evidence_forms.h"
#include "world/card/virtual_card.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sys/stat.h>

namespace softpos::anchor {
namespace {

using hw::SoftwareTpm;
using protocol::CoreMode;

constexpr unsigned start_ms = 60'000;

std::string program_path() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "softpos-trusted";
}

class TpmProcess : public ::testing::Test {
protected:
    void SetUp() override {
        if (!SoftwareTpm::installed()) GTEST_SKIP() << "no swtpm here";
        ASSERT_EQ(::chmod(scratch_.path().c_str(), 0755), 0);
        machine_.emplace();
    }
    // Empty where it ended instead; why() says more.
    std::string start(const std::string& program, bool with_tpm = true) {
        child_.reset();
        (void)machine_->connect();  // Until it listens.
        const std::string key = to_hex(acquirer_.platform_point()) + "\n";
        EXPECT_TRUE(host::write_durably(scratch_.file("permit.pub"), bytes_of(key), 0644));
        host::ChildOptions options;
        options.program = program;
        options.arguments = {"--socket",       scratch_.file("socket"),
                             "--state",        scratch_.file("state"),
                             "--platform-key", scratch_.file("permit.pub")};
        if (with_tpm) {
            options.arguments.insert(options.arguments.end(),
                                     {"--tpm", machine_->tcti(), "--tpm-pcr", "7"});
        }
        options.pipe_output = true;
        options.output_path = scratch_.file("log");
        std::ofstream(options.output_path, std::ios::trunc).flush();
        auto child = host::ChildProcess::spawn(options);
        CHECK(child.has_value());
        child_.emplace(std::move(*child));
        const auto line = child_->read_line(start_ms);
        if (line && !line->empty()) return *line;
        const auto ended = child_->wait(start_ms);
        EXPECT_TRUE(ended && ended->code == 1);
        return "";
    }
    std::string start() { return start(program_path()); }
    void stop() {
        child_->terminate();
        ASSERT_TRUE(child_->wait(start_ms));
        child_.reset();
    }
    std::string why() const {
        std::ifstream log(scratch_.file("log"));
        return {std::istreambuf_iterator<char>(log), {}};
    }
    void power_cycle() {
        child_.reset();
        machine_->power_off();
        machine_->power_on();
    }

    const host::ScratchDirectory scratch_;
    std::optional<SoftwareTpm> machine_;
    std::optional<host::ChildProcess> child_;
    trust::Acquirer acquirer_{[this](Bytes request) {
        host::SeqpacketClient client(
            {.path = scratch_.file("socket"), .timeout_ms = start_ms, .server_uid = {}});
        auto answer = client.call(request);
        CHECK(answer.has_value());
        return std::move(*answer);
    }};
};

// Shows: A19, JRT0156-6.4
TEST_F(TpmProcess, ItsKeyComesBackForThisProgramAlsoAfterPowerOff) {
    const std::string report = start();
    ASSERT_NE(report.find("\"protection\":\"tpm\""), std::string::npos) << report << why();
    acquirer_.enrol();
    EXPECT_EQ(acquirer_.status().protection, protocol::Protection::tpm);
    EXPECT_FALSE(std::filesystem::exists(scratch_.file("state/storage.key")));
    EXPECT_TRUE(std::filesystem::exists(scratch_.file("state/storage.tpm")));
    stop();
    ASSERT_FALSE(start().empty()) << why();
    EXPECT_EQ(acquirer_.status().mode, CoreMode::ready);
    power_cycle();
    ASSERT_FALSE(start().empty()) << why();
    EXPECT_EQ(acquirer_.status().mode, CoreMode::ready);
}

// Behind the gate it can still quote, over each request that it signs.
TEST_F(TpmProcess, QuotesBehindTheGate) {
    ASSERT_FALSE(start().empty()) << why();
    const auto begun =
        acquirer_.ask<protocol::EnrolBeginAnswer>(protocol::EnrolBeginRequest{Id128{{1}}, {2}, {}});
    ASSERT_TRUE(begun.evidence) << why();
    EXPECT_EQ(begun.evidence->kind, protocol::EvidenceKind::tpm_quote);
    const auto form = protocol::decode_tpm_quote_form(begun.evidence->bytes);
    ASSERT_TRUE(form);
    EXPECT_FALSE(form->ek_certificate.empty());
    ASSERT_EQ(form->pcrs.size(), 2U) << "7 and 23";
    const auto program = host::read_file(program_path(), 512UL * 1024 * 1024).value();
    Buffer launched(32);
    append(launched, crypto::sha256(program));
    EXPECT_EQ(to_hex(form->pcrs[1]), to_hex(crypto::sha256(launched)));
    // What was not made for this TPM opens nothing, and the core goes on.
    const auto failed = acquirer_.ask<protocol::TrustedFailure>(
        protocol::EnrolActivateRequest{{Buffer(70, 1), Buffer(258, 2)}});
    EXPECT_EQ(failed.fault, protocol::TrustedFault::grant_refused);
    EXPECT_EQ(acquirer_.status().mode, CoreMode::fresh);
}

// Shows: A19
TEST_F(TpmProcess, AChangedProgramGetsNoKey) {
    ASSERT_FALSE(start().empty()) << why();
    acquirer_.enrol();
    stop();
    const std::string changed = scratch_.file("softpos-trusted");
    std::filesystem::copy_file(program_path(), changed);
    std::ofstream(changed, std::ios::app) << "one byte more";
    EXPECT_TRUE(start(changed).empty()) << "the machine has launched another one";
    EXPECT_NE(why().find("another program was launched"), std::string::npos) << why();
    power_cycle();
    EXPECT_TRUE(start(changed).empty()) << "nor where it is launched first";
    EXPECT_NE(why().find("the TPM keeps the storage key"), std::string::npos) << why();
    EXPECT_TRUE(start().empty()) << "and it cannot hide that it was there";
    power_cycle();
    ASSERT_FALSE(start().empty()) << why();
    EXPECT_EQ(acquirer_.status().mode, CoreMode::ready);
}

// Shows: A19, JRT0156-6.4
TEST_F(TpmProcess, ACopyOfTheDiskIsOfNoUseElsewhere) {
    ASSERT_FALSE(start().empty()) << why();
    acquirer_.enrol();
    child_.reset();
    EXPECT_TRUE(start(program_path(), false).empty()) << "without a TPM";
    EXPECT_NE(why().find("sealed to a TPM"), std::string::npos) << why();
    machine_.emplace();
    EXPECT_TRUE(start().empty()) << "another machine";
    EXPECT_FALSE(why().empty());
}

TEST_F(TpmProcess, AStateOfSoftwareIsNotTakenOver) {
    ASSERT_FALSE(start(program_path(), false).empty()) << why();
    acquirer_.enrol();
    child_.reset();
    EXPECT_TRUE(start().empty());
    EXPECT_NE(why().find("made without a TPM"), std::string::npos) << why();
}

// Something else booted: PCR 7 is part of what the key is sealed to.
// Shows: JRT0156-6.4
TEST_F(TpmProcess, AnotherBootGetsNoKey) {
    ASSERT_FALSE(start().empty()) << why();
    acquirer_.enrol();
    power_cycle();
    ASSERT_TRUE(machine_->connect().extend(7, Buffer(32, 0x55)));
    EXPECT_TRUE(start().empty());
    EXPECT_NE(why().find("the TPM keeps the storage key"), std::string::npos) << why();
}

}  // namespace
}  // namespace softpos::anchor
