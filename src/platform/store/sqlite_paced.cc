// The usual VFS with another xWrite for the files of databases.
#include "platform/store/sqlite_paced.h"

#include "base/check.h"

#include <sqlite3.h>

#include <functional>
#include <mutex>
#include <utility>

namespace softpos::store {
namespace {

constexpr int portion_pages = 48;

sqlite3_vfs* usual = nullptr;
sqlite3_vfs paced;
sqlite3_io_methods usual_file, paced_file;

// One thread carries a log over at a time, and does nothing else.
thread_local int pages = 0;
thread_local std::function<void()> between;

int write_paced(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
    const int written = usual_file.xWrite(file, bytes, size, at);
    if (written != SQLITE_OK || ++pages < portion_pages) return written;
    pages = 0;
    const int synced = usual_file.xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
    if (between) between();
    return synced;
}

int open_paced(sqlite3_vfs*, sqlite3_filename name, sqlite3_file* file, int flags, int* out) {
    const int opened = usual->xOpen(usual, name, file, flags, out);
    if (opened != SQLITE_OK || (flags & SQLITE_OPEN_MAIN_DB) == 0) return opened;
    // All of these files have the same methods: those of the file system's kind of locks.
    static std::once_flag once;
    std::call_once(once, [file] {
        usual_file = *file->pMethods;
        paced_file = usual_file;
        paced_file.xWrite = write_paced;
    });
    if (file->pMethods->xWrite == usual_file.xWrite) file->pMethods = &paced_file;
    return opened;
}

}  // namespace

void set_pace(std::function<void()> pace) {
    between = std::move(pace);
}

const char* paced_vfs() {
    static std::once_flag once;
    std::call_once(once, [] {
        usual = sqlite3_vfs_find(nullptr);
        CHECK(usual != nullptr);
        paced = *usual;
        paced.zName = "softpos-paced";
        paced.pNext = nullptr;
        paced.xOpen = open_paced;
        CHECK(sqlite3_vfs_register(&paced, 0) == SQLITE_OK);
    });
    return paced.zName;
}

}  // namespace softpos::store
