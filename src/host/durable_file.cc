// The order is the whole point: content, fsync, rename, fsync of the directory.
#include "host/durable_file.h"

#include "base/check.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace softpos::host {
namespace {

std::uint32_t last_errno() {
    return static_cast<std::uint32_t>(errno);
}

std::unexpected<Error> failed(Literal what) {
    const auto code = last_errno();
    return fail(code == ENOENT ? ErrorKind::not_found : ErrorKind::unavailable, what, code);
}

bool is_plain_name(const std::string& name) {
    return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
           name.find('\0') == std::string::npos;
}

bool write_all(int fd, Bytes bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return true;
}

// How many bytes came before the end of the file; up to the size of `into`.
Result<std::size_t> read_all(int fd, std::span<std::uint8_t> into) {
    std::size_t filled = 0;
    while (filled < into.size()) {
        const ssize_t got = ::read(fd, into.data() + filled, into.size() - filled);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failed("file cannot be read");
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    return filled;
}

Result<std::size_t> size_of(int fd, std::size_t bytes_max) {
    // lseek rather than fstat: one system call less for the gate to let through.
    const off_t end = ::lseek(fd, 0, SEEK_END);
    if (end < 0 || ::lseek(fd, 0, SEEK_SET) != 0) return failed("file has no size");
    if (static_cast<std::uint64_t>(end) > bytes_max) {
        return fail(ErrorKind::denied, "file is larger than its limit");
    }
    return static_cast<std::size_t>(end);
}

struct SplitPath {
    std::string directory;
    std::string name;
};

SplitPath split(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return {".", path};
    return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

Result<Directory> Directory::open(const std::string& path) {
    Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid()) return failed("directory cannot be opened");
    return Directory(std::move(fd));
}

Result<Directory> Directory::make(const std::string& path, mode_t mode) {
    if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
        return failed("directory cannot be made");
    }
    return open(path);
}

Result<Buffer> Directory::read(const std::string& name, std::size_t bytes_max) const {
    if (!is_plain_name(name)) return fail(ErrorKind::malformed, "file name");
    const Descriptor fd(::openat(fd_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd.valid()) return failed("file cannot be opened");
    Buffer content(TRY(size_of(fd.get(), bytes_max)));
    content.resize(TRY(read_all(fd.get(), content)));
    return content;
}

Result<SecretBytes> Directory::read_secret(const std::string& name, std::size_t bytes_max) const {
    if (!is_plain_name(name)) return fail(ErrorKind::malformed, "file name");
    const Descriptor fd(::openat(fd_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd.valid()) return failed("file cannot be opened");
    SecretBytes content(TRY(size_of(fd.get(), bytes_max)));
    const std::size_t filled = TRY(read_all(fd.get(), content.writable()));
    if (filled != content.size()) return fail(ErrorKind::unavailable, "file shrank while read");
    return content;
}

Result<Buffer> read_running_program(std::size_t bytes_max) {
    const Descriptor fd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return failed("own program cannot be opened");
    Buffer content(TRY(size_of(fd.get(), bytes_max)));
    content.resize(TRY(read_all(fd.get(), content)));
    return content;
}

Result<void> Directory::write_durably(const std::string& name, Bytes content, mode_t mode,
                                      DurableFaults* faults) const {
    if (!is_plain_name(name)) return fail(ErrorKind::malformed, "file name");
    const auto fault = [&](DurableStep step) {
        return faults != nullptr && faults->fails_at(step);
    };
    const auto injected = [](DurableStep step) {
        return fail(ErrorKind::unavailable, "injected fault", static_cast<std::uint32_t>(step));
    };
    const std::string temporary = name + ".new";
    if (fault(DurableStep::create_temporary)) return injected(DurableStep::create_temporary);
    // One left by a crash is of no use: nothing says whether it is whole.
    if (::unlinkat(fd_.get(), temporary.c_str(), 0) != 0 && errno != ENOENT) {
        return failed("old temporary file stays");
    }
    const Descriptor file(::openat(fd_.get(), temporary.c_str(),
                                   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    if (!file.valid()) return failed("temporary file cannot be made");
    if (fault(DurableStep::write_half)) return injected(DurableStep::write_half);
    if (!write_all(file.get(), content.first(content.size() / 2))) return failed("write");
    if (fault(DurableStep::write_all)) return injected(DurableStep::write_all);
    if (!write_all(file.get(), content.subspan(content.size() / 2))) return failed("write");
    if (fault(DurableStep::sync_file)) return injected(DurableStep::sync_file);
    if (::fsync(file.get()) != 0) return failed("fsync of the file");
    if (fault(DurableStep::rename)) return injected(DurableStep::rename);
    if (::renameat(fd_.get(), temporary.c_str(), fd_.get(), name.c_str()) != 0) {
        return failed("rename");
    }
    if (fault(DurableStep::sync_directory)) return injected(DurableStep::sync_directory);
    if (::fsync(fd_.get()) != 0) return failed("fsync of the directory");
    return {};
}

Result<void> Directory::remove(const std::string& name) const {
    if (!is_plain_name(name)) return fail(ErrorKind::malformed, "file name");
    if (::unlinkat(fd_.get(), name.c_str(), 0) != 0) return failed("file cannot be removed");
    if (::fsync(fd_.get()) != 0) return failed("fsync of the directory");
    return {};
}

Result<void> write_durably(const std::string& path, Bytes content, mode_t mode) {
    const SplitPath parts = split(path);
    const Directory directory = TRY(Directory::open(parts.directory));
    return directory.write_durably(parts.name, content, mode);
}

Result<Buffer> read_file(const std::string& path, std::size_t bytes_max) {
    const SplitPath parts = split(path);
    const Directory directory = TRY(Directory::open(parts.directory));
    return directory.read(parts.name, bytes_max);
}

Result<SecretBytes> read_secret_file(const std::string& path, std::size_t bytes_max) {
    const SplitPath parts = split(path);
    const Directory directory = TRY(Directory::open(parts.directory));
    return directory.read_secret(parts.name, bytes_max);
}

}  // namespace softpos::host
