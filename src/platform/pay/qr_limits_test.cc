// The levels to the fen, and tables that are none.
#include "platform/pay/qr_limits.h"

#include <gtest/gtest.h>

#include <string>

namespace softpos::pay {
namespace {

constexpr std::string_view head =
    "qr-limits 3\nlevel A 0\nlevel B 500000\nlevel C 100000\nlevel D 50000\n";

QrLimits table(std::string_view uses) {
    return QrLimits::parse(std::string(head) + std::string(uses)).value();
}

Refusal check(const QrLimits& limits, std::int64_t paid_minor, std::int64_t amount_minor) {
    return limits.check({WalletChannel::alipay, WalletWay::show, amount_minor, paid_minor});
}

TEST(QrLimits, EachLevelEndsAtItsFen) {
    for (const auto& [level, day] :
         {std::pair{"B", 500'000}, std::pair{"C", 100'000}, std::pair{"D", 50'000}}) {
        const QrLimits limits = table(std::string("use alipay show ") + level + "\n");
        EXPECT_EQ(check(limits, 0, day), Refusal::none) << level;
        EXPECT_EQ(check(limits, 0, day + 1), Refusal::qr_limit) << level;
        EXPECT_EQ(check(limits, day - 1, 1), Refusal::none) << level;
        EXPECT_EQ(check(limits, day, 1), Refusal::qr_limit) << level;
    }
    EXPECT_EQ(check(table("use alipay show A\n"), 0, amount_minor_max), Refusal::none);
}

TEST(QrLimits, UseThatIsNotInTheTableIsNotAllowed) {
    EXPECT_EQ(check(table("use alipay scan A\n"), 0, 1), Refusal::qr_limit);
}

TEST(QrLimits, BrokenTablesAreRefused) {
    const std::string good(head);
    for (const std::string& text :
         {std::string(), std::string("qr-limits 0\n"), std::string("qr-limits 1\nlevel A 0\n"),
          good + "level A 1\n", good + "use alipay show E\n", good + "use visa show A\n",
          good + "use alipay sell A\n", good + "use alipay show\n",
          good + "use alipay show A\nuse alipay show B\n", good + "level A -1\n"}) {
        EXPECT_FALSE(QrLimits::parse(text)) << text;
    }
}

}  // namespace
}  // namespace softpos::pay
