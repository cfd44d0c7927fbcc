// Files that are either the old or the new ones after a crash, never a mixture.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "host/descriptor.h"

#include <functional>
#include <string>
#include <sys/types.h>

namespace softpos::host {

// The steps of a durable write, in order.
enum class DurableStep : std::uint8_t {
    create_temporary,
    write_half,
    write_all,
    sync_file,
    rename,
    sync_directory,
};

// Asked in front of each step; a test lets one fail, or ends the process there.
class DurableFaults {
public:
    virtual ~DurableFaults() = default;
    virtual bool fails_at(DurableStep step) = 0;
};

// One open directory. Names are relative to it and are single components, so that everything works
// behind the gate, with openat and renameat only.
class Directory {
public:
    static Result<Directory> open(const std::string& path);
    static Result<Directory> make(const std::string& path, mode_t mode = 0700);  // Or open it.

    // not_found, or denied where it is larger than the limit.
    Result<Buffer> read(const std::string& name, std::size_t bytes_max) const;
    Result<SecretBytes> read_secret(const std::string& name, std::size_t bytes_max) const;

    // Temporary file, fsync, rename, fsync of the directory. After an error the content is the old
    // one, or, where only the last step failed, the new one.
    Result<void> write_durably(const std::string& name, Bytes content, mode_t mode = 0600,
                               DurableFaults* faults = nullptr) const;
    Result<void> remove(const std::string& name) const;

    int fd() const { return fd_.get(); }

private:
    explicit Directory(Descriptor fd) : fd_(std::move(fd)) {}
    Descriptor fd_;
};

// The same by path.
Result<void> write_durably(const std::string& path, Bytes content, mode_t mode = 0600);
Result<Buffer> read_file(const std::string& path, std::size_t bytes_max);
Result<SecretBytes> read_secret_file(const std::string& path, std::size_t bytes_max);

// The file that this process runs, even where another one has taken its name since.
Result<Buffer> read_running_program(std::size_t bytes_max);

// Records behind each other in one file, each on disk when append() returns. A record that was torn
// by a crash is cut off when the log is opened again; nothing behind a torn one is ever read.
//
//     auto log = TRY(AppendLog::open(path, [&](Bytes record) { replay(record); }));
//     TRY_VOID(log.append(record));
class AppendLog {
public:
    static constexpr std::size_t record_bytes_max = 64 * 1024;

    static Result<AppendLog> open(const std::string& path,
                                  const std::function<void(Bytes record)>& on_record);
    Result<void> append(Bytes record);
    std::uint64_t size() const { return size_; }  // Of the file, in bytes.
    int fd() const { return fd_.get(); }

private:
    AppendLog(Descriptor fd, std::uint64_t size) : fd_(std::move(fd)), size_(size) {}
    Descriptor fd_;
    std::uint64_t size_;
    bool broken_ = false;  // A failed write may have left half a record: no more after it.
};

}  // namespace softpos::host
