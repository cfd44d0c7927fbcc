// The real program, started as it is in the field, called over its socket, and attacked.
#include "phone/trust/process_test_fixture.h"
#include "testing/prng.h"

#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sstream>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

namespace softpos::trust {
namespace {

constexpr uid_t stranger_uid = 64999;

// Shows: JRT0156-5
TEST_F(TrustedProcess, EnrolsAndTakesACardOverItsSocket) {
    acquirer.enrol();
    for (int i = 1; i <= 70; ++i) {
        const auto outcome = acquirer.tap(debit, 1000 + i);
        ASSERT_TRUE(outcome.card) << outcome.detail;
        auto card = acquirer.open(outcome, 1000 + i);
        EXPECT_EQ(to_hex(card[0x57]), "6210948000000003D30122200000000000");
    }
    child->terminate();
    const auto status = child->wait(start_ms);
    ASSERT_TRUE(status);
    EXPECT_TRUE(status->success());
}

// Shows: JRT0156-6.2
TEST_F(TrustedProcess, StandsBehindTheGate) {
    EXPECT_EQ(status_line("NoNewPrivs"), "\t1");
    EXPECT_EQ(status_line("Seccomp"), "\t2");
    EXPECT_NE(report.find("\"protection\":\"software\""), std::string::npos) << report;
    EXPECT_NE(report.find("\"not_dumpable\":\"active\""), std::string::npos) << report;
    if (!root()) return;
    EXPECT_EQ(status_line("Uid"), "\t64200\t64200\t64200\t64200");
    EXPECT_EQ(status_line("Groups"), "\t ");
    EXPECT_EQ(status_line("CapEff"), "\t0000000000000000");
    // The kernel gives the files of a process that is not dumpable to root.
    struct stat maps {};
    const std::string path = "/proc/" + std::to_string(child->pid()) + "/maps";
    ASSERT_EQ(::stat(path.c_str(), &maps), 0);
    EXPECT_EQ(maps.st_uid, 0U);
}

// A bit for each way that worked.
int attack(pid_t victim) {
    int worked = 0;
    const std::string folder = "/proc/" + std::to_string(victim);
    if (::open((folder + "/mem").c_str(), O_RDONLY | O_CLOEXEC) >= 0) worked |= 1;
    if (::open((folder + "/maps").c_str(), O_RDONLY | O_CLOEXEC) >= 0) worked |= 2;
    if (::ptrace(PTRACE_SEIZE, victim, nullptr, nullptr) == 0) worked |= 4;
    return worked;
}

int attack_as(uid_t uid, pid_t victim) {
    const pid_t attacker = ::fork();
    if (attacker == 0) {
        if (::setresgid(uid, uid, uid) != 0 || ::setresuid(uid, uid, uid) != 0) ::_exit(99);
        ::_exit(attack(victim));
    }
    int status = 0;
    EXPECT_EQ(::waitpid(attacker, &status, 0), attacker);
    return WEXITSTATUS(status);
}

// Shows: A13, A14, MPOC-1A-ISOLATED, JRT0156-6.2
TEST_F(TrustedProcess, MemoryIsClosedToOtherUsers) {
    if (!root()) GTEST_SKIP() << "needs root to become somebody else";
    acquirer.enrol();
    EXPECT_EQ(attack_as(stranger_uid, child->pid()), 0);
    EXPECT_EQ(attack_as(64200, child->pid()), 0) << "not even to its own user";
}

// Shows: A20, JRT0156-6.7, JRT0156-10.2
TEST_F(TrustedProcess, StrangersAreNotHeard) {
    if (!root()) GTEST_SKIP() << "needs root to become somebody else";
    const pid_t stranger = ::fork();
    if (stranger == 0) {
        if (::setresuid(stranger_uid, stranger_uid, stranger_uid) != 0) ::_exit(99);
        host::SeqpacketClient other(
            {.path = scratch.file("socket"), .timeout_ms = 2000, .server_uid = {}});
        const Buffer request =
            protocol::encode(protocol::TrustedRequest(protocol::StatusRequest{}));
        ::_exit(other.call(request) ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(stranger, &status, 0), stranger);
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Shows: A18, A21
TEST_F(TrustedProcess, KilledProcessComesBackEnrolledAndSkips) {
    acquirer.enrol();
    const auto before = acquirer.tap(debit, 100);
    child->kill();
    ASSERT_TRUE(child->wait(start_ms));
    start();
    const auto after = acquirer.tap(debit, 100);
    ASSERT_TRUE(after.card);
    EXPECT_EQ(counter_of(*before.card), 1U);
    EXPECT_EQ(counter_of(*after.card), 65U);
}

// Root can always trace, and is seen by the one who is traced: before the next card.
// Shows: A22, MPOC-1B-TAMPER, MPOC-1C-DETECT
TEST_F(TrustedProcess, ATracerEndsTheTaking) {
    if (!root()) GTEST_SKIP() << "needs root to trace";
    acquirer.enrol();
    ASSERT_TRUE(acquirer.tap(debit, 100).card) << "good at first";
    const auto before = acquirer.prepare(100);
    for (const auto& finding : before.findings) {
        EXPECT_NE(finding.code, protocol::FindingCode::debugger);
    }
    auto permitted = acquirer.permitted(100);
    ASSERT_EQ(::ptrace(PTRACE_SEIZE, child->pid(), nullptr, nullptr), 0) << strerror(errno);
    const auto refused = acquirer.call(permitted);
    const auto* failure = std::get_if<protocol::TrustedFailure>(&refused);
    ASSERT_NE(failure, nullptr) << "a permit in hand does not help";
    EXPECT_EQ(failure->fault, protocol::TrustedFault::permit_refused);
    const auto after = acquirer.prepare(100);
    const bool told = std::ranges::any_of(after.findings, [](const protocol::Finding& one) {
        return one.code == protocol::FindingCode::debugger &&
               one.origin == protocol::TrustClass::core;
    });
    EXPECT_TRUE(told) << "and its next message says so over its own signature";
}

// The search runs with every message: whoever stops it stops them all, and with a permit in hand no
// card is taken either. The platform finds the silence (world/sim/road_posture_test.cc).
// Shows: A22, MPOC-1C-DETECT
TEST_F(TrustedProcess, ASearchThatIsSilencedSilencesTheCore) {
    acquirer.enrol();
    const auto in_hand = protocol::TrustedRequest(acquirer.permitted(100));
    ASSERT_EQ(::kill(child->pid(), SIGSTOP), 0);
    for (const auto& request :
         {in_hand, protocol::TrustedRequest(protocol::ReportMakeRequest{{}, {}}),
          protocol::TrustedRequest(protocol::StatusRequest{})}) {
        host::SeqpacketClient impatient(
            {.path = scratch.file("socket"), .timeout_ms = 200, .server_uid = {}});
        EXPECT_FALSE(impatient.call(protocol::encode(request)));
    }
    ASSERT_EQ(::kill(child->pid(), SIGCONT), 0);
    // Connections are taken in their order: once this one is answered, what lay unheard is over and
    // cannot come between the steps of the next sale.
    host::SeqpacketClient last({.path = scratch.file("socket"), .timeout_ms = 10'000});
    const auto answered =
        last.call(protocol::encode(protocol::TrustedRequest(protocol::StatusRequest{})));
    ASSERT_TRUE(answered);
    EXPECT_TRUE(acquirer.tap(debit, 100).card) << "it is the same core again";
}

// Shows: A20, JRT0156-7.1, JRT0156-10.2
TEST_F(TrustedProcess, FloodOfNonsenseDoesNotEndIt) {
    auto prng = testing::Prng::from_environment();
    for (int i = 0; i < 2000; ++i) {
        const auto answer = client.call(prng.bytes(1 + prng.below(500)));
        ASSERT_TRUE(answer) << "SEED=" << prng.seed();
    }
    EXPECT_EQ(acquirer.status().mode, protocol::CoreMode::fresh);
}

}  // namespace
}  // namespace softpos::trust
