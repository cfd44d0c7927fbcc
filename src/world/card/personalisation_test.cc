// Profiles: what the files in data/cards say, and what a profile may not say.
#include "world/card/personalisation.h"

#include "base/hex.h"
#include "testing/prng.h"
#include "testing/vectors.h"
#include "world/card/test_cards.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

namespace softpos::card {
namespace {

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    CHECK(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

std::string debit_with(std::string_view from, std::string_view to) {
    return replaced(test::read_data("debit.card"), from, to);
}

TEST(Personalisation, EveryCardFileLoadsAndFindsItsIssuer) {
    std::vector<IssuerProfile> issuers;
    issuers.push_back(parse_issuer(test::read_data("bank-a.issuer")).value());
    issuers.push_back(parse_issuer(test::read_data("bank-b.issuer")).value());
    std::set<std::string, std::less<>> pans;
    for (const auto& entry : std::filesystem::directory_iterator("data/cards")) {
        if (entry.path().extension() != ".card") continue;
        SCOPED_TRACE(entry.path().string());
        auto card = parse_card(test::read_data(entry.path().filename().string()));
        ASSERT_TRUE(card) << card.error().what.c_str() << " line " << card.error().detail;
        EXPECT_EQ(card->name, entry.path().stem().string());
        EXPECT_TRUE(pans.emplace(card->pan.clear_digits()).second) << "PAN used twice";
        const IssuerProfile* issuer = find_issuer(issuers, card->pan);
        ASSERT_NE(issuer, nullptr);
        EXPECT_TRUE(personalise(*std::move(card), *issuer));
    }
    EXPECT_GE(pans.size(), 8U);
}

TEST(Personalisation, ProfileSaysWhatItsFileSays) {
    const CardProfile card = test::profile("wallet-cdcvm");
    EXPECT_EQ(card.pan.clear_digits(), "6210948000000011");
    EXPECT_EQ(card.psn, "02");
    EXPECT_EQ(card.expiry, "3009");
    EXPECT_EQ(to_hex(card.aid), "A000000333010101");
    EXPECT_EQ(card.cvm, CardCvm::device);
    EXPECT_EQ(card.cvm_when, CardCvmWhen::always);
    EXPECT_EQ(card.currency, 156);
    EXPECT_EQ(card.life, CardLife::active);
    EXPECT_FALSE(card.offline_available_minor);
    EXPECT_EQ(test::profile("cash").offline_available_minor, 38787);
    EXPECT_EQ(test::profile("foreign").country, 344);
    EXPECT_EQ(test::profile("blocked").life, CardLife::application_blocked);
}

TEST(Personalisation, Track2IsPaddedToWholeBytes) {
    const auto track2 = [](const std::string& name) {
        CardProfile card = test::profile(name);
        const IssuerProfile issuer = test::issuer_of(card);
        return to_hex(personalise(std::move(card), issuer).value().track2.bytes());
    };
    EXPECT_EQ(track2("debit"), "6210948000000003D30122200000000000");
    EXPECT_EQ(track2("credit"), "6231200100000000217D31122010696000000F");
}

TEST(Personalisation, Track2IsAtMost37Digits) {
    const auto card_with_rest = [](std::string_view rest) {
        auto card =
            parse_card(replaced(test::read_data("credit.card"), "0696000000", rest)).value();
        const IssuerProfile issuer = test::issuer_of(card);
        return personalise(std::move(card), issuer);
    };
    EXPECT_EQ(card_with_rest("1234567890").value().track2.size(), 19U);  // 19 + 1 + 4 + 3 + 10
    EXPECT_EQ(card_with_rest("12345678901").error().kind, ErrorKind::malformed);
}

TEST(Personalisation, WrongValuesAreRefusedWithTheirLine) {
    const struct {
        std::string_view from, to;
        std::uint32_t line;
    } cases[] = {
        {"pan = 6210948000000003", "pan = 6210948000000004", 3},  // Check digit.
        {"pan = 6210948000000003", "pan = 62109480000000O3", 3},
        {"pan = 6210948000000003", "pan = 62109480003", 3},
        {"psn = 00", "psn = 0", 4},
        {"expiry = 3012", "expiry = 3013", 5},
        {"expiry = 3012", "expiry = 3000", 5},
        {"service_code = 220", "service_code = 2200", 6},
        {"aid = A000000333010101", "aid = A00000033301", 8},
        {"aid = A000000333010101", "aid = Z000000333010101", 8},
        {"label = UNIONPAY DEBIT", "label = SEVENTEEN LETTERS", 9},
        {"label = UNIONPAY DEBIT", "label =", 9},
        {"priority = 1", "priority = 16", 10},
        {"priority = 1", "priority = 1x", 10},
        {"cvm = none", "cvm = fingerprint", 11},
        {"country = 156", "country = 1000", 13},
        {"country = 156", "country = -1", 13},
        {"cvn = 01", "cvn = 17", 16},
        {"life = active", "life = active\nlife = active", 18},
        {"life = active", "life = active\ncolour = red", 18},
        {"life = active", "life = active\nnonsense", 18},
        {"psn = 00\n", "", 0},
    };
    for (const auto& [from, to, line] : cases) {
        SCOPED_TRACE(std::string(to));
        const auto card = parse_card(debit_with(from, to));
        ASSERT_FALSE(card);
        EXPECT_EQ(card.error().detail, line);
    }
}

TEST(Personalisation, TextHasALimit) {
    const std::string text = test::read_data("debit.card");
    const std::string filler(profile_text_bytes_max - text.size() - 1, '#');
    EXPECT_TRUE(parse_card(text + "\n" + filler));
    EXPECT_EQ(parse_card(text + "\n" + filler + "#").error().kind, ErrorKind::denied);
}

TEST(Personalisation, AnyTextIsAnsweredWithoutACrash) {
    auto prng = testing::Prng::from_environment();
    SCOPED_TRACE("SEED=" + std::to_string(prng.seed()));
    const std::string whole = test::read_data("debit.card");
    for (int i = 0; i < 2000; ++i) {
        std::string text = whole;
        for (unsigned change = prng.below(4); change > 0; --change) {
            text[prng.below(static_cast<unsigned>(text.size()))] =
                static_cast<char>(prng.below(256));
        }
        const auto card = parse_card(text);
        EXPECT_TRUE(!card || card->priority <= 15);
        [[maybe_unused]] const auto issuer = parse_issuer(text);
    }
}

TEST(Personalisation, CardOfAnotherIssuerIsDenied) {
    const IssuerProfile bank_b = parse_issuer(test::read_data("bank-b.issuer")).value();
    EXPECT_EQ(personalise(test::profile("debit"), bank_b).error().kind, ErrorKind::denied);
    IssuerProfile bank_a = parse_issuer(test::read_data("bank-a.issuer")).value();
    bank_a.dki = 9;
    EXPECT_EQ(personalise(test::profile("debit"), bank_a).error().kind, ErrorKind::denied);
}

TEST(Personalisation, LongestBinFindsTheIssuer) {
    std::vector<IssuerProfile> issuers;
    for (const char* bin : {"62109480", "621094", "6210948"}) {
        issuers.push_back({.name = bin, .bin = bin, .dki = 1, .mdk = SecretBytes(16)});
    }
    EXPECT_EQ(find_issuer(issuers, Pan::parse("6210948000000003").value())->bin, "62109480");
    EXPECT_EQ(find_issuer(issuers, Pan::parse("6210949000000000").value())->bin, "621094");
    EXPECT_EQ(find_issuer(issuers, Pan::parse("6231200100000000217").value()), nullptr);
}

TEST(Personalisation, CardsDifferInTheirKeys) {
    const auto key = [](const std::string& name) {
        CardProfile card = test::profile(name);
        const IssuerProfile issuer = test::issuer_of(card);
        return to_hex(personalise(std::move(card), issuer).value().card_key.bytes());
    };
    const std::set<std::string> keys{key("debit"), key("pin"), key("credit"), key("signature")};
    EXPECT_EQ(keys.size(), 4U);
}

}  // namespace
}  // namespace softpos::card
