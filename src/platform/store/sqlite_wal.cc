// The three stages of one round: wanted by the writer, carried by the thread, ended by the writer.
#include "platform/store/sqlite_wal.h"

#include "base/log.h"
#include "platform/store/sqlite_paced.h"

#include <chrono>

namespace softpos::store {

Result<std::unique_ptr<WalKeeper>> WalKeeper::start(const Parts& parts) {
    auto keeper = std::make_unique<WalKeeper>(parts);
    keeper->connection_ =
        TRY(Connection::open(parts.path, Connection::Mode::carry_over, parts.busy_ms_max));
    keeper->again_at_ = parts.frames_max;
    keeper->thread_ = std::thread([one = keeper.get()] { one->run(); });
    return keeper;
}

WalKeeper::~WalKeeper() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
}

// Where readers still look at the old log it cannot begin anew: it is tried again when as much has
// been written once more.
void WalKeeper::look(Connection& writer) {
    if (writer.wal_frames() < again_at_) {
        if (writer.wal_frames() < parts_.frames_max) again_at_ = parts_.frames_max;
        return;
    }
    std::unique_lock lock(mutex_);
    if (stage_ == Stage::idle) {
        stage_ = Stage::wanted;
        changed_.notify_one();
        return;
    }
    if (stage_ != Stage::carried) return;
    stage_ = Stage::idle;
    lock.unlock();
    const auto rest = writer.checkpoint();
    if (!rest) log(LogLevel::warning, "store: log not carried over", rest.error());
    again_at_ = writer.wal_frames() + parts_.frames_max;
}

// What is written while a round goes on is left to the next, which is shorter for it.
void WalKeeper::carry_over() {
    constexpr int rounds_max = 6;
    constexpr std::int64_t little = 64;  // Frames, that the writer may be held up for.
    std::int64_t before = 0;
    for (int round = 0; round < rounds_max; ++round) {
        const auto carried = connection_->checkpoint();
        if (!carried) return log(LogLevel::warning, "store: log not carried over", carried.error());
        if (*carried - before <= little) return;
        before = *carried;
    }
}

// Ends at once when the keeper does.
void WalKeeper::pause() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::microseconds(700), [this] { return stopping_; });
}

void WalKeeper::run() {
    set_pace([this] { pause(); });
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return stopping_ || stage_ == Stage::wanted; });
        if (stopping_) return;
        lock.unlock();
        carry_over();
        lock.lock();
        stage_ = Stage::carried;
    }
}

}  // namespace softpos::store
