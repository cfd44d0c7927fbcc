// Frames by poll, send and recv. Waits are measured with the steady clock only.
#include "phone/hw/frame_socket.h"

#include "base/check.h"
#include "base/clock.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace softpos::hw {
namespace {

constexpr std::size_t length_bytes = 2;
constexpr std::size_t frame_bytes_max_ever = 0xFFFF;  // What two bytes of length can say.
constexpr int backlog = 8;

class Deadline {
public:
    explicit Deadline(std::int64_t timeout_ms) {
        if (timeout_ms >= 0) end_us_ = SystemClock().ticks().us + timeout_ms * 1000;
    }

    // For poll: rounded up, so that a poll that ran out is not followed by one of 0 ms.
    int left_ms() const {
        if (!end_us_) return -1;
        const std::int64_t left = (*end_us_ - SystemClock().ticks().us + 999) / 1000;
        return static_cast<int>(std::clamp<std::int64_t>(left, 0, std::numeric_limits<int>::max()));
    }

private:
    std::optional<std::int64_t> end_us_;
};

// Waits until the socket can do `events`. A hang-up counts as ready: the next call will see it.
std::expected<void, FrameEnd> wait_ready(int fd, short events, const Deadline& deadline,
                                         const Wake* wake) {
    std::array<pollfd, 2> watched{
        {{.fd = fd, .events = events, .revents = 0},
         {.fd = wake == nullptr ? -1 : wake->fd(), .events = POLLIN, .revents = 0}}};
    for (;;) {
        const int ready = ::poll(watched.data(), watched.size(), deadline.left_ms());
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0) return std::unexpected(FrameEnd::closed);
        if (ready == 0) return std::unexpected(FrameEnd::timeout);
        if (watched[1].revents != 0) return std::unexpected(FrameEnd::woken);
        return {};
    }
}

Result<sockaddr_un> unix_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return fail(ErrorKind::denied, "frame socket: path too long or empty");
    }
    std::ranges::copy(path, address.sun_path);
    return address;
}

template <typename Address>
const sockaddr* generic(const Address& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

Result<Fd> new_socket(int family) {
    Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.valid()) return fail(ErrorKind::unavailable, "frame socket: no socket");
    return fd;
}

bool would_block(int error) {
    return error == EAGAIN || error == EINTR;
}

}  // namespace

struct FrameSocket::Wait {
    Deadline deadline;
    const Wake* wake;
};

Fd::Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Fd& Fd::operator=(Fd&& other) noexcept {
    if (this == &other) return *this;
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
    return *this;
}

Fd::~Fd() {
    if (fd_ >= 0) ::close(fd_);
}

Result<Wake> Wake::make() {
    Fd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event.valid()) return fail(ErrorKind::unavailable, "frame socket: no eventfd");
    return Wake(std::move(event));
}

void Wake::raise() const {
    const std::uint64_t one = 1;
    // Fails only where the counter is full, and then it is raised already.
    [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
}

void Wake::lower() const {
    std::uint64_t count = 0;
    // Fails only where it is not raised.
    [[maybe_unused]] const auto taken = ::read(event_.get(), &count, sizeof count);
}

bool Wake::wait(std::int64_t timeout_ms) const {
    return wait_ready(event_.get(), POLLIN, Deadline(timeout_ms), nullptr).has_value();
}

FrameSocket::FrameSocket(Fd fd, Acknowledge acknowledge)
    : fd_(std::move(fd)), acknowledge_(acknowledge) {
    const int flags = ::fcntl(fd_.get(), F_GETFL);
    if (flags >= 0) ::fcntl(fd_.get(), F_SETFL, flags | O_NONBLOCK);
}

Result<FrameSocket> FrameSocket::connect_unix(const std::string& path) {
    const sockaddr_un address = TRY(unix_address(path));
    Fd fd = TRY(new_socket(AF_UNIX));
    // A unix socket connects at once or not at all; a full backlog is EAGAIN.
    if (::connect(fd.get(), generic(address), sizeof address) != 0) {
        return fail(ErrorKind::unavailable, "frame socket: nobody listens",
                    static_cast<std::uint32_t>(errno));
    }
    return FrameSocket(std::move(fd));
}

Result<FrameSocket> FrameSocket::connect_tcp(const std::string& address, std::uint16_t port,
                                             std::int64_t timeout_ms, Acknowledge acknowledge) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    if (::inet_pton(AF_INET, address.c_str(), &to.sin_addr) != 1) {
        return fail(ErrorKind::denied, "frame socket: not an IPv4 address");
    }
    Fd fd = TRY(new_socket(AF_INET));
    const int one = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const auto refused = [](int error) {
        return fail(ErrorKind::unavailable, "frame socket: nobody listens",
                    static_cast<std::uint32_t>(error));
    };
    if (::connect(fd.get(), generic(to), sizeof to) != 0) {
        if (errno != EINPROGRESS) return refused(errno);
        if (!wait_ready(fd.get(), POLLOUT, Deadline(timeout_ms), nullptr)) {
            return fail(ErrorKind::unavailable, "frame socket: connect timed out");
        }
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) return refused(error);
    }
    return FrameSocket(std::move(fd), acknowledge);
}

