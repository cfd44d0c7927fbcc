// A chain that shows every change, and every crash that is none.
#include "platform/keys/journal.h"

#include "host/scratch_directory.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace softpos::keys {
namespace {

JournalLine line_about(const std::string& subject) {
    return {.at = {1'790'000'000'000}, .call = 3, .caller = "uid:1", .subject = subject};
}

class JournalTest : public ::testing::Test {
protected:
    Result<Journal> open(std::uint8_t key = 1) {
        return Journal::open(scratch_.path(), SecretBytes::copy_of(Buffer(32, key)));
    }
    std::string file(int number) const {
        return scratch_.file("journal." + std::to_string(number));
    }
    static std::string content(const std::string& name) {
        std::ifstream in(name, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static void overwrite(const std::string& name, const std::string& text) {
        std::ofstream(name, std::ios::binary | std::ios::trunc) << text;
    }
    // So many lines, each written by itself.
    void fill(Journal& journal, int lines) {
        for (int i = 0; i < lines; ++i) {
            journal.chain(line_about("key" + std::to_string(i)));
            ASSERT_TRUE(journal.write());
        }
    }

    host::ScratchDirectory scratch_;
};

TEST_F(JournalTest, LinesAreThereAgainInOrder) {
    {
        auto journal = open().value();
        EXPECT_EQ(journal.verify().value(), JournalHead{});
        fill(journal, 3);
        journal.chain(line_about("unwritten"));
    }
    auto journal = open().value();
    EXPECT_EQ(journal.head().sequence, 3U);
    fill(journal, 1);
    const auto lines = journal.read(2).value();
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_EQ(lines[0].sequence, 2U);
    EXPECT_EQ(lines[0].subject, "key1");
    EXPECT_EQ(lines[2].subject, "key0");
    EXPECT_EQ(journal.verify().value(), journal.head());
}

TEST_F(JournalTest, ReadingHasALimit) {
    auto journal = open().value();
    for (std::size_t i = 0; i < Journal::read_lines_max + 50; ++i) journal.chain(line_about("k"));
    EXPECT_EQ(journal.read(1).value().size(), Journal::read_lines_max);
    EXPECT_EQ(journal.read(Journal::read_lines_max + 1).value().size(), 50U);
    EXPECT_EQ(journal.read(100'000).value().size(), 0U);
}

// Whatever byte is changed in the file, with its checksum made right again by a liar.
TEST_F(JournalTest, AnotherKeyCannotMakeTheChain) {
    {
        auto journal = open().value();
        fill(journal, 2);
    }
    const auto other = open(2);
    ASSERT_FALSE(other.has_value());
    EXPECT_EQ(other.error().detail, protocol::detail_of(protocol::VaultFault::journal));
}

// Shows: MPOC-5-AUDIT
TEST_F(JournalTest, ChangedAndReorderedLinesAreFound) {
    std::vector<JournalLine> lines;
    {
        auto journal = open().value();
        fill(journal, 4);
        lines = journal.read(1).value();
    }
    const auto rewrite = [&](const std::vector<JournalLine>& what) {
        // The framing is no secret: a liar writes it as well as we do.
        const std::string whole = content(file(1));
        std::filesystem::remove(file(1));
        auto log = host::AppendLog::open(file(1), [](Bytes) {}).value();
        const Bytes head = bytes_of(whole).subspan(8, 41);
        EXPECT_TRUE(log.append(head));
        Buffer record{'L'};
        for (const JournalLine& line : what) protocol::put_journal_line(record, line);
        EXPECT_TRUE(log.append(record));
    };
    rewrite(lines);
    EXPECT_TRUE(open().has_value()) << "untouched";
    const auto broken = [&](std::vector<JournalLine> what) {
        rewrite(what);
        EXPECT_FALSE(open().has_value());
    };
    auto changed = lines;
    changed[1].subject = "other";
    broken(changed);
    changed = lines;
    std::swap(changed[1], changed[2]);
    broken(changed);
    changed = lines;
    changed.erase(changed.begin() + 1);
    broken(changed);
    changed = lines;
    changed.erase(changed.begin());
    broken(changed);
    changed = lines;
    changed[3].outcome = protocol::JournalOutcome::refused;
    broken(changed);
}

TEST_F(JournalTest, AHeadThatWasKeptElsewhereShowsWhatWasCutOff) {
    JournalHead middle;
    JournalHead end;
    {
        auto journal = open().value();
        fill(journal, 2);
        middle = journal.head();
        fill(journal, 2);
        end = journal.head();
    }
    EXPECT_TRUE(open().value().agrees_with({}));
    EXPECT_TRUE(open().value().agrees_with(middle));
    EXPECT_TRUE(open().value().agrees_with(end));
    auto other = middle;
    other.mac[0] ^= 1;
    EXPECT_FALSE(open().value().agrees_with(other));
    const std::string whole = content(file(1));
    overwrite(file(1), whole.substr(0, whole.size() - 1));  // As a crash tears it, or a liar.
    auto cut = open().value();
    EXPECT_EQ(cut.head().sequence, 3U);
    EXPECT_TRUE(cut.agrees_with(middle));
    EXPECT_FALSE(cut.agrees_with(end));
}

TEST_F(JournalTest, LinesThatACrashKeptFromTheFileAreRestored) {
    std::vector<JournalLine> lines;
    {
        auto journal = open().value();
        fill(journal, 2);
        lines = journal.read(1).value();
        lines.push_back(journal.chain(line_about("late")));
        lines.push_back(journal.chain(line_about("later")));
    }
    {
        auto journal = open().value();
        ASSERT_TRUE(journal.restore(lines));
        EXPECT_EQ(journal.head().sequence, 4U);
        EXPECT_TRUE(journal.agrees_with({4, lines[3].mac}));
        ASSERT_TRUE(journal.write());
    }
    auto journal = open().value();
    EXPECT_EQ(journal.head().sequence, 4U);
    EXPECT_TRUE(journal.restore(lines)) << "twice changes nothing";
    EXPECT_EQ(journal.verify().value().sequence, 4U);
    lines[3].sequence = 6;
    EXPECT_FALSE(journal.restore(lines).has_value()) << "a gap";
}

TEST_F(JournalTest, ALineThatWasTakenBackLeavesNoTrace) {
    auto journal = open().value();
    fill(journal, 1);
    const JournalHead before = journal.head();
    journal.chain(line_about("never"));
    journal.take_back(before);
    fill(journal, 1);
    EXPECT_EQ(journal.verify().value().sequence, 2U);
}

TEST_F(JournalTest, GoesOnInANewFileWhenOneIsFull) {
    JournalHead head;
    {
        auto journal = open().value();
        while (!std::filesystem::exists(file(2))) {
            for (int i = 0; i < 2000; ++i) journal.chain(line_about("a.long.name.of.a.key"));
            ASSERT_TRUE(journal.write());
        }
        head = journal.verify().value();
    }
    {
        auto journal = open().value();
        EXPECT_EQ(journal.head(), head);
        fill(journal, 1);
        EXPECT_EQ(journal.verify().value().sequence, head.sequence + 1);
    }
    // A crash right after the third file was made.
    overwrite(file(3), "");
    auto journal = open().value();
    fill(journal, 1);
    EXPECT_EQ(journal.head().sequence, head.sequence + 2);
    std::filesystem::remove(file(3));
    // The first file missing: the chain does not begin.
    std::filesystem::remove(file(1));
    EXPECT_FALSE(journal.verify().has_value());
}

}  // namespace
}  // namespace softpos::keys
