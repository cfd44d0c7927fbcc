// The writer thread, and a small pool of connections for questions.
#include "platform/store/sqlite_store.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "platform/store/sqlite_connection.h"
#include "platform/store/sqlite_schema.h"
#include "platform/store/sqlite_tx.h"
#include "platform/store/sqlite_wal.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace softpos::store {
namespace {

struct Submitted {
    Store::Work work;
    Store::Done done;
};

Error not_durable() {
    return {ErrorKind::unavailable, "the store could not make it durable"};
}

// Connections for questions: opened when first needed, at most so many, lent one at a time.
class ReaderPool {
public:
    explicit ReaderPool(const SqliteConfig& config) : config_(config) {}

    Result<std::unique_ptr<Connection>> take() {
        std::unique_lock lock(mutex_);
        free_.wait(lock, [&] { return !idle_.empty() || open_ < config_.readers_max; });
        if (!idle_.empty()) {
            auto connection = std::move(idle_.back());
            idle_.pop_back();
            return connection;
        }
        ++open_;
        lock.unlock();
        auto connection =
            Connection::open(config_.path, Connection::Mode::read_only, config_.busy_ms_max);
        if (!connection) {
            lock.lock();
            --open_;
            free_.notify_one();
        }
        return connection;
    }

    void give_back(std::unique_ptr<Connection> connection) {
        const std::lock_guard lock(mutex_);
        idle_.push_back(std::move(connection));
        free_.notify_one();
    }

private:
    const SqliteConfig& config_;
    std::mutex mutex_;
    std::condition_variable free_;
    std::vector<std::unique_ptr<Connection>> idle_;
    std::size_t open_ = 0;
};

class SqliteStoreImpl final : public SqliteStore {
public:
    SqliteStoreImpl(SqliteConfig config, std::unique_ptr<Connection> connection,
                    std::unique_ptr<WalKeeper> keeper)
        : config_(std::move(config)),
          connection_(std::move(connection)),
          keeper_(std::move(keeper)),
          readers_(config_) {
        writer_ = std::thread([this] { write(); });
    }

    ~SqliteStoreImpl() override {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        filled_.notify_one();
        writer_.join();
    }

    void submit(Work work, Done done) override {
        {
            const std::lock_guard lock(mutex_);
            if (queue_.size() < config_.queue_works_max) {
                queue_.push_back({std::move(work), std::move(done)});
                filled_.notify_one();
                return;
            }
        }
        done(fail(ErrorKind::unavailable, "the store has too much to do"));
    }

    Result<void> read(const Question& question) override {
        auto connection = TRY(readers_.take());
        auto answered = ask(*connection, question);
        readers_.give_back(std::move(connection));
        return answered;
    }

    StoreCounts counts() const override {
        return {.works = works_, .commits = commits_, .failed_commits = failed_commits_};
    }

private:
    SqliteConfig config_;
    std::unique_ptr<Connection> connection_;  // The writer's.
    std::unique_ptr<WalKeeper> keeper_;
    BalanceChanges changes_;
    ReaderPool readers_;
    SystemClock clock_;

    std::mutex mutex_;
    std::condition_variable filled_;
    std::deque<Submitted> queue_;
    bool stopping_ = false;
    std::atomic<std::uint64_t> works_{0}, commits_{0}, failed_commits_{0};
    std::thread writer_;

    // One batch: what ran, and how each went.
    struct Ran {
        Done done;
        Result<void> result;
    };

    void write();
    bool take(Submitted& next);
    bool take_if_any(Submitted& next);
    void write_batch(Submitted first);
    Result<void> run_batch(Submitted first, std::vector<Ran>& ran);
    Result<void> run_one(const Work& work);
    Result<void> commit();
    static Result<void> ask(Connection& connection, const Question& question);
};

void SqliteStoreImpl::write() {
    Submitted first;
    while (take(first)) {
        write_batch(std::exchange(first, {}));
        keeper_->look(*connection_);
    }
}

// Waits for work; false when there is none and never will be.
bool SqliteStoreImpl::take(Submitted& next) {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return false;
    next = std::move(queue_.front());
    queue_.pop_front();
    return true;
}

bool SqliteStoreImpl::take_if_any(Submitted& next) {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) return false;
    next = std::move(queue_.front());
    queue_.pop_front();
    return true;
}

