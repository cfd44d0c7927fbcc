// What is SQLite's alone: files, schema versions, and a process that is killed while it writes.
#include "platform/store/sqlite_store.h"

#include "testing/prng.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace softpos::store {
namespace {

constexpr std::string_view shop = "898310058120001";
constexpr pay::BusinessDate today{20261122};

class SqliteStoreTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "sqliteXXXXXX").string();
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::string path() const { return folder_ + "/store.db"; }

    std::string folder_;
};

pay::Payment approved_sale(Random& random, std::uint32_t stan) {
    pay::Payment sale;
    sale.id = pay::new_id(shop, {1'763'000'000'000 + stan}, random);
    sale.merchant = shop;
    sale.terminal = "00000001";
    sale.amount_minor = 100 + stan;
    sale.idempotency_key = Id128::make(random);
    sale.state = pay::PaymentState::approved;
    sale.batch = 1;
    sale.stan = stan;
    sale.settlement_date = today;
    sale.fee = {.merchant_minor = 6, .issuer_minor = 4, .network_minor = 1};
    return sale;
}

// In a child process: sells as fast as it can, and names each durable sale on the pipe.
[[noreturn]] void sell_until_killed(const std::string& path, std::uint64_t seed, int pipe) {
    auto store = open_sqlite({.path = path, .wal_frames_max = 40});  // Carried over in between.
    if (!store) _exit(1);
    SeededRandom random(seed);
    for (std::uint32_t stan = 1; stan < 900'000; ++stan) {
        const pay::Payment sale = approved_sale(random, stan);
        (*store)->submit(
            [sale](Tx& tx) -> Result<void> {
                TRY_VOID(tx.insert(sale));
                return tx.post(pay::post_sale(sale));
            },
            [sale, pipe](Result<void> durable) {
                if (durable && write(pipe, sale.id.bytes.data(), 16) != 16) _exit(2);
            });
        // Waits for what it queued now and then, so that batches of all sizes are interrupted.
        const bool wait = stan % 64 == 0;
        if (wait && !(*store)->run([](Tx&) { return Result<void>{}; })) _exit(4);
    }
    _exit(3);
}

std::vector<Id128> run_and_kill(const std::string& path, std::uint64_t seed) {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe(ends.data()), 0);
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        sell_until_killed(path, seed, ends[1]);
    }
    close(ends[1]);
    SeededRandom random(seed + 1);
    const std::size_t kill_after = 1 + random.below(1500);
    std::vector<Id128> acknowledged;
    Id128 id;
    bool killed = false;
    while (read(ends[0], id.bytes.data(), 16) == 16) {
        acknowledged.push_back(id);
        if (!killed && acknowledged.size() >= kill_after) {
            kill(child, SIGKILL);
            killed = true;
        }
    }
    close(ends[0]);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return acknowledged;
}

// A killed process proves the protocol; that the disk keeps what it synced is for the disk.
TEST_F(SqliteStoreTest, AKilledProcessLosesNothingThatItAcknowledged) {
    const std::uint64_t seed = testing::Prng::from_environment().seed();
    for (std::uint64_t round = 0; round < 5; ++round) {
        const auto acknowledged = run_and_kill(path(), seed * 100 + round);
        ASSERT_FALSE(acknowledged.empty());
        auto store = open_sqlite({.path = path()});
        ASSERT_TRUE(store) << store.error().what.c_str();
        const auto checked = (*store)->read([&](Reader& reader) -> Result<void> {
            for (const Id128& id : acknowledged) {
                EXPECT_TRUE(TRY(reader.payment(id))) << "SEED=" << seed;
                EXPECT_EQ(TRY(reader.transfers_of(id)).size(), 3U) << "SEED=" << seed;
            }
            pay::Balances folded;
            std::int64_t count = 0;
            IdPage page{.after = {}, .rows_max = page_rows_max};
            while (true) {
                const auto payments = TRY(reader.payments_on(today, page));
                if (payments.empty()) break;
                for (const auto& payment : payments) {
                    const auto transfers = TRY(reader.transfers_of(payment.id));
                    TRY_VOID(pay::fold(transfers, folded));
                }
                count += static_cast<std::int64_t>(payments.size());
                page.after = payments.back().id;
            }
            EXPECT_EQ(TRY(reader.balances()), folded) << "SEED=" << seed;
            EXPECT_EQ(pay::trial_balance(folded), 0) << "SEED=" << seed;
            EXPECT_GE(count, static_cast<std::int64_t>(acknowledged.size()));
            return {};
        });
        EXPECT_TRUE(checked);
        store->reset();
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directory(folder_);
    }
}

TEST_F(SqliteStoreTest, ANewerSchemaIsRefused) {
    ASSERT_TRUE(open_sqlite({.path = path()}));
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &raw), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(raw, "UPDATE schema_version SET version = version + 1", nullptr, nullptr,
                           nullptr),
              SQLITE_OK);
    sqlite3_close(raw);
    const auto store = open_sqlite({.path = path()});
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().kind, ErrorKind::unsupported);
}

