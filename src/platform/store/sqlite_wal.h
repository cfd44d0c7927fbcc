// Moves the write-ahead log into the database, beside the writer. Internal to the store.
#pragma once

#include "base/result.h"
#include "platform/store/sqlite_connection.h"

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace softpos::store {

// A commit that carries the log over by itself keeps everybody behind it waiting for that. So a
// thread with a connection of its own carries over nearly all of it; what was written meanwhile is
// little, and the writer takes that along between two batches, so that the log begins anew.
class WalKeeper {
public:
    struct Parts {
        std::string path;
        std::int64_t busy_ms_max = 5'000;
        std::int64_t frames_max = 4'000;  // Of 4 KiB; in the log when it is carried over.
    };
    static Result<std::unique_ptr<WalKeeper>> start(const Parts& parts);
    explicit WalKeeper(const Parts& parts) : parts_(parts) {}
    ~WalKeeper();
    WalKeeper(const WalKeeper&) = delete;
    WalKeeper& operator=(const WalKeeper&) = delete;

    // By the writer, between two batches.
    void look(Connection& writer);

private:
    enum class Stage : std::uint8_t { idle, wanted, carried };
    void run();
    void carry_over();
    void pause();

    Parts parts_;
    std::unique_ptr<Connection> connection_;  // The thread's.
    std::int64_t again_at_ = 0;               // The writer's: no sooner than at so many frames.
    std::mutex mutex_;
    std::condition_variable changed_;
    Stage stage_ = Stage::idle;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace softpos::store