void SqliteStoreImpl::write_batch(Submitted first) {
    std::vector<Ran> ran;
    const auto durable = run_batch(std::move(first), ran);
    changes_.clear();
    works_ += ran.size();
    if (durable) {
        ++commits_;
    } else {
        ++failed_commits_;
        log(LogLevel::error, "store_commit_failed", durable.error());
        if (connection_->in_transaction()) {
            const auto undone = connection_->execute("ROLLBACK");
            if (!undone) log(LogLevel::error, "store_rollback_failed", undone.error());
        }
    }
    for (Ran& each : ran) {
        // What failed by itself left nothing anyway; the rest is not there either.
        if (!durable && each.result) each.result = std::unexpected(not_durable());
        each.done(std::move(each.result));
    }
}

// Runs what is queued until there is nothing more, the batch is full, or its time is up: under
// load the commit itself is the time in which the next batch gathers, so nobody waits for company.
Result<void> SqliteStoreImpl::run_batch(Submitted first, std::vector<Ran>& ran) {
    const auto begun = connection_->execute("BEGIN IMMEDIATE");
    if (!begun) {
        ran.push_back({std::move(first.done), {}});
        return begun;
    }
    const Ticks start = clock_.ticks();
    Submitted next = std::move(first);
    do {
        auto result = run_one(next.work);
        const bool lost = !connection_->in_transaction();
        ran.push_back({std::move(next.done), std::move(result)});
        // A full disk may have undone the whole transaction, and with it what ran before.
        if (lost) return std::unexpected(not_durable());
        if (ran.size() >= config_.batch_works_max) break;
        if (clock_.ticks().us - start.us >= config_.batch_us_max) break;
    } while (take_if_any(next));
    return commit();
}

// A savepoint, so that a work that fails in the middle leaves nothing, and its neighbours stay.
// Where it can be neither kept nor undone, the whole batch is undone: half a work is never kept.
Result<void> SqliteStoreImpl::run_one(const Work& work) {
    TRY_VOID(connection_->execute("SAVEPOINT work"));
    SqliteTx tx(*connection_, changes_);
    auto result = work(tx);
    if (result) result = connection_->execute("RELEASE work");
    if (result) {
        changes_.keep();
        return result;
    }
    changes_.drop();
    if (!connection_->in_transaction()) return result;
    auto undone = connection_->execute("ROLLBACK TO work");
    if (undone) undone = connection_->execute("RELEASE work");
    if (!undone) {
        const auto all_undone = connection_->execute("ROLLBACK");
        if (!all_undone) log(LogLevel::error, "store_rollback_failed", all_undone.error());
    }
    return result;
}

Result<void> SqliteStoreImpl::commit() {
    TRY_VOID(changes_.write(*connection_));
    if (config_.fail_commit && config_.fail_commit()) {
        return fail(ErrorKind::unavailable, "a test made the commit fail");
    }
    return connection_->execute("COMMIT");
}

Result<void> SqliteStoreImpl::ask(Connection& connection, const Question& question) {
    TRY_VOID(connection.execute("BEGIN"));  // One moment for all that is asked.
    BalanceChanges none;
    SqliteTx reader(connection, none);
    auto answered = question(reader);
    TRY_VOID(connection.execute("COMMIT"));
    return answered;
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> open_sqlite(SqliteConfig config) {
    auto connection =
        TRY(Connection::open(config.path, Connection::Mode::read_write, config.busy_ms_max));
    TRY_VOID(migrate(*connection));
    auto keeper = TRY(WalKeeper::start({.path = config.path,
                                        .busy_ms_max = config.busy_ms_max,
                                        .frames_max = config.wal_frames_max}));
    return std::make_unique<SqliteStoreImpl>(std::move(config), std::move(connection),
                                             std::move(keeper));
}

}  // namespace softpos::store
