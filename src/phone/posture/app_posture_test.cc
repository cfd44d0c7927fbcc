// What an app may say of its phone, what is refused of it, and what follows when it says nothing.
#include "phone/posture/app_posture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

namespace softpos::posture {
namespace {

using protocol::Finding;
using protocol::FindingCode;
using protocol::LocationSource;
using protocol::TrustClass;

constexpr std::string_view claims =
    R"("claims":{"platform":"android","model":"P","os_version":"15","app_package":"cn.example",)"
    R"("app_version":104,"sdk_version":100})";

std::string report(const std::string& findings = "", const std::string& more = "") {
    return "{" + std::string(claims) + R"(,"hardware":"qr_show card_no_pin","findings":[)" +
           findings + "]" + more + "}";
}
std::string place(const std::string& source = "satellite", const std::string& age_s = "3") {
    return R"(,"location":{"latitude_e6":31230400,"longitude_e6":121473700,"accuracy_m":12,)"
           R"("age_s":)" +
           age_s + R"(,"source":")" + source + R"("})";
}

class Fixed final : public PostureSource {
public:
    protocol::Posture look() override { return now; }
    protocol::Posture now{.claims = {"linux", "box", "6", "pkg", 1, 1},
                          .hardware = 4,
                          .findings = {{FindingCode::debugger, TrustClass::app, 9}},
                          .location = std::nullopt};
};

class AppPostureTest : public ::testing::Test {
protected:
    bool has(FindingCode code) {
        const auto found = app_.look().findings;
        return std::ranges::find(found, code, &Finding::code) != found.end();
    }
    Fixed under_;
    ManualClock clock_{Instant{1'790'000'000'000}};
    AppPosture app_{under_, clock_};
};

TEST_F(AppPostureTest, IsLaidOverWhatTheProcessSees) {
    EXPECT_EQ(app_.look(), under_.now) << "no app has told anything";
    ASSERT_FALSE(app_.take(report(R"({"code":"OVERLAY","detail":2},{"code":"ADB"})", place())));
    const auto seen = app_.look();
    EXPECT_EQ(seen.claims.platform, "android");
    EXPECT_EQ(seen.hardware, 0b101) << "of the app's phone";
    const std::vector<Finding> expected = {{FindingCode::debugger, TrustClass::app, 9},
                                           {FindingCode::overlay, TrustClass::app, 2},
                                           {FindingCode::adb, TrustClass::app, 0}};
    EXPECT_EQ(seen.findings, expected);
    ASSERT_TRUE(seen.location);
    EXPECT_EQ(seen.location->latitude_e6, 31'230'500) << "coarse";
    EXPECT_EQ(seen.location->source, LocationSource::satellite);
}

TEST_F(AppPostureTest, EveryFindingAndEverySourceCanBeTold) {
    for (unsigned number = 1; number <= protocol::finding_codes; ++number) {
        const auto code = static_cast<FindingCode>(number);
        const std::string name(name_of(code));
        ASSERT_FALSE(app_.take(report(R"({"code":")" + name + R"("})"))) << name;
        EXPECT_TRUE(has(code)) << name;
    }
    for (unsigned number = 1; number <= protocol::location_sources; ++number) {
        const auto source = static_cast<LocationSource>(number);
        ASSERT_FALSE(app_.take(report("", place(std::string(name_of(source))))));
        EXPECT_EQ(app_.look().location->source, source);
    }
}

TEST_F(AppPostureTest, AnAppThatFallsSilentIsAFinding) {
    ASSERT_FALSE(app_.take(report("", place())));
    clock_.advance(std::chrono::seconds(app_report_s_max));
    EXPECT_FALSE(has(FindingCode::silence));
    EXPECT_EQ(app_.look().location->age_s, 3 + app_report_s_max) << "its place grows old";
    clock_.advance(std::chrono::seconds(1));
    EXPECT_TRUE(has(FindingCode::silence));
    ASSERT_FALSE(app_.take(report()));
    EXPECT_FALSE(has(FindingCode::silence));
}

TEST_F(AppPostureTest, WhatIsNoReportChangesNothing) {
    ASSERT_FALSE(app_.take(report(R"({"code":"OVERLAY"})", place())));
    const auto before = app_.look();
    std::string many;
    for (unsigned i = 1; i <= protocol::app_findings_max / 2 + 1; ++i) {
        many += std::string(i > 1 ? "," : "") + R"({"code":")" +
                std::string(name_of(static_cast<FindingCode>(i))) + R"("})";
    }
    const std::string bad[] = {"",
                               "{}",
                               "[]",
                               report(R"({"code":"WELL"})"),
                               report(R"({"code":"ADB"},{"code":"ADB"})"),
                               report(R"({"code":"ADB","detail":-1})"),
                               report(R"({"code":"ADB","detail":4294967296})"),
                               report(R"({"code":"ADB","origin":"core"})"),
                               report(many),
                               report("", place("star")),
                               report("", place("mocked", "-1")),
                               report("", R"(,"location":{"latitude_e6":90000001})"),
                               report("", R"(,"trust":1)")};
    std::string deleted = report();
    deleted.replace(deleted.find("\"P\""), 3, "\"\x7F\"");
    EXPECT_TRUE(app_.take(deleted)) << "a control character";
    for (const std::string& one : bad) EXPECT_TRUE(app_.take(one)) << one;
    EXPECT_EQ(app_.look(), before);
}

}  // namespace
}  // namespace softpos::posture
