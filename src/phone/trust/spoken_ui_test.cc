// What is spoken: everything that stands on the screen but the PIN, over a real pipe.
#include "phone/trust/spoken_ui.h"

#include "base/random.h"
#include "host/scratch_directory.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace softpos::trust {
namespace {

class NoScreen final : public TrustedUi {
public:
    Result<void> show(const PinScreen&) override {
        if (broken) return fail(ErrorKind::unavailable, "no screen");
        return {};
    }
    std::optional<PinKey> next_key() override { return PinKey{PinKey::Kind::clear, 0}; }
    bool broken = false;
};

class Spoken : public ::testing::Test {
protected:
    Spoken() {
        const std::string path = scratch.file("speaker");
        CHECK(::mkfifo(path.c_str(), 0600) == 0);
        listener = host::Descriptor(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
        auto opened = SpokenUi::open_speaker(path);
        CHECK(opened.has_value());
        speaker = std::move(*opened);
    }
    SpokenUi ui(SpeechLanguage language) {
        return {std::make_unique<NoScreen>(), std::move(speaker), language};
    }
    // All that came so far.
    std::string heard() {
        std::string text;
        char part[4096];
        for (;;) {
            const ssize_t got = ::read(listener.get(), part, sizeof part);
            if (got <= 0) return text;
            text.append(part, static_cast<std::size_t>(got));
        }
    }
    static PinScreen screen() {
        PinScreen screen;
        screen.merchant_name = "小面馆";
        screen.amount_minor = 12'850;
        return screen;
    }

    const host::ScratchDirectory scratch;
    host::Descriptor listener;
    host::Descriptor speaker;
};

TEST(SpokenAmount, IsSaidAsPeopleSayIt) {
    const std::pair<std::int64_t, const char*> amounts[] = {
        {0, "零元"},
        {1, "零元零一分"},
        {50, "零元五角"},
        {1000, "十元"},
        {1100, "十一元"},
        {11'000, "一百一十元"},
        {10'500, "一百零五元"},
        {12'850, "一百二十八元五角"},
        {12'805, "一百二十八元零五分"},
        {100'100, "一千零一元"},
        {1'000'000, "一万元"},
        {1'000'500, "一万零五元"},
        {10'000'000, "十万元"},
        {10'200'304, "十万二千零三元零四分"},
        {100'001'000, "一百万零一十元"},
        {10'000'000'000, "一亿元"},
        {10'000'000'100, "一亿零一元"},
    };
    for (const auto& [minor, words] : amounts) {
        EXPECT_EQ(spoken_amount(minor, SpeechLanguage::chinese), words) << minor;
    }
    EXPECT_EQ(spoken_amount(12'850, SpeechLanguage::english), "128 yuan and 50 fen");
    EXPECT_EQ(spoken_amount(12'800, SpeechLanguage::english), "128 yuan");
}

TEST_F(Spoken, SaysWhatIsPaidAndHowFarItIs) {
    SpokenUi spoken = ui(SpeechLanguage::english);
    SeededRandom random(5);
    PinEntry entry(screen(), random, {});
    ASSERT_TRUE(spoken.show(entry.screen()));
    const std::string opening = heard();
    EXPECT_NE(opening.find("小面馆, amount 128 yuan and 50 fen"), std::string::npos) << opening;
    entry.press({PinKey::Kind::digit, 3});
    ASSERT_TRUE(spoken.show(entry.screen()));
    EXPECT_EQ(heard(), "1 digit entered\n");
    entry.press({PinKey::Kind::digit, 3});
    ASSERT_TRUE(spoken.show(entry.screen()));
    EXPECT_EQ(heard(), "2 digits entered\n");
    entry.press({PinKey::Kind::clear, 0});
    ASSERT_TRUE(spoken.show(entry.screen()));
    EXPECT_EQ(heard(), "cleared\n");
    entry.cancel();
    ASSERT_TRUE(spoken.show(entry.screen()));
    EXPECT_EQ(heard(), "cancelled\n");
}

// Two entries with other pads and other PINs sound the same to the last byte: nothing about either
// is in what is heard.
// Shows: A35
TEST_F(Spoken, NothingHeardDependsOnPadOrPin) {
    auto prng = testing::Prng::from_environment();
    SpokenUi spoken = ui(SpeechLanguage::chinese);
    std::set<std::string> all;
    for (int round = 0; round < 30; ++round) {
        SeededRandom random(prng.below(1'000'000));
        PinEntry entry(screen(), random, {});
        std::string text;
        ASSERT_TRUE(spoken.show(entry.screen()));
        for (int i = 0; i < 6; ++i) {
            entry.press({PinKey::Kind::digit, static_cast<std::uint8_t>(prng.below(10))});
            ASSERT_TRUE(spoken.show(entry.screen()));
            text += heard();
        }
        entry.press({PinKey::Kind::confirm, 0});
        ASSERT_TRUE(spoken.show(entry.screen()));
        text += heard();
        all.insert(text);
        ASSERT_EQ(all.size(), 1U) << "SEED=" << prng.seed();
    }
    EXPECT_NE(all.begin()->find("已输入六位"), std::string::npos) << *all.begin();
}

TEST_F(Spoken, ASpeakerThatIsGoneStopsNothing) {
    SpokenUi spoken = ui(SpeechLanguage::chinese);
    listener = host::Descriptor();
    SeededRandom random(5);
    PinEntry entry(screen(), random, {});
    EXPECT_TRUE(spoken.show(entry.screen()));
    EXPECT_TRUE(spoken.next_key());
}

// A full pipe: what does not fit is left out, and nobody waits.
TEST_F(Spoken, ASlowSpeakerStopsNothing) {
    SpokenUi spoken = ui(SpeechLanguage::chinese);
    SeededRandom random(5);
    for (int i = 0; i < 2000; ++i) {
        PinEntry entry(screen(), random, {});
        ASSERT_TRUE(spoken.show(entry.screen()));
        entry.cancel();
        ASSERT_TRUE(spoken.show(entry.screen()));
    }
    const std::string text = heard();
    EXPECT_EQ(text.back(), '\n') << "whole lines only";
}

TEST_F(Spoken, AScreenThatFailsIsSaidToTheCore) {
    auto screen_only = std::make_unique<NoScreen>();
    screen_only->broken = true;
    SpokenUi spoken(std::move(screen_only), std::move(speaker), SpeechLanguage::chinese);
    EXPECT_FALSE(spoken.show(screen()));
}

TEST_F(Spoken, OnlyAPipeWithAReaderIsTaken) {
    EXPECT_FALSE(SpokenUi::open_speaker(scratch.file("nothing")));
    const std::string path = scratch.file("alone");
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    EXPECT_FALSE(SpokenUi::open_speaker(path)) << "nobody reads it";
    EXPECT_FALSE(SpokenUi::open_speaker("/dev/null"));
}

}  // namespace
}  // namespace softpos::trust
