// The SQLite calls, and what their status codes mean to us.
#include "platform/store/sqlite_connection.h"

#include "base/check.h"
#include "platform/store/sqlite_paced.h"

#include <sqlite3.h>

#include <algorithm>
#include <limits>

namespace softpos::store {
namespace {

Error error_of(int status) {
    const auto detail = static_cast<std::uint32_t>(status);
    switch (status & 0xFF) {
        case SQLITE_CONSTRAINT:
            return {ErrorKind::conflict, "a row like it is there", detail};
        case SQLITE_NOTADB:
        case SQLITE_CORRUPT:
            return {ErrorKind::malformed, "the file is no sound store", detail};
        case SQLITE_ERROR:
        case SQLITE_MISUSE:
        case SQLITE_RANGE:
        case SQLITE_MISMATCH:
            return {ErrorKind::internal, "the store was used wrongly", detail};
        default:
            return {ErrorKind::unavailable, "the store does not answer", detail};
    }
}

int size_of(std::size_t size) {
    CHECK(size <= static_cast<std::size_t>(std::numeric_limits<int>::max()));
    return static_cast<int>(size);
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const std::string& path, Mode mode,
                                                     std::int64_t busy_ms_max) {
    // Its memory statistics take a lock for every allocation. Refused once it runs, which is fine.
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    auto connection = std::make_unique<Connection>();
    const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE |
                      (mode == Mode::read_write ? SQLITE_OPEN_CREATE : 0);
    const int status = sqlite3_open_v2(path.c_str(), &connection->handle_, flags,
                                       mode == Mode::carry_over ? paced_vfs() : nullptr);
    if (status != SQLITE_OK) return std::unexpected(error_of(status));
    constexpr int small_bytes = 512, small_count = 1'000;  // Kept at hand by the connection.
    sqlite3_db_config(connection->handle_, SQLITE_DBCONFIG_LOOKASIDE, nullptr, small_bytes,
                      small_count);
    sqlite3_extended_result_codes(connection->handle_, 1);
    sqlite3_busy_timeout(connection->handle_,
                         static_cast<int>(std::clamp<std::int64_t>(busy_ms_max, 0, 60'000)));
    if (mode != Mode::read_only) {
        // FULL: a commit is on the disk before anybody hears of it.
        TRY_VOID(connection->execute_script(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF;"
            "PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = "
            "OFF;"));
        // In the place of the hook that would checkpoint within a commit.
        sqlite3_wal_hook(
            connection->handle_,
            [](void* counted, sqlite3*, const char*, int frames) {
                *static_cast<std::int64_t*>(counted) = frames;
                return SQLITE_OK;
            },
            &connection->wal_frames_);
    } else {
        TRY_VOID(
            connection->execute_script("PRAGMA query_only = ON; PRAGMA cache_size = -8192;"
                                       "PRAGMA trusted_schema = OFF;"));
    }
    return connection;
}

Connection::~Connection() {
    for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
    sqlite3_close(handle_);
}

Result<sqlite3_stmt*> Connection::statement(const char* sql) {
    if (const auto found = statements_.find(sql); found != statements_.end()) {
        return found->second;
    }
    sqlite3_stmt* statement = nullptr;
    const int status =
        sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (status != SQLITE_OK) return std::unexpected(error_of(status));
    statements_.emplace(sql, statement);
    return statement;
}

Result<void> Connection::execute(Literal sql) {
    Query query(*this, sql);
    return query.run();
}

Result<void> Connection::execute_script(const char* sql) {
    const int status = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
    if (status != SQLITE_OK) return std::unexpected(error_of(status));
    return {};
}

Result<std::int64_t> Connection::checkpoint() {
    int carried = 0;
    const int status =
        sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, &carried);
    // Busy: another one is at it.
    if (status == SQLITE_OK || status == SQLITE_BUSY) return std::max(carried, 0);
    return std::unexpected(error_of(status));
}

bool Connection::in_transaction() const {
    return sqlite3_get_autocommit(handle_) == 0;
}

std::int64_t Connection::changes() const {
    return sqlite3_changes64(handle_);
}

Query::Query(Connection& connection, Literal sql)
    : error_{ErrorKind::internal, "nothing is wrong"} {
    auto statement = connection.statement(sql.c_str());
    if (statement) {
        statement_ = *statement;
    } else {
        failed_ = true;
        error_ = statement.error();
    }
}

Query::~Query() {
    if (statement_ == nullptr) return;
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
}

void Query::bound(int status) {
    if (status == SQLITE_OK || failed_) return;
    failed_ = true;
    error_ = error_of(status);
}

Query& Query::operator<<(std::int64_t value) {
    if (!failed_) bound(sqlite3_bind_int64(statement_, ++bound_, value));
    return *this;
}

Query& Query::operator<<(std::string_view value) {
    if (failed_) return *this;
    const char* const data = value.empty() ? "" : value.data();
    bound(sqlite3_bind_text(statement_, ++bound_, data, size_of(value.size()), SQLITE_STATIC));
    return *this;
}

Query& Query::operator<<(Bytes value) {
    if (failed_) return *this;
    if (value.empty()) {  // A null pointer would be stored as NULL, not as nothing.
        bound(sqlite3_bind_zeroblob(statement_, ++bound_, 0));
    } else {
        bound(sqlite3_bind_blob(statement_, ++bound_, value.data(), size_of(value.size()),
                                SQLITE_STATIC));
    }
    return *this;
}

Result<bool> Query::step() {
    if (failed_) return std::unexpected(error_);
    column_ = 0;
    const int status = sqlite3_step(statement_);
    if (status == SQLITE_ROW) return true;
    if (status == SQLITE_DONE) return false;
    return std::unexpected(error_of(status));
}

Result<void> Query::run() {
    while (TRY(step())) {
    }
    return {};
}

std::int64_t Query::number() {
    return sqlite3_column_int64(statement_, column_++);
}

std::string Query::text() {
    const int column = column_++;
    const Bytes bytes(sqlite3_column_text(statement_, column),
                      static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
    return std::string(text_of(bytes));
}

Buffer Query::blob() {
    const int column = column_++;
    const auto* const data =
        static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return data == nullptr ? Buffer() : Buffer(data, data + size);
}

void Query::copy_blob(std::span<std::uint8_t> out) {
    const Buffer data = blob();
    if (data.size() == out.size()) std::ranges::copy(data, out.begin());
}

Id128 Query::id() {
    return {bytes<16>()};
}

}  // namespace softpos::store
