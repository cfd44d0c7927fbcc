// A durable write fails, or the process ends, at each of its steps: the content is old or new.
#include "host/durable_file.h"

#include "host/scratch_directory.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace softpos::host {
namespace {

constexpr DurableStep every_step[] = {DurableStep::create_temporary, DurableStep::write_half,
                                      DurableStep::write_all,        DurableStep::sync_file,
                                      DurableStep::rename,           DurableStep::sync_directory};

class FailAt final : public DurableFaults {
public:
    explicit FailAt(DurableStep step) : step_(step) {}
    bool fails_at(DurableStep step) override { return step == step_; }

private:
    DurableStep step_;
};

class DieAt final : public DurableFaults {
public:
    explicit DieAt(DurableStep step) : step_(step) {}
    bool fails_at(DurableStep step) override {
        if (step == step_) ::_exit(42);
        return false;
    }

private:
    DurableStep step_;
};

TEST(RunningProgram, IsAnElfFile) {
    const auto program = read_running_program(1U << 30);
    ASSERT_TRUE(program);
    EXPECT_EQ(text_of(Bytes(*program).subspan(1, 3)), "ELF");
}

Buffer pattern(std::uint8_t byte) {
    return Buffer(5000, byte);
}

TEST(DurableFile, WritesAndReadsBack) {
    const ScratchDirectory scratch;
    ASSERT_TRUE(write_durably(scratch.file("a"), bytes_of("one")));
    ASSERT_TRUE(write_durably(scratch.file("a"), bytes_of("two!")));
    const auto content = read_file(scratch.file("a"), 4);
    ASSERT_TRUE(content);
    EXPECT_EQ(text_of(*content), "two!");
    const auto secret = read_secret_file(scratch.file("a"), 4);
    ASSERT_TRUE(secret);
    EXPECT_EQ(text_of(secret->bytes()), "two!");
}

TEST(DurableFile, HasTheModeAsked) {
    const ScratchDirectory scratch;
    ASSERT_TRUE(write_durably(scratch.file("a"), bytes_of("x")));
    struct stat status {};
    ASSERT_EQ(::stat(scratch.file("a").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(DurableFile, LargerThanTheLimitIsDenied) {
    const ScratchDirectory scratch;
    ASSERT_TRUE(write_durably(scratch.file("a"), bytes_of("12345")));
    EXPECT_EQ(read_file(scratch.file("a"), 4).error().kind, ErrorKind::denied);
    EXPECT_TRUE(read_file(scratch.file("a"), 5));
}

TEST(DurableFile, MissingFileIsNotFound) {
    const ScratchDirectory scratch;
    EXPECT_EQ(read_file(scratch.file("a"), 4).error().kind, ErrorKind::not_found);
}

TEST(DurableFile, NameWithSlashIsRefused) {
    const ScratchDirectory scratch;
    const auto directory = Directory::open(scratch.path());
    ASSERT_TRUE(directory);
    for (const char* name : {"", ".", "..", "a/b", "/etc/passwd"}) {
        EXPECT_EQ(directory->read(name, 9).error().kind, ErrorKind::malformed) << name;
        EXPECT_EQ(directory->write_durably(name, {}).error().kind, ErrorKind::malformed) << name;
    }
}

TEST(DurableFile, SymbolicLinkIsNotFollowed) {
    const ScratchDirectory scratch;
    ASSERT_TRUE(write_durably(scratch.file("target"), bytes_of("x")));
    ASSERT_EQ(::symlink(scratch.file("target").c_str(), scratch.file("link").c_str()), 0);
    EXPECT_FALSE(read_file(scratch.file("link"), 9));
}

TEST(DurableFile, FailureAtAnyStepLeavesOldOrNew) {
    for (const DurableStep step : every_step) {
        const ScratchDirectory scratch;
        const auto directory = Directory::open(scratch.path());
        ASSERT_TRUE(directory);
        ASSERT_TRUE(directory->write_durably("a", pattern(1)));
        FailAt fault(step);
        EXPECT_FALSE(directory->write_durably("a", pattern(2), 0600, &fault));
        const auto content = directory->read("a", 5000);
        ASSERT_TRUE(content);
        // Only where the rename is done may the new one be there.
        EXPECT_EQ(*content, pattern(step == DurableStep::sync_directory ? 2 : 1));
        EXPECT_TRUE(directory->write_durably("a", pattern(3))) << "must work again";
        EXPECT_EQ(*directory->read("a", 5000), pattern(3));
    }
}

// Shows: A21
TEST(DurableFile, EndOfProcessAtAnyStepLeavesOldOrNew) {
    for (const DurableStep step : every_step) {
        const ScratchDirectory scratch;
        const auto directory = Directory::open(scratch.path());
        ASSERT_TRUE(directory);
        ASSERT_TRUE(directory->write_durably("a", pattern(1)));
        const pid_t child = ::fork();
        if (child == 0) {
            DieAt fault(step);
            (void)directory->write_durably("a", pattern(2), 0600, &fault);
            ::_exit(1);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_EQ(WEXITSTATUS(status), 42);
        const auto content = directory->read("a", 5000);
        ASSERT_TRUE(content);
        EXPECT_EQ(*content, pattern(step == DurableStep::sync_directory ? 2 : 1));
    }
}

std::vector<Buffer> records_of(const std::string& path) {
    std::vector<Buffer> records;
    const auto log = AppendLog::open(
        path, [&](Bytes record) { records.emplace_back(record.begin(), record.end()); });
    EXPECT_TRUE(log);
    return records;
}

TEST(AppendLog, GivesBackWhatWasAppended) {
    const ScratchDirectory scratch;
    auto prng = testing::Prng::from_environment();
    std::vector<Buffer> expected;
    for (int round = 0; round < 3; ++round) {
        auto log = AppendLog::open(scratch.file("log"), [](Bytes) {});
        ASSERT_TRUE(log);
        for (int i = 0; i < 5; ++i) {
            expected.push_back(prng.bytes(prng.below(300)));
            ASSERT_TRUE(log->append(expected.back()));
        }
    }
    EXPECT_EQ(records_of(scratch.file("log")), expected) << "SEED=" << prng.seed();
}

TEST(AppendLog, TornAtAnyByteGivesTheWholeRecordsBefore) {
    const ScratchDirectory scratch;
    const Buffer first = pattern(1);
    const Buffer second(40, 2);
    std::uint64_t whole = 0;
    std::uint64_t first_end = 0;
    {
        auto log = AppendLog::open(scratch.file("log"), [](Bytes) {});
        ASSERT_TRUE(log);
        ASSERT_TRUE(log->append(first));
        first_end = log->size();
        ASSERT_TRUE(log->append(second));
        whole = log->size();
    }
    for (std::uint64_t cut = whole - 1; cut >= first_end; --cut) {
        ASSERT_EQ(::truncate(scratch.file("log").c_str(), static_cast<off_t>(cut)), 0);
        ASSERT_EQ(records_of(scratch.file("log")), std::vector<Buffer>{first}) << cut;
        auto log = AppendLog::open(scratch.file("log"), [](Bytes) {});
        ASSERT_TRUE(log);
        ASSERT_EQ(log->size(), first_end) << "the torn record must be cut off";
        ASSERT_TRUE(log->append(second));
        ASSERT_EQ(log->size(), whole);
    }
}

TEST(AppendLog, ChangedByteEndsIt) {
    const ScratchDirectory scratch;
    {
        auto log = AppendLog::open(scratch.file("log"), [](Bytes) {});
        ASSERT_TRUE(log);
        ASSERT_TRUE(log->append(bytes_of("one")));
        ASSERT_TRUE(log->append(bytes_of("two")));
    }
    const int fd = ::open(scratch.file("log").c_str(), O_WRONLY | O_CLOEXEC);
    ASSERT_EQ(::pwrite(fd, "X", 1, 8), 1);
    ::close(fd);
    EXPECT_TRUE(records_of(scratch.file("log")).empty());
}

TEST(AppendLog, RecordOverTheLimitIsDenied) {
    const ScratchDirectory scratch;
    auto log = AppendLog::open(scratch.file("log"), [](Bytes) {});
    ASSERT_TRUE(log);
    EXPECT_EQ(log->append(Buffer(AppendLog::record_bytes_max + 1)).error().kind, ErrorKind::denied);
    EXPECT_TRUE(log->append(Buffer(AppendLog::record_bytes_max)));
}

}  // namespace
}  // namespace softpos::host
