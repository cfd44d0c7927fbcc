// Parameter sets: what loads, and that every kind of mistake is refused with its line.
#include "phone/emv/parameters.h"

#include "base/hex.h"
#include "phone/emv/dictionary.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace softpos::emv {
namespace {

const std::string head =
    "format version=1\n"
    "terminal 9F1A=0156 5F2A=0156 9F33=0068C8 9F35=22\n";
const std::string row =
    "combination aid=A000000333010101 kernel=7 class=debit types=purchase,refund ttq=26000000 "
    "floor_limit=0 transaction_limit=5000000";

TEST(Parameters, ShippedFileLoads) {
    std::ifstream file("data/emv/unionpay.params");
    std::stringstream text;
    text << file.rdbuf();
    const auto set = ParameterSet::parse(text.str());
    ASSERT_TRUE(set) << set.error().what.c_str() << " line " << set.error().detail;
    ASSERT_EQ(set->combinations().size(), 3u);
    for (const auto& combination : set->combinations()) {
        EXPECT_EQ(combination.kernel, kernel_unionpay);
        EXPECT_EQ(combination.floor_limit_minor, 0);
    }
    EXPECT_TRUE(set->small_amount().enrolled);
    EXPECT_EQ(set->small_amount().limit_minor, 100'000);
    EXPECT_EQ(set->terminal_number(codec::Tag{0x9F1A}), 156);
    EXPECT_EQ(set->cvm_rule(AidClass::debit, 100), nullptr) << "rules of other countries";
}

TEST(Parameters, RowsMeanWhatTheySay) {
    const auto set = ParameterSet::parse(
        head + "# a comment\n\n" + row +
        " cvm_limit=30000 status_check=yes zero_amount=no extended_selection=yes version=0203\r\n"
        "small_amount enrolled=no limit=5 currency=344 domestic=get_data overrule_pin=yes\n"
        "cvm_rule country=156 class=debit from=10 below=20 pin=always signature=with_pin # here\n"
        "cvm_rule country=156 pin=never");
    ASSERT_TRUE(set) << set.error().what.c_str() << " line " << set.error().detail;
    const auto& read = set->combinations()[0];
    EXPECT_EQ(to_hex(read.aid.bytes()), "A000000333010101");
    EXPECT_EQ(read.types, type_purchase | type_refund);
    EXPECT_EQ(read.aid_class, AidClass::debit);
    EXPECT_EQ(read.cvm_limit_minor, 30'000);
    EXPECT_EQ(read.transaction_limit_minor, 5'000'000);
    EXPECT_EQ(read.floor_limit_minor, 0);
    EXPECT_FALSE(read.terminal_floor_limit_minor) << "absent is not zero";
    EXPECT_EQ(read.status_check, true);
    EXPECT_EQ(read.zero_amount_allowed, false);
    EXPECT_TRUE(read.extended_selection);
    EXPECT_EQ(read.ttq, (Ttq{0x26, 0, 0, 0}));
    EXPECT_EQ(set->small_amount().check, DomesticCheck::get_data);
    EXPECT_EQ(set->small_amount().currency, 344);
    EXPECT_TRUE(set->small_amount().overrule_pin);
    EXPECT_EQ(set->cvm_rule(AidClass::debit, 9)->pin, PinRule::never);
    EXPECT_EQ(set->cvm_rule(AidClass::debit, 10)->pin, PinRule::always);
    EXPECT_EQ(set->cvm_rule(AidClass::debit, 19)->signature, SignatureRule::with_pin);
    EXPECT_EQ(set->cvm_rule(AidClass::debit, 20)->pin, PinRule::never);
    EXPECT_EQ(set->cvm_rule(AidClass::credit, 10)->pin, PinRule::never);
}

TEST(Parameters, MistakesAreRefusedWithTheirLine) {
    const std::string bad[] = {
        "nonsense a=1",
        "combination",
        row + " floor_limit=0",  // twice
        row + " flor_limit=0",   // unknown
        row + " cvm_limit=-1",
        row + " cvm_limit=1e3",
        row + " cvm_limit=1000000000000",
        row + " cvm_limit=",
        row + " cvm_limit",
        row + " status_check=maybe",
        row + " version=02",
        "combination aid=A0000003 kernel=7 types=purchase ttq=26000000 floor_limit=0 "
        "transaction_limit=1",                                   // AID too short
        "combination aid=A00000033301 kernel=3 types=purchase",  // no such kernel
        "combination aid=A00000033301 kernel=7 types=lunch ttq=26000000 floor_limit=0 "
        "transaction_limit=1",
        "combination aid=A00000033301 kernel=7 types=purchase ttq=26000000 transaction_limit=1",
        "combination aid=A00000033301 kernel=7 types=purchase ttq=26000000 floor_limit=1 "
        "transaction_limit=1",  // would go offline
        "combination aid=A00000033301 kernel=7 types=purchase ttq=2E000000 floor_limit=0 "
        "transaction_limit=1",  // offline-only reader
        "combination aid=A00000033301 kernel=7 types=purchase ttq=46000000 floor_limit=0 "
        "transaction_limit=1",  // no quick path
        "combination aid=A00000033301 kernel=7 types=purchase floor_limit=0 transaction_limit=1",
        "combination aid=A00000033301 kernel=7 types=purchase ttq=26000000 floor_limit=0",
        "terminal 9F1A=0156",              // twice
        "terminal 9F35=2222",              // size
        "terminal 9F26=1122334455667788",  // the card's
        "terminal ABCDEF01=00",
        "terminal 9F1E=XY",
        "small_amount enrolled=yes limit=1 currency=156",
        "small_amount enrolled=yes limit=1 currency=1560 domestic=assumed",
        "cvm_rule pin=always",
        "cvm_rule country=156 from=5 below=5",
        "cvm_rule country=156 pin=often",
        "format version=1",
        std::string(401, 'x'),
    };
    for (const auto& line : bad) {
        const auto set = ParameterSet::parse(head + "\n" + line + "\n" + row + "\n");
        ASSERT_FALSE(set) << line;
        EXPECT_EQ(set.error().detail, 4u) << line << ": " << set.error().what.c_str();
        EXPECT_NE(set.error().kind, ErrorKind::internal);
    }
}

TEST(Parameters, WhatIsMissingIsNamed) {
    EXPECT_FALSE(ParameterSet::parse(""));
    EXPECT_FALSE(ParameterSet::parse(head)) << "no combination";
    EXPECT_FALSE(ParameterSet::parse("format version=1\n" + row)) << "no terminal data";
    EXPECT_FALSE(ParameterSet::parse("format version=2\n"));
    EXPECT_FALSE(ParameterSet::parse(row)) << "format comes first";
    EXPECT_TRUE(ParameterSet::parse(head + row));
    EXPECT_EQ(ParameterSet::parse(head + row + "\n" + row).error().kind, ErrorKind::conflict);
    EXPECT_FALSE(ParameterSet::parse(std::string(parameter_text_bytes_max + 1, '\n')));
}

TEST(Parameters, KernelsThatAreBuiltInAreTheCallersBusiness) {
    const KernelId kernels[] = {0x03, kernel_unionpay};
    const auto text = head + "combination aid=A0000000031010 kernel=3 types=purchase\n";
    EXPECT_FALSE(ParameterSet::parse(text));
    const auto set = ParameterSet::parse(text, kernels);
    ASSERT_TRUE(set);
    EXPECT_FALSE(set->combinations()[0].floor_limit_minor);
}

TEST(Parameters, SizesHaveLimits) {
    ParameterSet set;
    Combination combination;
    ASSERT_TRUE(combination.aid.assign(from_hex("A0000003330101").value()));
    combination.types = type_purchase;
    for (std::size_t i = 0; i < combinations_max; ++i) {
        combination.kernel = static_cast<KernelId>(i + 1);
        ASSERT_TRUE(set.add(combination));
    }
    combination.kernel = 0xFF;
    EXPECT_EQ(set.add(combination).error().kind, ErrorKind::denied);
    for (std::uint32_t i = 0; i < terminal_values_max; ++i)
        ASSERT_TRUE(set.add(codec::Tag{0xDF01 + i}, bytes_of("x")));
    EXPECT_EQ(set.add(codec::Tag{0xDE01}, bytes_of("x")).error().kind, ErrorKind::denied);
    EXPECT_EQ(text_of(*set.terminal(codec::Tag{0xDF05})), "x");
    for (std::size_t i = 0; i < cvm_rules_max; ++i) ASSERT_TRUE(set.add(CvmRule{}));
    EXPECT_FALSE(set.add(CvmRule{}));
}

}  // namespace
}  // namespace softpos::emv
