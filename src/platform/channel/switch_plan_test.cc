// Tables that load, tables that do not, and which line a payment takes.
#include "platform/channel/switch_plan.h"

#include "testing/prng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace softpos::channel {
namespace {

constexpr Instant noon{1'795'320'000'000};  // 12:00 in China.
constexpr std::int64_t hour_ms = 60LL * 60 * 1000;

constexpr const char* plan_text = R"(# two places
switch 1
line a 10.0.0.1:9100
line b backup.example:9100
echo 30000 5000 2
keys_hours 12
route 622588-622600 tap purchase 0-100000 2200-0600 b
route 621483 * * * * b,a
route * stored * * * a
route * * * * * a,b
)";

SwitchPlan plan() {
    return SwitchPlan::parse(plan_text).value();
}

std::optional<std::size_t> pick(const RouteQuery& query, std::string_view up = "ab") {
    return plan().pick(query, [&](std::size_t i) {
        return up.find(static_cast<char>('a' + i)) != std::string_view::npos;
    });
}

TEST(SwitchPlan, ReadsEverything) {
    const SwitchPlan read = plan();
    ASSERT_EQ(read.lines().size(), 2U);
    EXPECT_EQ(read.lines()[1].host, "backup.example");
    EXPECT_EQ(read.lines()[1].port, 9100);
    EXPECT_EQ(read.echo_idle_ms, 30'000U);
    EXPECT_EQ(read.echo_answer_ms, 5'000U);
    EXPECT_EQ(read.echo_misses_max, 2U);
    EXPECT_EQ(read.keys_ms, 12 * hour_ms);
}

TEST(SwitchPlan, ALineMayBeShortAndUnderTls) {
    SwitchPlan read = SwitchPlan::parse(
                          "switch 1\n"
                          "line a h:1 short\n"
                          "line b h:2 tls acq.example ca.pem\n"
                          "line c h:3 short tls acq.example ca.pem own.pem own.key\n")
                          .value();
    EXPECT_TRUE(read.lines()[0].per_exchange);
    EXPECT_FALSE(read.lines()[0].tls);
    EXPECT_FALSE(read.lines()[1].per_exchange);
    EXPECT_EQ(read.lines()[1].tls->server_name, "acq.example");
    EXPECT_TRUE(read.lines()[1].tls->certificate.empty());
    EXPECT_TRUE(read.lines()[2].per_exchange);
    std::string asked;
    ASSERT_TRUE(read.read_files([&](const std::string& name) -> Result<std::string> {
        asked += name + " ";
        return "<" + name + ">";
    }));
    EXPECT_EQ(asked, "ca.pem ca.pem own.pem own.key ");
    EXPECT_EQ(read.lines()[2].tls->key, "<own.key>");
    EXPECT_TRUE(read.lines()[1].tls->key.empty());
    EXPECT_FALSE(
        read.read_files([](const std::string&) { return fail(ErrorKind::not_found, "no file"); }));
}

TEST(SwitchPlan, RefusesWhatItCannotRead) {
    const std::string head = "switch 1\nline a h:1\n";
    for (const std::string text :
         {"", "switch 2\nline a h:1\n", "switch 1\n", "switch 1\nline a h\n",
          "switch 1\nline a h:0\n", "switch 1\nline a h:65536\n", "switch 1\nline a :1\n",
          "switch 1\nline a,b h:1\n", "switch 1\nline * h:1\n", "switch 1\nline a h:1 tls\n",
          "switch 1\nline a h:1 long\n", "switch 1\nline a h:1 tls n\n",
          "switch 1\nline a h:1 tls n ca own\n", "switch 1\nline a h:1 tls n ca short\n",
          "switch 1\nline a h:1 short short\n"}) {
        EXPECT_FALSE(SwitchPlan::parse(text)) << text;
    }
    for (const std::string row :
         {"line a h:2", "echo 1 2", "echo 0 1 1", "keys_hours 0", "route * * * * * b",
          "route * * * * * a,a", "route * * * * * a,", "route 62258 * * * * a",
          "route 622600-622588 * * * * a", "route * card * * * a", "route * * sale * * a",
          "route * * * 5-4 * a", "route * * * * 1000-1000 a", "route * * * * 1000-2401 a",
          "route * * * * *", "whatever 1"}) {
        const auto read = SwitchPlan::parse(head + row + "\n");
        ASSERT_FALSE(read) << row;
        EXPECT_EQ(read.error().detail, 3U) << row;
    }
}

TEST(SwitchPlan, TakesTheFirstRowThatFits) {
    const Instant night{noon.unix_ms + 11 * hour_ms};
    RouteQuery query{.pan_digits = "6225880000000001", .amount_minor = 5'000, .at = night};
    EXPECT_EQ(pick(query), 1U) << "at night, below the amount";
    query.amount_minor = 100'001;
    EXPECT_EQ(pick(query), 0U) << "above it";
    query.amount_minor = 100'000;
    query.at = noon;
    EXPECT_EQ(pick(query), 0U) << "by day";
    query.at = {noon.unix_ms + 18 * hour_ms};
    EXPECT_EQ(pick(query), 0U) << "06:00 is not inside any more";
    query.at = {noon.unix_ms + 18 * hour_ms - 1};
    EXPECT_EQ(pick(query), 1U);
    query.kind = RouteKind::refund;
    EXPECT_EQ(pick(query), 0U);
    EXPECT_EQ(pick({.pan_digits = "6214830000000001", .at = noon}), 1U);
    EXPECT_EQ(pick({.pan_digits = "62148", .at = noon}), 0U) << "too short to tell";
}

TEST(SwitchPlan, FailsOverWithinTheRow) {
    const RouteQuery other{.pan_digits = "6212000000000001", .at = noon};
    EXPECT_EQ(pick(other, "ab"), 0U);
    EXPECT_EQ(pick(other, "b"), 1U);
    EXPECT_EQ(pick(other, ""), std::nullopt);
    const RouteQuery stored{
        .pan_digits = "6212000000000001", .channel = EntryChannel::stored, .at = noon};
    EXPECT_EQ(pick(stored, "b"), std::nullopt) << "the row does not name the other line";
}

TEST(SwitchPlan, WithoutRoutesEveryLineServesInOrder) {
    const auto two = SwitchPlan::parse("switch 1\nline a h:1\nline b h:2\n").value();
    EXPECT_EQ(two.pick({}, [](std::size_t i) { return i == 1; }), 1U);
    const auto one = SwitchPlan::of_one_line("h", 1);
    EXPECT_EQ(one.pick({}, [](std::size_t) { return true; }), 0U);
    EXPECT_EQ(one.pick({}, [](std::size_t) { return false; }), std::nullopt);
}

// Whatever is asked: the pick is a line that is up, and of the first fitting row.
TEST(SwitchPlan, NeverPicksALineThatIsDown) {
    auto random = testing::Prng::from_environment();
    SCOPED_TRACE(random.seed());
    const SwitchPlan read = plan();
    for (int i = 0; i < 2'000; ++i) {
        const std::string pan = std::to_string(600000 + random.below(40000)) + "0000000001";
        const RouteQuery query{
            .pan_digits = pan,
            .channel = static_cast<EntryChannel>(random.below(2)),
            .kind = static_cast<RouteKind>(random.below(3)),
            .amount_minor = static_cast<std::int64_t>(random.below(200'000)),
            .at = {noon.unix_ms + static_cast<std::int64_t>(random.below(86'400'000))}};
        const auto up = static_cast<unsigned>(random.below(4));
        const auto picked =
            read.pick(query, [&](std::size_t line) { return (up >> line & 1U) != 0; });
        if (picked) {
            EXPECT_NE(up >> *picked & 1U, 0U);
        } else {
            EXPECT_NE(up, 3U) << "the last row takes everything";
        }
    }
}

}  // namespace
}  // namespace softpos::channel
