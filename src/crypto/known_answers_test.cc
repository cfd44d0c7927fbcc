// The library below gives the standards' answers, and a wrong one is found by name.
#include "crypto/known_answers.h"

#include "base/hex.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace softpos::crypto {
namespace {

TEST(KnownAnswers, AreTheStandards) {
    for (const KnownAnswer& one : known_answers()) {
        const auto computed = one.compute();
        ASSERT_TRUE(computed) << one.name;
        EXPECT_EQ(to_hex(*computed), one.answer) << one.name;
    }
    EXPECT_EQ(first_wrong_answer(), std::nullopt);
}

TEST(KnownAnswers, EachWrongOneIsNamed) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < known_answers().size(); ++i) {
        std::vector<KnownAnswer> cases(known_answers().begin(), known_answers().end());
        std::string wrong(cases[i].answer);
        wrong.back() = wrong.back() == '0' ? '1' : '0';
        cases[i].answer = wrong;
        EXPECT_EQ(first_wrong_answer(cases), cases[i].name);
        names.insert(cases[i].name);
    }
    EXPECT_EQ(names.size(), known_answers().size());
}

TEST(KnownAnswers, WhatCannotBeComputedIsWrong) {
    const std::vector<KnownAnswer> cases = {
        {"broken", "01", [] { return Result<Buffer>(fail(ErrorKind::internal, "no")); }}};
    EXPECT_EQ(first_wrong_answer(cases), "broken");
}

}  // namespace
}  // namespace softpos::crypto
