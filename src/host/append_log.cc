// A record is its size, a CRC-32 of its content, and the content. The checksum finds what a crash
// tore; it is no protection from anybody.
#include "base/check.h"
#include "host/durable_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace softpos::host {
namespace {

constexpr std::size_t head_bytes = 8;

constexpr std::array<std::uint32_t, 256> make_crc_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) * 0xEDB88320U);
        table[i] = value;
    }
    return table;
}
constexpr auto crc_table = make_crc_table();

std::uint32_t crc32(Bytes bytes) {
    std::uint32_t value = ~0U;
    for (const std::uint8_t byte : bytes) value = crc_table[(value ^ byte) & 0xFF] ^ (value >> 8);
    return ~value;
}

void put_u32(std::span<std::uint8_t> out, std::uint32_t number) {
    for (unsigned i = 0; i < 4; ++i) out[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
}
std::uint32_t get_u32(Bytes in) {
    std::uint32_t number = 0;
    for (const std::uint8_t byte : in.first(4)) number = number << 8 | byte;
    return number;
}

std::unexpected<Error> failed(Literal what) {
    return fail(ErrorKind::unavailable, what, static_cast<std::uint32_t>(errno));
}

// Whether all of `into` could be filled from `offset`.
Result<bool> read_at(int fd, std::uint64_t offset, std::span<std::uint8_t> into) {
    std::size_t filled = 0;
    while (filled < into.size()) {
        const ssize_t got = ::pread(fd, into.data() + filled, into.size() - filled,
                                    static_cast<off_t>(offset + filled));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failed("log cannot be read");
        if (got == 0) return false;
        filled += static_cast<std::size_t>(got);
    }
    return true;
}

}  // namespace

Result<AppendLog> AppendLog::open(const std::string& path,
                                  const std::function<void(Bytes record)>& on_record) {
    Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid()) return failed("log cannot be opened");
    std::uint64_t size = 0;
    std::array<std::uint8_t, head_bytes> head{};
    Buffer record;
    while (TRY(read_at(fd.get(), size, head))) {
        const std::uint32_t record_size = get_u32(Bytes(head));
        if (record_size > record_bytes_max) break;
        record.resize(record_size);
        if (!TRY(read_at(fd.get(), size + head_bytes, record))) break;
        if (crc32(record) != get_u32(Bytes(head).subspan(4))) break;
        on_record(record);
        size += head_bytes + record_size;
    }
    if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0 || ::fsync(fd.get()) != 0) {
        return failed("torn record cannot be cut off");
    }
    return AppendLog(std::move(fd), size);
}

Result<void> AppendLog::append(Bytes record) {
    if (record.size() > record_bytes_max) return fail(ErrorKind::denied, "log record is too long");
    if (broken_) return fail(ErrorKind::unavailable, "log is broken until it is opened again");
    Buffer framed(head_bytes + record.size());
    put_u32(std::span(framed), static_cast<std::uint32_t>(record.size()));
    put_u32(std::span(framed).subspan(4), crc32(record));
    std::ranges::copy(record, framed.begin() + head_bytes);
    std::size_t done = 0;
    while (done < framed.size()) {
        const ssize_t written = ::pwrite(fd_.get(), framed.data() + done, framed.size() - done,
                                         static_cast<off_t>(size_ + done));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            broken_ = true;
            return failed("log cannot be written");
        }
        done += static_cast<std::size_t>(written);
    }
    // After a failed fdatasync nobody knows what is on disk; see the Linux manual page of fsync.
    if (::fdatasync(fd_.get()) != 0) {
        broken_ = true;
        return failed("log cannot be synchronised");
    }
    size_ += framed.size();
    return {};
}

}  // namespace softpos::host
