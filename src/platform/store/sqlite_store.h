// The store in one SQLite file: one writer thread that makes many works durable with one sync.
#pragma once

#include "base/result.h"
#include "platform/store/store.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace softpos::store {

struct SqliteConfig {
    std::string path = {};  // Made when missing. The folder must be there.
    std::size_t batch_works_max = 256;
    std::int64_t batch_us_max = 10'000;    // No more work joins a batch that is older.
    std::size_t queue_works_max = 65'536;  // Beyond, work is refused as unavailable.
    std::size_t readers_max = 8;           // Connections; more questions wait for one.
    std::int64_t busy_ms_max = 5'000;
    std::int64_t wal_frames_max = 4'000;  // Of 4 KiB, before the log is carried over.
    // For tests: called before each commit; true makes that commit fail.
    std::function<bool()> fail_commit = {};
};

struct StoreCounts {
    std::uint64_t works = 0;
    std::uint64_t commits = 0;
    std::uint64_t failed_commits = 0;
};

//     const auto store = TRY(open_sqlite({.path = "/var/lib/softpos/platform.db"}));
class SqliteStore : public Store {
public:
    virtual StoreCounts counts() const = 0;
};

// Brings an older schema up to date, step by step; refuses one that is newer than this program
// (unsupported) and a file that is no database (malformed). The destructor finishes what is queued.
Result<std::unique_ptr<SqliteStore>> open_sqlite(SqliteConfig config);

// The number of the last migration that this program knows.
std::uint32_t schema_version();

}  // namespace softpos::store
