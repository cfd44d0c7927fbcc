// One connection to the database and its prepared statements. Internal to the store.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

struct sqlite3;
struct sqlite3_stmt;

namespace softpos::store {

// Used by one thread at a time. Statements are prepared once and kept; their text is a literal, so
// nothing from outside ever becomes SQL.
class Connection {
public:
    // carry_over: for checkpoint() alone, in portions (sqlite_paced.h).
    enum class Mode : std::uint8_t { read_write, read_only, carry_over };
    static Result<std::unique_ptr<Connection>> open(const std::string& path, Mode mode,
                                                    std::int64_t busy_ms_max);

    Connection() = default;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection();

    Result<void> execute(Literal sql);
    Result<void> execute_script(const char* sql);  // Several statements: migrations.
    bool in_transaction() const;
    std::int64_t changes() const;  // Rows that the last change touched.

    // Carries the write-ahead log over into the database as far as readers allow; nobody waits for
    // it but the caller. Never done by a commit. Answers how many frames of the log are
    // in the database now.
    Result<std::int64_t> checkpoint();
    // In the log after this connection's last commit.
    std::int64_t wal_frames() const { return wal_frames_; }

private:
    friend class Query;
    sqlite3* handle_ = nullptr;
    std::int64_t wal_frames_ = 0;
    std::unordered_map<const char*, sqlite3_stmt*> statements_;

    Result<sqlite3_stmt*> statement(const char* sql);
};

// One use of a statement: bind in order, step, read columns in order. What is bound is borrowed
// until the last step: bind nothing temporary.
//
//     Query query(connection, "SELECT name FROM merchants WHERE number = ?");
//     query << number;
//     while (TRY(query.step())) names.push_back(query.text());
class Query {
public:
    Query(Connection& connection, Literal sql);
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;
    ~Query();

    Query& operator<<(std::int64_t value);
    Query& operator<<(std::string_view value);
    Query& operator<<(Bytes value);
    Query& operator<<(const Id128& value) { return *this << Bytes(value.bytes); }

    Result<bool> step();  // True: a row is there.
    Result<void> run();   // A change that gives no rows.

    std::int64_t number();
    std::string text();
    Buffer blob();
    Id128 id();
    template <std::size_t size>
    std::array<std::uint8_t, size> bytes() {
        std::array<std::uint8_t, size> out{};
        copy_blob(out);
        return out;
    }
    template <typename T>
    T whole() {  // Of a column that we wrote from a T.
        return static_cast<T>(number());
    }

private:
    sqlite3_stmt* statement_ = nullptr;
    Error error_;
    bool failed_ = false;
    int bound_ = 0;
    int column_ = 0;

    void bound(int status);
    void copy_blob(std::span<std::uint8_t> out);
};

}  // namespace softpos::store