// What was written before there were phones in the schema is still there after it has them.
TEST_F(SqliteStoreTest, AnOlderSchemaIsBroughtUpToDate) {
    {
        auto store = open_sqlite({.path = path()});
        ASSERT_TRUE(store);
        ASSERT_TRUE((*store)->run([](Tx& tx) -> Result<void> {
            TRY_VOID(tx.set("kept", "yes"));
            pay::ReconciliationReport report{.date = today, .ours_count = 7, .short_count = 1};
            ReconciliationException exception{.date = today};
            exception.item.ours_minor = 100;
            return tx.put(report, std::array{exception});
        }));
    }
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &raw), SQLITE_OK);
    for (const char* table :
         {"devices", "nonces", "permits", "evidence", "transitions", "incidents", "commands",
          "policies", "webhooks", "deliveries", "registry", "registry_history", "wallet_trades",
          "trials", "wallet_bill_lines", "classic_terminals"}) {
        const std::string drop = std::string("DROP TABLE ") + table;
        ASSERT_EQ(sqlite3_exec(raw, drop.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << table;
    }
    for (const char* sql :
         {"ALTER TABLE terminals DROP COLUMN serial",
          "CREATE TABLE old AS SELECT settlement_date, ours_count, ours_minor, log_count, "
          "log_minor,"
          " file_count, file_minor, file_fee_minor, matched_count, matched_minor, long_count,"
          " long_minor, short_count, short_minor, differing_count, difference_minor,"
          " cross_day_count, cross_day_minor, carried_count, carried_minor, not_in_log_count"
          " FROM reconciliations; DROP TABLE reconciliations;"
          "ALTER TABLE old RENAME TO reconciliations",
          "CREATE TABLE old AS SELECT settlement_date, id, kind, key_date, terminal, stan, rrn,"
          " merchant, ours_minor, file_minor, in_log, payment, open, found_at"
          " FROM reconciliation_exceptions; DROP TABLE reconciliation_exceptions;"
          "ALTER TABLE old RENAME TO reconciliation_exceptions",
          "UPDATE schema_version SET version = 1"}) {
        ASSERT_EQ(sqlite3_exec(raw, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sql;
    }
    sqlite3_close(raw);
    auto store = open_sqlite({.path = path()});
    ASSERT_TRUE(store);
    ASSERT_TRUE((*store)->read([](Reader& reader) -> Result<void> {
        EXPECT_EQ(TRY(reader.setting("kept")), "yes");
        EXPECT_TRUE(TRY(reader.devices({})).empty());
        EXPECT_EQ(TRY(reader.reconciliation({today}))->ours_count, 7);
        EXPECT_EQ(TRY(reader.exceptions({today})).size(), 1U);
        EXPECT_FALSE(TRY(reader.reconciliation({today, "alipay"})));
        return {};
    }));
}

TEST_F(SqliteStoreTest, AFileThatIsNoDatabaseIsRefused) {
    std::ofstream(path()) << std::string(8192, 'x');
    const auto store = open_sqlite({.path = path()});
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().kind, ErrorKind::malformed);
}

TEST_F(SqliteStoreTest, ManyWorksShareACommit) {
    auto store = open_sqlite({.path = path()});
    ASSERT_TRUE(store);
    for (int i = 0; i < 1000; ++i) {
        (*store)->submit([i](Tx& tx) { return tx.set("last", std::to_string(i)); },
                         [](Result<void> durable) { EXPECT_TRUE(durable); });
    }
    ASSERT_TRUE((*store)->run([](Tx&) { return Result<void>{}; }));
    const auto counts = (*store)->counts();
    EXPECT_EQ(counts.works, 1001U);
    EXPECT_LT(counts.commits, 900U);
}

// Also while somebody reads all the time, the log begins anew now and then, and nothing is lost.
TEST_F(SqliteStoreTest, TheLogIsCarriedOverBesideTheWriter) {
    constexpr int commits = 3'000;
    constexpr std::int64_t frames_max = 100;
    auto store = open_sqlite({.path = path(), .wal_frames_max = frames_max});
    ASSERT_TRUE(store);
    std::atomic<bool> stop = false;
    std::thread reader([&] {
        while (!stop) {
            EXPECT_TRUE((*store)->read([](Reader& one) -> Result<void> {
                (void)TRY(one.setting("number 0"));
                return {};
            }));
        }
    });
    for (int i = 0; i < commits; ++i) {
        const std::string text = std::to_string(i);
        ASSERT_TRUE((*store)->run([&](Tx& tx) { return tx.set("number " + text, text); }));
    }
    stop = true;
    reader.join();
    const auto log_bytes = std::filesystem::file_size(path() + "-wal");
    EXPECT_LT(log_bytes, std::uintmax_t{commits} * 4096) << "one commit has a frame at least";
    ASSERT_TRUE((*store)->read([](Reader& one) -> Result<void> {
        for (int i = 0; i < commits; ++i) {
            const std::string text = std::to_string(i);
            EXPECT_EQ(TRY(one.setting("number " + text)), text);
        }
        return {};
    }));
}

TEST_F(SqliteStoreTest, AFullQueueRefusesWork) {
    SqliteConfig config{.path = path()};
    config.queue_works_max = 0;
    auto store = open_sqlite(std::move(config));
    ASSERT_TRUE(store);
    EXPECT_EQ((*store)->run([](Tx&) { return Result<void>{}; }).error().kind,
              ErrorKind::unavailable);
}

}  // namespace
}  // namespace softpos::store
