// A connection for each request: nothing can be stale, and threads share nothing.
#include "unix_http.h"

#include "base/clock.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace softpos::softpos_client {
namespace {

class Socket {
public:
    Socket() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}
    ~Socket() {
        if (fd_ >= 0) ::close(fd_);
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    bool connect(const std::string& path) const {
        sockaddr_un address{};
        if (fd_ < 0 || path.size() >= sizeof address.sun_path) return false;
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        return ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    int fd() const { return fd_; }

private:
    int fd_;
};

bool wait_for(int fd, short events, const Clock& clock, Ticks end) {
    for (;;) {
        const std::int64_t left_ms = (end.us - clock.ticks().us + 999) / 1000;
        if (left_ms <= 0) return false;
        pollfd wanted{.fd = fd, .events = events, .revents = 0};
        const int ready =
            ::poll(&wanted, 1, static_cast<int>(std::min<std::int64_t>(left_ms, 1'000'000)));
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
    }
}

std::unexpected<Error> lost() {
    return fail(ErrorKind::conflict, "local api: the answer is lost");
}

}  // namespace

Result<LocalResponse> exchange(const std::string& socket_path, const LocalRequest& request,
                               std::uint32_t timeout_ms) {
    const SystemClock clock;
    const Ticks end{clock.ticks().us + std::int64_t{timeout_ms} * 1000};
    const Socket socket;
    if (!socket.connect(socket_path)) {
        return fail(ErrorKind::unavailable, "local api: cannot be reached");
    }
    std::string out(request.method);
    out += " " + request.target + " HTTP/1.1\r\nhost: softpos\r\nconnection: close\r\n";
    if (request.method != "GET") {
        out += "content-type: application/json\r\ncontent-length: " +
               std::to_string(request.body.size()) + "\r\n";
    }
    out += "\r\n" + request.body;
    std::size_t sent = 0;
    while (sent < out.size()) {
        if (!wait_for(socket.fd(), POLLOUT, clock, end)) return lost();
        const ssize_t count =
            ::send(socket.fd(), out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
        if (count < 0 && errno != EINTR && errno != EAGAIN) return lost();
        if (count > 0) sent += static_cast<std::size_t>(count);
    }
    std::string in;
    for (;;) {
        if (!wait_for(socket.fd(), POLLIN, clock, end)) return lost();
        char part[4096];
        const ssize_t count = ::recv(socket.fd(), part, sizeof part, 0);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (count < 0 || in.size() > response_bytes_max) return lost();
        if (count == 0) break;
        in.append(part, static_cast<std::size_t>(count));
    }
    auto response = parse_response(in);
    return response ? response : Result<LocalResponse>(lost());
}

Result<LocalResponse> parse_response(std::string_view bytes) {
    constexpr std::string_view version = "HTTP/1.1 ";
    const std::size_t head_end = bytes.find("\r\n\r\n");
    if (head_end == std::string_view::npos || !bytes.starts_with(version)) {
        return fail(ErrorKind::malformed, "local api: no HTTP response");
    }
    LocalResponse response;
    const char* digits = bytes.data() + version.size();
    const auto read = std::from_chars(digits, digits + 3, response.status);
    if (read.ec != std::errc() || read.ptr != digits + 3) {
        return fail(ErrorKind::malformed, "local api: no HTTP status");
    }
    std::string head(bytes.substr(0, head_end + 2));
    std::ranges::transform(head, head.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    // Without its length a body that was cut off could not be told from a whole one.
    constexpr std::string_view name = "\r\ncontent-length:";
    const std::size_t found = head.find(name);
    if (found == std::string::npos) {
        return fail(ErrorKind::malformed, "local api: no content length");
    }
    std::size_t at = found + name.size();
    while (head[at] == ' ') ++at;
    std::size_t size = 0;
    const auto length = std::from_chars(head.data() + at, head.data() + head.size(), size);
    const std::string_view body = bytes.substr(head_end + 4);
    if (length.ec != std::errc() || *length.ptr != '\r' || body.size() != size) {
        return fail(ErrorKind::malformed, "local api: the body is cut off");
    }
    response.body = std::string(body);
    return response;
}

}  // namespace softpos::softpos_client
