// Applications, check digits, numbers, states, activation codes and limits.
#include "platform/merchant/merchant.h"

#include "platform/merchant/activation.h"
#include "platform/merchant/application.h"
#include "platform/merchant/check_digits.h"
#include "platform/merchant/limits.h"
#include "platform/merchant/numbers.h"
#include "platform/merchant/terminal.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace softpos::merchant {
namespace {

constexpr Instant now{1'763'800'000'000};

Application good_application() {
    return {.name = "老王面馆",
            .licence_kind = LicenceKind::resident_id,
            .licence_number = "11010519491231002X",
            .mcc = "5812",
            .region = "3100",
            .phone = "13800138000",
            .bank_name = "工商银行",
            .account_holder = "王小明",
            .bank_account = "6222020200112233446",
            .address = "浦东新区 1 号"};
}

TEST(CheckDigits, AreRightOrWrongAsTheCaseSays) {
    for (const auto& vector : testing::read_vectors("check_digits.vec")) {
        const std::string& kind = vector.at("Kind");
        const std::string& number = vector.at("Number");
        const bool valid = kind == "social_credit_code" ? is_social_credit_code(number)
                           : kind == "resident_id"      ? is_resident_id(number, 20261122)
                           : kind == "mobile"           ? is_mobile_number(number)
                                                        : is_bank_account(number);
        EXPECT_EQ(valid, vector.at("Valid") == "yes") << vector.name;
    }
}

TEST(CheckDigits, EveryOtherDigitInOnePlaceIsFound) {
    const std::string code = "91350100M000100Y43";
    for (std::size_t place = 8; place < code.size(); ++place) {
        for (const char c : std::string("0123456789ABCDEFGHJKLMNPQRTUWXY")) {
            std::string other = code;
            other[place] = c;
            EXPECT_EQ(is_social_credit_code(other), other == code) << other;
        }
    }
}

TEST(CheckDigits, NobodyIsBornTomorrowOrOnNoDay) {
    EXPECT_FALSE(is_resident_id("11010519491231002X", 19491230));
    const std::string no_day = "11010519490231002";
    EXPECT_FALSE(is_resident_id(no_day + *resident_id_check(no_day), 20261122));
}

// Shows: MPOC-5-DATA
TEST(Application, IsTakenWithItsNumbersMasked) {
    const auto merchant = take_application(good_application(), {}, "898310058120001", now);
    ASSERT_TRUE(merchant);
    EXPECT_EQ(merchant->state, MerchantState::applied);
    EXPECT_EQ(merchant->licence.masked, "1101**********002X");
    EXPECT_EQ(merchant->bank_account.masked, "6222***********3446");
    EXPECT_EQ(merchant->phone_masked, "1380***8000");
    EXPECT_EQ(merchant->limit_class, "micro");
    EXPECT_FALSE(take_application(good_application(), {}, "short", now));
}

// Shows: MPOC-5-MERCHANT
TEST(Application, NamesEveryFieldThatIsWrong) {
    EXPECT_TRUE(check(good_application(), now).empty());
    Application bad = good_application();
    bad.name = std::string(text_bytes_max + 1, 'a');
    bad.licence_number = "110105194912310021";
    bad.mcc = "58a2";
    bad.region = "0100";
    bad.phone = "";
    bad.address = "a\nb";
    const auto findings = check(bad, now);
    std::vector<std::string_view> fields;
    for (const Finding& finding : findings) {
        fields.push_back(finding.field);
        EXPECT_EQ(finding.refusal,
                  finding.field == "phone" ? Refusal::missing_field : Refusal::bad_value);
    }
    EXPECT_EQ(fields, (std::vector<std::string_view>{"name", "licence_number", "mcc", "region",
                                                     "phone", "address"}));
    EXPECT_FALSE(take_application(bad, {}, "898310058120001", now));
}

TEST(Numbers, AreFixedInSizeAndNeverTheSameTwice) {
    const auto number = [](std::uint64_t sequence) {
        return merchant_number({"898", "3100", "5812", sequence});
    };
    EXPECT_EQ(number(1), "898310058120001");
    EXPECT_EQ(number(9'999), "898310058129999");
    EXPECT_EQ(number(10'000), "89831005812A000");
    EXPECT_EQ(number(10'000 + 26 * 36 * 36 * 36 - 1), "89831005812ZZZZ");
    EXPECT_EQ(number(10'000 + 26 * 36 * 36 * 36).error().kind, ErrorKind::denied);
    EXPECT_EQ(number(0).error().kind, ErrorKind::malformed);
    EXPECT_EQ(merchant_number({"89", "3100", "5812", 1}).error().kind, ErrorKind::malformed);
    EXPECT_EQ(terminal_number(1), "00000001");
    EXPECT_EQ(terminal_number(100'000'000).error().kind, ErrorKind::denied);
    EXPECT_EQ(serial_number("000099", 1), "00009908P00000000001");
    EXPECT_EQ(serial_number("000099", 99'999'999'999)->size(), serial_number_size);
    EXPECT_EQ(serial_number("000099", 100'000'000'000).error().kind, ErrorKind::denied);
    EXPECT_EQ(serial_number("99", 1).error().kind, ErrorKind::malformed);
    EXPECT_TRUE(is_merchant_number("89831005812A000"));
    EXPECT_FALSE(is_merchant_number("89831005812a000"));
    EXPECT_FALSE(is_terminal_number("0000001"));
}

TEST(Merchant, EveryStateMeetsEveryAction) {
    // applied approved active suspended closed rejected; '.' is a conflict.
    const std::vector<std::pair<MerchantAction, std::string_view>> rows{
        {MerchantAction::approve, "2....."},  {MerchantAction::reject, "6....."},
        {MerchantAction::activate, ".3...."}, {MerchantAction::suspend, "..4..."},
        {MerchantAction::resume, "...3.."},   {MerchantAction::close, "5555.."}};
    for (const auto& [action, row] : rows) {
        for (int i = 0; i < 6; ++i) {
            const auto next = next_state(*merchant_state(i + 1), action);
            const char got = next ? static_cast<char>('0' + static_cast<int>(*next)) : '.';
            EXPECT_EQ(got, row[static_cast<std::size_t>(i)]);
        }
    }
}

TEST(Terminal, EveryStateMeetsEveryAction) {
    const std::vector<std::pair<TerminalAction, std::string_view>> rows{
        {TerminalAction::enrol, "223.."},
        {TerminalAction::activate, ".3..."},
        {TerminalAction::suspend, "..4.."},
        {TerminalAction::resume, "...3."},
        {TerminalAction::retire, "5555."}};
    for (const auto& [action, row] : rows) {
        for (int i = 0; i < 5; ++i) {
            const auto next = next_state(*terminal_state(i + 1), action);
            const char got = next ? static_cast<char>('0' + static_cast<int>(*next)) : '.';
            EXPECT_EQ(got, row[static_cast<std::size_t>(i)]);
        }
    }
}

TEST(Activation, ACodeSurvivesBeingTypedByAPerson) {
    SeededRandom random(3);
    std::set<std::string> seen;
    for (int i = 0; i < 200; ++i) {
        const std::string code = make_activation_code(random);
        ASSERT_EQ(code.size(), 14U);
        const auto normal = normal_activation_code(code);
        ASSERT_TRUE(normal);
        EXPECT_EQ(normal_activation_code(*normal), *normal);
        seen.insert(*normal);
    }
    EXPECT_EQ(seen.size(), 200U);
    EXPECT_EQ(normal_activation_code(" abcd-efgh-jkoi "), "ABCDEFGHJK01");
    EXPECT_FALSE(normal_activation_code("ABCD-EFGH-JKM"));
    EXPECT_FALSE(normal_activation_code("ABCD-EFGH-JKMU"));
    EXPECT_FALSE(normal_activation_code(std::string(100, ' ')));
}

TEST(Activation, ACodeWorksOnceAndNotTooLate) {
    ActivationCode code{.expires_at = {now.unix_ms + activation_ms}};
    ActivationCode late = code;
    EXPECT_EQ(redeem(late, late.expires_at), Refusal::activation_code_invalid);
    EXPECT_EQ(redeem(code, now), Refusal::none);
    EXPECT_EQ(redeem(code, now), Refusal::activation_code_invalid);
}

TEST(AttemptLimit, BoundsASourceAndItsOwnMemory) {
    AttemptLimit limit({.attempts = 2, .window_us = 1000, .sources_max = 2});
    EXPECT_TRUE(limit.allow(1, {1}));
    EXPECT_TRUE(limit.allow(1, {2}));
    EXPECT_FALSE(limit.allow(1, {1000}));
    EXPECT_TRUE(limit.allow(1, {1001}));
    EXPECT_TRUE(limit.allow(2, {1002}));
    EXPECT_FALSE(limit.allow(3, {1003}));  // Full.
    EXPECT_TRUE(limit.allow(3, {2500}));   // The old ones are gone.
}

TEST(Limits, ShippedTableBindsMicroMerchants) {
    std::ifstream file("data/policy/merchant.limits");
    std::stringstream text;
    text << file.rdbuf();
    const auto table = LimitTable::parse(text.str());
    ASSERT_TRUE(table) << table.error().detail;
    EXPECT_EQ(table->check("micro", {}, 100'000), Refusal::none);
    EXPECT_EQ(table->check("micro", {}, 100'001), Refusal::amount_over_limit);
    EXPECT_EQ(table->check("micro", {.day_minor = 450'000}, 50'000), Refusal::none);
    EXPECT_EQ(table->check("micro", {.day_minor = 450'001}, 50'000), Refusal::amount_over_limit);
    EXPECT_EQ(table->check("micro", {.month_minor = 5'000'000}, 1), Refusal::amount_over_limit);
    EXPECT_EQ(table->check("company", {.day_minor = 1'000'000'000}, 1), Refusal::none);
    EXPECT_EQ(table->check("nobody", {}, 1), Refusal::amount_over_limit);
}

TEST(Limits, ABrokenTableIsRefused) {
    for (const std::string_view text :
         {"", "limits 1\n", "limits 0\nmicro 1 1 1", "micro 1 1 1", "limits 1\nmicro 1 1",
          "limits 1\nmicro 1 1 1 1", "limits 1\nmicro -1 1 1", "limits 1\na 1 1 1\na 2 2 2"}) {
        EXPECT_FALSE(LimitTable::parse(text)) << text;
    }
}

}  // namespace
}  // namespace softpos::merchant
