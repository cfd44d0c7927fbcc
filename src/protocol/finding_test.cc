// The names of findings.
#include "protocol/finding.h"

#include <gtest/gtest.h>

#include <set>

namespace softpos::protocol {
namespace {

TEST(Finding, EveryCodeHasANameOfItsOwnThatLeadsBack) {
    std::set<std::string_view> names;
    for (unsigned number = 1; number <= finding_codes; ++number) {
        const FindingCode code = finding_code(number).value();
        EXPECT_TRUE(names.insert(name_of(code)).second) << name_of(code);
        EXPECT_EQ(finding_code_named(name_of(code)), code);
    }
    EXPECT_EQ(name_of(FindingCode::software_key), "SOFTWARE_KEY");
    EXPECT_EQ(name_of(FindingCode::silence), "SILENCE");
    EXPECT_FALSE(finding_code(0) || finding_code(finding_codes + 1));
    EXPECT_FALSE(finding_code_named("NONE"));
}

}  // namespace
}  // namespace softpos::protocol