std::expected<void, FrameEnd> FrameSocket::send(Bytes payload, std::int64_t timeout_ms) {
    CHECK(payload.size() <= frame_bytes_max_ever);
    Buffer frame;
    frame.reserve(length_bytes + payload.size());
    frame.push_back(static_cast<std::uint8_t>(payload.size() >> 8));
    frame.push_back(static_cast<std::uint8_t>(payload.size()));
    append(frame, payload);

    const Deadline deadline(timeout_ms);
    for (Bytes left = frame; !left.empty();) {
        const auto sent = ::send(fd_.get(), left.data(), left.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            left = left.subspan(static_cast<std::size_t>(sent));
            continue;
        }
        if (!would_block(errno)) return std::unexpected(FrameEnd::closed);
        if (const auto ready = wait_ready(fd_.get(), POLLOUT, deadline, nullptr); !ready) {
            return ready;
        }
    }
    return {};
}

std::expected<void, FrameEnd> FrameSocket::send(SlotControl control, std::int64_t timeout_ms) {
    const std::uint8_t byte = std::to_underlying(control);
    return send(Bytes(&byte, 1), timeout_ms);
}

std::expected<void, FrameEnd> FrameSocket::receive_exactly(std::span<std::uint8_t> out,
                                                           const Wait& wait) {
    while (!out.empty()) {
        if (const auto ready = wait_ready(fd_.get(), POLLIN, wait.deadline, wait.wake); !ready) {
            return ready;
        }
        const auto taken = ::recv(fd_.get(), out.data(), out.size(), 0);
        if (taken == 0) return std::unexpected(FrameEnd::closed);
        if (taken < 0 && would_block(errno)) continue;
        if (taken < 0) return std::unexpected(FrameEnd::closed);
        if (acknowledge_ == Acknowledge::at_once) {
            // A peer that writes length and payload apart waits, by Nagle's rule, for the first
            // one's acknowledgement, which the kernel would hold back for 40 ms. The option does
            // not last: it is set again after each recv.
            const int one = 1;
            ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
        }
        out = out.subspan(static_cast<std::size_t>(taken));
    }
    return {};
}

std::expected<Buffer, FrameEnd> FrameSocket::receive(const FrameLimits& limits, const Wake* wake) {
    const Wait wait{Deadline(limits.timeout_ms), wake};
    std::array<std::uint8_t, length_bytes> length{};
    if (const auto got = receive_exactly(length, wait); !got) return std::unexpected(got.error());
    const std::size_t size = static_cast<std::size_t>(length[0] << 8 | length[1]);
    if (size > limits.frame_bytes_max) return std::unexpected(FrameEnd::oversize);
    Buffer payload(size);
    if (const auto got = receive_exactly(payload, wait); !got) return std::unexpected(got.error());
    return payload;
}

FrameEnd FrameSocket::rest(std::int64_t timeout_ms, const Wake& wake) const {
    const auto hung_up = wait_ready(fd_.get(), POLLRDHUP, Deadline(timeout_ms), &wake);
    return hung_up ? FrameEnd::closed : hung_up.error();
}

bool FrameSocket::peer_closed() const {
    std::uint8_t byte = 0;
    const auto seen = ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return seen == 0 || (seen < 0 && !would_block(errno));
}

Result<Fd> listen_unix(const std::string& path) {
    const sockaddr_un address = TRY(unix_address(path));
    struct stat found {};
    if (::lstat(path.c_str(), &found) == 0) {
        // Only what can be a socket left behind is removed, and only where nobody answers on it.
        if (!S_ISSOCK(found.st_mode) || FrameSocket::connect_unix(path)) {
            return fail(ErrorKind::conflict, "frame socket: path is taken");
        }
        ::unlink(path.c_str());
    }
    Fd fd = TRY(new_socket(AF_UNIX));
    // The mode of the descriptor becomes the mode of the socket file: no moment of openness.
    ::fchmod(fd.get(), S_IRUSR | S_IWUSR);
    if (::bind(fd.get(), generic(address), sizeof address) != 0 ||
        ::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0 || ::listen(fd.get(), backlog) != 0) {
        return fail(ErrorKind::unavailable, "frame socket: cannot listen",
                    static_cast<std::uint32_t>(errno));
    }
    return fd;
}

}  // namespace softpos::hw
