// The file-backed platform: what it stores, what it refuses, and what a crash leaves.
#include "phone/trust/host_platform.h"

#include "crypto/hash.h"
#include "host/scratch_directory.h"
#include "phone/trust/test_rig.h"
#include "phone/trust/trusted_core.h"
#include "world/card/virtual_card.h"

#include <gtest/gtest.h>

#include <set>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace softpos::trust {
namespace {

HostPlatform open_platform(const host::ScratchDirectory& scratch) {
    auto platform = HostPlatform::open(scratch.file("state"));
    CHECK(platform.has_value());
    return std::move(*platform);
}

TEST(HostPlatform, KeepsStateAndEpoch) {
    const host::ScratchDirectory scratch;
    {
        auto platform = open_platform(scratch);
        EXPECT_EQ(platform.load_state().error().kind, ErrorKind::not_found);
        EXPECT_EQ(*platform.epoch(), 0U);
        ASSERT_TRUE(platform.save_state(bytes_of("state")));
        ASSERT_TRUE(platform.advance_epoch(3));
    }
    auto platform = open_platform(scratch);
    EXPECT_EQ(text_of(platform.load_state()->bytes()), "state");
    EXPECT_EQ(*platform.epoch(), 3U);
    EXPECT_EQ(platform.advance_epoch(2).error().kind, ErrorKind::denied);
    EXPECT_EQ(*platform.epoch(), 3U);
}

// Shows: MPOC-1A-STATE, JRT0156-6.4
TEST(HostPlatform, StoresNothingInClearAndNothingForOthers) {
    const host::ScratchDirectory scratch;
    auto platform = open_platform(scratch);
    const std::string state = "a long and very recognisable state";
    ASSERT_TRUE(platform.save_state(bytes_of(state)));
    ASSERT_TRUE(platform.advance_epoch(1));
    const auto sealed = host::read_file(scratch.file("state/state.sealed"), 1000);
    ASSERT_TRUE(sealed);
    EXPECT_EQ(text_of(*sealed).find("recognisable"), std::string_view::npos);
    for (const char* name : {"storage.key", "state.sealed", "epoch.sealed"}) {
        struct stat status {};
        ASSERT_EQ(::stat(scratch.file(std::string("state/") + name).c_str(), &status), 0) << name;
        EXPECT_EQ(status.st_mode & 0777U, 0600U) << name;
    }
}

// Shows: MPOC-1A-STATE, JRT0156-6.4
TEST(HostPlatform, ChangedOrExchangedFilesAreRefused) {
    const host::ScratchDirectory scratch;
    auto platform = open_platform(scratch);
    ASSERT_TRUE(platform.save_state(Buffer(8, 1)));
    ASSERT_TRUE(platform.advance_epoch(1));
    Buffer sealed = *host::read_file(scratch.file("state/state.sealed"), 1000);
    ASSERT_TRUE(host::write_durably(scratch.file("state/epoch.sealed"), sealed));
    EXPECT_EQ(platform.epoch().error().kind, ErrorKind::denied) << "one file for another";
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        sealed[i] = static_cast<std::uint8_t>(sealed[i] ^ 1);
        ASSERT_TRUE(host::write_durably(scratch.file("state/state.sealed"), sealed));
        EXPECT_EQ(platform.load_state().error().kind, ErrorKind::denied) << i;
        sealed[i] = static_cast<std::uint8_t>(sealed[i] ^ 1);
    }
}

TEST(HostPlatform, StateOfAnotherKeyIsRefused) {
    const host::ScratchDirectory scratch;
    ASSERT_TRUE(open_platform(scratch).save_state(bytes_of("x")));
    ASSERT_TRUE(host::write_durably(scratch.file("state/storage.key"), Buffer(32, 7)));
    EXPECT_FALSE(open_platform(scratch).load_state());
    ASSERT_TRUE(host::write_durably(scratch.file("state/storage.key"), Buffer(31, 7)));
    EXPECT_FALSE(HostPlatform::open(scratch.file("state")));
}

// Shows: JRT0156-6.9
TEST(HostPlatform, MeasuresTheProgramThatRuns) {
    const host::ScratchDirectory scratch;
    auto platform = open_platform(scratch);
    EXPECT_EQ(platform.measurement(), crypto::sha256(*host::read_running_program(1U << 30)));
}

class DieAtNth final : public host::DurableFaults {
public:
    explicit DieAtNth(int steps) : steps_(steps) {}
    bool fails_at(host::DurableStep) override {
        if (steps_-- == 0) ::_exit(42);
        return false;
    }

private:
    int steps_;
};

// The process ends at each step of the durable writes of a permit and of a reservation, with real
// files.
// Shows: A21
TEST(HostPlatform, CrashAtEveryFileStepNeverRepeatsACounter) {
    auto debit = make_card("debit");
    for (int steps = 0; steps < 18; ++steps) {
        const host::ScratchDirectory scratch;
        std::set<std::uint32_t> counters;
        Invoke invoke;
        Acquirer acquirer([&](Bytes request) { return invoke(request); });
        {
            auto platform = open_platform(scratch);
            TrustedCore core(platform, acquirer.core_options());
            invoke = [&](Bytes request) { return core.invoke(request); };
            acquirer.enrol();
            for (unsigned tap = 0; tap < 2; ++tap) {
                counters.insert(counter_of(*acquirer.tap(debit, 100).card));
            }
        }
        const pid_t child = ::fork();
        if (child == 0) {
            auto platform = open_platform(scratch);
            TrustedCore core(platform, acquirer.core_options());
            invoke = [&](Bytes request) { return core.invoke(request); };
            DieAtNth faults(steps);
            platform.set_faults(&faults);
            (void)acquirer.try_tap(100);
            ::_exit(1);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_EQ(WEXITSTATUS(status), 42) << steps;
        auto platform = open_platform(scratch);
        TrustedCore core(platform, acquirer.core_options());
        invoke = [&](Bytes request) { return core.invoke(request); };
        const auto outcome = acquirer.tap(debit, 100);
        ASSERT_TRUE(outcome.card) << steps;
        EXPECT_TRUE(counters.insert(counter_of(*outcome.card)).second) << steps;
    }
}

}  // namespace
}  // namespace softpos::trust
