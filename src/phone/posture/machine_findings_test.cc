// Each finding about a machine from the one fact that makes it, and none from a machine that is
// well.
#include "phone/posture/machine_findings.h"

#include "base/clock.h"
#include "base/geo.h"
#include "host/scratch_directory.h"
#include "phone/posture/coarse_place.h"
#include "phone/posture/linux_posture.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace softpos::posture {
namespace {

using host::MachineFacts;
using host::OtherProgram;
using protocol::Finding;
using protocol::FindingCode;
using protocol::Location;
using protocol::TrustClass;

// A phone of this kind that is well: programs run, none of them near our screen.
MachineFacts well() {
    MachineFacts facts;
    facts.product = "Counter Terminal 7";
    facts.maker = "Maker";
    facts.ptrace_scope = 1;
    facts.perf_paranoid = 2;
    facts.clock_minus_boot_ms = 1'790'000'000'000;
    facts.screen_in_front = true;
    OtherProgram shell{.pid = 10, .name = "sh"};
    OtherProgram ours{.pid = 11, .name = "softpos-device"};
    ours.of_our_session = ours.same_program = ours.on_our_screen = ours.has_our_screen = true;
    OtherProgram core{.pid = 12, .name = "softpos-trusted"};
    core.has_our_screen = core.on_our_screen = true;
    facts.programs = {shell, ours, core};
    return facts;
}

struct Case {
    const char* what;
    std::function<void(MachineFacts&)> change;
    FindingCode code;
    std::uint32_t detail;
};

OtherProgram program(const char* name) {
    return {.pid = 77, .name = name};
}

const Case cases[] = {
    {"the processor tells", [](auto& f) { f.hypervisor = true; }, FindingCode::emulator, 1},
    {"the firmware tells", [](auto& f) { f.product = "QEMU Virtual Machine"; },
     FindingCode::emulator, 2},
    {"the maker tells", [](auto& f) { f.maker = "VMware, Inc."; }, FindingCode::emulator, 2},
    {"tracing is open", [](auto& f) { f.ptrace_scope = 0; }, FindingCode::dev_mode, 2},
    {"a module nobody signed", [](auto& f) { f.taint = 1ULL << 13U; }, FindingCode::dev_mode, 4},
    {"the kernel is measured", [](auto& f) { f.perf_paranoid = -1; }, FindingCode::dev_mode, 8},
    {"probes are set", [](auto& f) { f.kernel_probes = true; }, FindingCode::dev_mode, 16},
    {"another console is in front", [](auto& f) { f.screen_in_front = false; },
     FindingCode::overlay, 0},
    {"another program has the screen",
     [](auto& f) {
         f.programs.push_back(program("login"));
         f.programs.back().on_our_screen = true;
     },
     FindingCode::overlay, 77},
    {"another program holds the screen open",
     [](auto& f) {
         f.programs.push_back(program("reader"));
         f.programs.back().has_our_screen = true;
     },
     FindingCode::screen_capture, 77},
    {"another program reads the console's memory",
     [](auto& f) {
         f.programs.push_back(program("conspy"));
         f.programs.back().has_console = true;
     },
     FindingCode::screen_capture, 77},
    {"a screen reader runs", [](auto& f) { f.programs.push_back(program("orca")); },
     FindingCode::accessibility, 77},
    {"there is a bus for them", [](auto& f) { f.accessibility_bus = true; },
     FindingCode::accessibility, 0},
    {"nobody keeps the clock", [](auto& f) { f.clock_kept = false; }, FindingCode::time_zone, 0},
    {"the clock was set back", [](auto& f) { f.clock_minus_boot_ms -= 3'600'000; },
     FindingCode::time_skew, 3600},
    {"the clock was set on", [](auto& f) { f.clock_minus_boot_ms += 2'001; },
     FindingCode::time_skew, 2},
};

std::vector<Finding> look(const MachineFacts& facts) {
    return findings_of({.facts = facts, .clock_minus_boot_ms = well().clock_minus_boot_ms});
}

// Shows: A23
TEST(MachineFindings, AMachineThatIsWellHasNone) {
    EXPECT_TRUE(look(well()).empty());
    MachineFacts unknown;
    EXPECT_TRUE(findings_of({.facts = unknown}).empty()) << "what cannot be read is nobody's fault";
    MachineFacts steady = well();
    steady.clock_minus_boot_ms += clock_step_ms;
    EXPECT_TRUE(look(steady).empty()) << "clocks are kept by small steps";
}

// Shows: MPOC-1C-DETECT
TEST(MachineFindings, EachFactMakesItsOne) {
    for (const Case& one : cases) {
        MachineFacts facts = well();
        one.change(facts);
        const std::vector<Finding> expected = {{one.code, TrustClass::app, one.detail}};
        EXPECT_EQ(look(facts), expected) << one.what;
    }
}

TEST(MachineFindings, ASecondInstanceIsNamedWhereItIsSeen) {
    MachineFacts facts = well();
    facts.programs.clear();
    EXPECT_EQ(findings_of({.facts = facts,
                           .clock_minus_boot_ms = facts.clock_minus_boot_ms,
                           .second_instance = true}),
              (std::vector<Finding>{{FindingCode::multi_instance, TrustClass::app, 0}}));
    facts = well();
    EXPECT_EQ(findings_of({.facts = facts,
                           .clock_minus_boot_ms = facts.clock_minus_boot_ms,
                           .second_instance = true}),
              (std::vector<Finding>{{FindingCode::multi_instance, TrustClass::app, 11}}));
}

// ---- Builds -----------------------------------------------------------------------------------

// Shows: A23
TEST(LinuxPosture, ABuildWithSanitizersCallsItselfOne) {
    const host::ScratchDirectory folder;
    auto posture = LinuxPosture::open({.claims = {}, .state = folder.path()});
    ASSERT_TRUE(posture);
    std::uint32_t bits = 0;
    for (const Finding& one : posture->look().findings) {
        if (one.code == FindingCode::dev_mode) bits = one.detail;
    }
    EXPECT_EQ((bits & DevModeBit::sanitizers) != 0, is_sanitizer_build());
#if defined(__SANITIZE_ADDRESS__)
    EXPECT_TRUE(is_sanitizer_build());
#elif defined(__has_feature)
    EXPECT_EQ(is_sanitizer_build(), __has_feature(address_sanitizer) ||
                                        __has_feature(thread_sanitizer) ||
                                        __has_feature(memory_sanitizer));
#endif
}

// ---- Two in one folder ------------------------------------------------------------------------

bool is_second(LinuxPosture& posture) {
    const auto found = posture.look().findings;
    return std::ranges::find(found, FindingCode::multi_instance, &Finding::code) != found.end();
}

TEST(LinuxPosture, WhoComesSecondSaysSoUntilTheFirstIsGone) {
    const host::ScratchDirectory folder;
    auto first = LinuxPosture::open({.claims = {}, .state = folder.path()});
    ASSERT_TRUE(first);
    EXPECT_FALSE(is_second(*first));
    auto second = LinuxPosture::open({.claims = {}, .state = folder.path()});
    ASSERT_TRUE(second);
    EXPECT_TRUE(is_second(*second));
    EXPECT_FALSE(is_second(*first));
    first = LinuxPosture::open({.claims = {}, .state = folder.path() + "/"});
    EXPECT_FALSE(is_second(*second)) << "the first is gone";
    EXPECT_FALSE(LinuxPosture::open({.claims = {}, .state = folder.path() + "/nowhere"}));
}

TEST(LinuxPosture, TellsThePhonesOwnTime) {
    auto posture = LinuxPosture::open({.claims = {}});
    ASSERT_TRUE(posture);
    const std::int64_t before = SystemClock().now().unix_ms;
    const auto told = posture->look().phone_time;
    ASSERT_TRUE(told);
    EXPECT_GE(told->unix_ms, before);
    EXPECT_LE(told->unix_ms, SystemClock().now().unix_ms);
}

// ---- Places -----------------------------------------------------------------------------------

TEST(CoarsePlace, IsWithinItsAccuracyAndSaysTheSameOfNeighbours) {
    auto random = testing::Prng::from_environment();
    for (int round = 0; round < 2'000; ++round) {
        const Location exact{static_cast<std::int32_t>(random.below(170'000'000)) - 85'000'000,
                             static_cast<std::int32_t>(random.below(358'000'000)) - 179'000'000,
                             random.below(100)};
        const Location told = coarse_place(exact);
        const auto away = metres_between({exact.latitude_e6, exact.longitude_e6},
                                         {told.latitude_e6, told.longitude_e6});
        ASSERT_LE(away + exact.accuracy_m, told.accuracy_m) << "SEED=" << random.seed();
        Location neighbour = told;
        neighbour.latitude_e6 += static_cast<std::int32_t>(random.below(grid_e6)) - grid_e6 / 2;
        neighbour.longitude_e6 += static_cast<std::int32_t>(random.below(grid_e6)) - grid_e6 / 2;
        ASSERT_EQ(coarse_place(neighbour).latitude_e6, told.latitude_e6)
            << "SEED=" << random.seed();
        ASSERT_EQ(coarse_place(neighbour).longitude_e6, told.longitude_e6)
            << "SEED=" << random.seed();
    }
}

TEST(CoarsePlace, StaysOnTheGlobe) {
    const Location pole = coarse_place({90'000'000, -180'000'000, UINT32_MAX});
    EXPECT_EQ(pole.latitude_e6, 90'000'000);
    EXPECT_EQ(pole.longitude_e6, -179'999'500);
    EXPECT_EQ(pole.accuracy_m, UINT32_MAX);
}

}  // namespace
}  // namespace softpos::posture
