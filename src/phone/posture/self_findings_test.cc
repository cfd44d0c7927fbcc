// Every fault of a process has a word of the policy, and says each word once.
#include "phone/posture/self_findings.h"

#include "phone/posture/linux_posture.h"

#include <gtest/gtest.h>

namespace softpos::posture {
namespace {

using host::SelfFault;
using protocol::Finding;
using protocol::FindingCode;
using protocol::TrustClass;

TEST(SelfFindings, SayEachCodeOnceWithTheFirstDetail) {
    const std::vector<host::SelfFinding> faults = {{SelfFault::traced, 41},
                                                   {SelfFault::foreign_library, 2},
                                                   {SelfFault::foreign_code, 3},
                                                   {SelfFault::table_changed, 4},
                                                   {SelfFault::blind, 5}};
    const std::vector<Finding> expected = {{FindingCode::debugger, TrustClass::core, 41},
                                           {FindingCode::injected_library, TrustClass::core, 2},
                                           {FindingCode::hook, TrustClass::core, 4}};
    EXPECT_EQ(findings_of(faults, TrustClass::core), expected);
}

TEST(SelfFindings, EveryFaultHasACode) {
    for (unsigned i = 0; i < host::self_faults; ++i) {
        EXPECT_TRUE(
            protocol::finding_code(static_cast<std::uint64_t>(code_of(static_cast<SelfFault>(i)))));
    }
}

// Shows: A23
TEST(LinuxPosture, OfAnUntouchedProcessHasWhatWasSetAndNothingElse) {
    auto posture = LinuxPosture::open({.claims = {"linux", "Model", "6.1", "cn.example", 104, 3},
                                       .hardware = 4,
                                       .location = protocol::Location{31'230'000, 121'470'000, 9}});
    ASSERT_TRUE(posture);
    const auto seen = posture->look();
    EXPECT_EQ(seen.claims.model, "Model");
    EXPECT_EQ(seen.hardware, 4);
    EXPECT_EQ(seen.location->latitude_e6, 31'230'500) << "the middle of its square";
    EXPECT_TRUE(seen.phone_time);
    for (const Finding& finding : seen.findings) {
        ADD_FAILURE() << name_of(finding.code) << ' ' << finding.detail;
    }
}

}  // namespace
}  // namespace softpos::posture
