// One ppoll loop serves all connections; a message longer than the limit is recognised by
// MSG_TRUNC.
#include "host/seqpacket.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/secret.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

namespace softpos::host {
namespace {

constexpr int backlog = 16;

std::uint32_t last_errno() {
    return static_cast<std::uint32_t>(errno);
}

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return fail(ErrorKind::malformed, "socket path is empty or too long");
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

const sockaddr* as_sockaddr(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

Result<PeerId> peer_of(int socket) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
        return fail(ErrorKind::unavailable, "peer unknown", last_errno());
    }
    return PeerId{credentials.pid, credentials.uid, credentials.gid};
}

// Not in the headers of Debian 12.
constexpr int peer_pidfd_option = 77;

Descriptor process_of(int socket) {
    int process = -1;
    socklen_t size = sizeof process;
    if (getsockopt(socket, SOL_SOCKET, peer_pidfd_option, &process, &size) != 0) return {};
    return Descriptor(process);
}

bool has_ended(const Descriptor& process) {
    pollfd state{process.get(), POLLIN, 0};
    return process.valid() && ::poll(&state, 1, 0) > 0;
}

// Whole message or nothing: SEQPACKET does not send part of one.
bool send_message(int socket, Bytes message, int flags) {
    ssize_t sent = 0;
    do {
        sent = ::send(socket, message.data(), message.size(), flags | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == static_cast<ssize_t>(message.size());
}

struct Received {
    ssize_t size;  // 0: the other end closed. Below 0: error.
    bool truncated;
};

Received receive_message(int socket, std::span<std::uint8_t> into, int flags) {
    iovec part{into.data(), into.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    ssize_t size = 0;
    do {
        size = ::recvmsg(socket, &header, flags);
    } while (size < 0 && errno == EINTR);
    return {size, (header.msg_flags & MSG_TRUNC) != 0};
}

// A socket file that nobody serves was left by a crash; one that answers is another server's.
Result<void> remove_stale(const std::string& path, const sockaddr_un& address) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return {};
    if (!S_ISSOCK(status.st_mode)) return fail(ErrorKind::conflict, "socket path is a file");
    const Descriptor probe(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (::connect(probe.get(), as_sockaddr(address), sizeof address) == 0) {
        return fail(ErrorKind::conflict, "socket path is served already");
    }
    if (::unlink(path.c_str()) != 0) {
        return fail(ErrorKind::unavailable, "socket path is not removable", last_errno());
    }
    return {};
}

// The mode of the file decides who reaches us; SO_PEERCRED decides who is heard. Where the callers
// have other uids and the file cannot be given to the one that has them, the second does it alone.
Result<void> set_access(const SeqpacketOptions& options) {
    const bool only_own =
        std::ranges::all_of(options.allowed_uids, [](uid_t uid) { return uid == ::geteuid(); });
    const bool given = options.owner && ::geteuid() == 0;
    if (given && ::chown(options.path.c_str(), *options.owner, static_cast<gid_t>(-1)) != 0) {
        return fail(ErrorKind::unavailable, "socket file cannot be given away", last_errno());
    }
    const bool only_owner = given && std::ranges::all_of(options.allowed_uids, [&](uid_t uid) {
                                return uid == *options.owner;
                            });
    const mode_t mode = only_own || only_owner ? 0600 : 0666;
    if (::chmod(options.path.c_str(), mode) != 0) {
        return fail(ErrorKind::unavailable, "socket file mode", last_errno());
    }
    return {};
}

}  // namespace

unsigned usual_spin_us() {
    constexpr unsigned some = 60;
    return std::thread::hardware_concurrency() > 1 ? some : 0;
}

SeqpacketServer::SeqpacketServer(SeqpacketOptions options, Descriptor socket, Descriptor stop_event)
    : options_(std::move(options)),
      socket_(std::move(socket)),
      stop_event_(std::move(stop_event)),
      message_(message_bytes_max + 1),
      own_uid_(::geteuid()) {
    connections_.reserve(options_.connections_max);
}

SeqpacketServer::~SeqpacketServer() = default;  // The file stays: behind the gate none is removed.

Result<std::unique_ptr<SeqpacketServer>> SeqpacketServer::listen(const SeqpacketOptions& options) {
    const sockaddr_un address = TRY(address_of(options.path));
    TRY_VOID(remove_stale(options.path, address));
    Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid()) return fail(ErrorKind::unavailable, "no socket", last_errno());
    // Nobody but us may connect between bind and chmod.
    const mode_t old_mask = ::umask(0177);
    const int bound = ::bind(socket.get(), as_sockaddr(address), sizeof address);
    const auto bind_error = last_errno();
    ::umask(old_mask);
    if (bound != 0) return fail(ErrorKind::unavailable, "cannot bind socket path", bind_error);
    TRY_VOID(set_access(options));
    if (::listen(socket.get(), backlog) != 0) {
        return fail(ErrorKind::unavailable, "cannot listen", last_errno());
    }
    Descriptor event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event.valid()) return fail(ErrorKind::unavailable, "no eventfd", last_errno());
    return std::unique_ptr<SeqpacketServer>(
        new SeqpacketServer(options, std::move(socket), std::move(event)));
}

std::vector<int> SeqpacketServer::descriptors() const {
    return {socket_.get(), stop_event_.get()};
}

void SeqpacketServer::stop() {
    const std::uint64_t one = 1;
    // Cannot fail but by a full counter, and then it is readable anyway.
    [[maybe_unused]] const ssize_t written = ::write(stop_event_.get(), &one, sizeof one);
}

void SeqpacketServer::accept_one() {
    Descriptor socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket.valid() || connections_.size() >= options_.connections_max) return;
    const auto peer = peer_of(socket.get());
    if (!peer) return;
    const bool allowed = options_.allowed_uids.empty()
                             ? peer->uid == own_uid_
                             : std::ranges::count(options_.allowed_uids, peer->uid) > 0;
    if (allowed) {
        Descriptor process = process_of(socket.get());
        connections_.push_back({std::move(socket), *peer, std::move(process)});
    }
}

// False where the connection is to be closed.
bool SeqpacketServer::answer_one(Connection& connection, const Handler& handler) {
    const Received got = receive_message(connection.socket.get(), message_, MSG_DONTWAIT);
    if (got.size < 0) return errno == EAGAIN;
    const auto size = static_cast<std::size_t>(got.size);
    if (size == 0 || got.truncated || size > message_bytes_max) return false;
    if (has_ended(connection.process)) return false;
    const Bytes request = Bytes(message_).first(size);
    const Buffer answer = handler(request, connection.peer);
    wipe(std::span(message_).first(size));  // It may have carried a key.
    CHECK(answer.size() <= message_bytes_max);
    // Not waited for: a caller that does not read its answers is not served.
    return !answer.empty() && send_message(connection.socket.get(), answer, MSG_DONTWAIT);
}

// False where poll itself failed; interrupted counts as nothing yet.
bool SeqpacketServer::wait(std::vector<pollfd>& polled, std::int64_t spin_end_us) const {
    const SystemClock clock;
    while (clock.ticks().us < spin_end_us) {
        if (::poll(polled.data(), polled.size(), 0) != 0) return true;
    }
    return ::poll(polled.data(), polled.size(), -1) >= 0 || errno == EINTR;
}

Result<void> SeqpacketServer::serve(const Handler& handler, int stop_fd) {
    constexpr std::size_t fixed = 3;  // Listening socket, stop event, stop_fd.
    const SystemClock clock;
    std::int64_t spin_end_us = 0;
    std::vector<pollfd> polled;
    polled.reserve(fixed + options_.connections_max);
    for (;;) {
        polled.assign(
            {{socket_.get(), POLLIN, 0}, {stop_event_.get(), POLLIN, 0}, {stop_fd, POLLIN, 0}});
        for (const Connection& connection : connections_) {
            polled.push_back({connection.socket.get(), POLLIN, 0});
        }
        if (!wait(polled, spin_end_us)) {
            return fail(ErrorKind::internal, "poll failed", last_errno());
        }
        if (polled[1].revents != 0 || polled[2].revents != 0) return {};
        // From the back, so that removing one moves none that is still to be looked at.
        for (std::size_t i = connections_.size(); i-- > 0;) {
            if (polled[fixed + i].revents == 0) continue;
            const bool goes_on = answer_one(connections_[i], handler);
            if (options_.spin_us > 0) spin_end_us = clock.ticks().us + options_.spin_us;
            if (goes_on) continue;
            connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(i));
        }
        if (polled[0].revents != 0) accept_one();
    }
}

Result<void> SeqpacketClient::connect() {
    const sockaddr_un address = TRY(address_of(options_.path));
    Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail(ErrorKind::unavailable, "no socket", last_errno());
    if (::connect(socket.get(), as_sockaddr(address), sizeof address) != 0) {
        return fail(ErrorKind::unavailable, "nobody serves the socket", last_errno());
    }
    const PeerId server = TRY(peer_of(socket.get()));
    if (options_.server_uid && server.uid != *options_.server_uid) {
        return fail(ErrorKind::denied, "socket is served by another user");
    }
    socket_ = std::move(socket);
    return {};
}

Result<void> SeqpacketClient::send(Bytes request) {
    if (send_message(socket_.get(), request, MSG_DONTWAIT)) return {};
    return fail(ErrorKind::unavailable, "request could not be sent", last_errno());
}

Result<Buffer> SeqpacketClient::receive(unsigned timeout_ms) {
    const SystemClock clock;
    const std::int64_t start_us = clock.ticks().us;
    const std::int64_t end_us = start_us + std::int64_t{timeout_ms} * 1000;
    for (;;) {
        pollfd looked{socket_.get(), POLLIN, 0};
        const bool spins = clock.ticks().us - start_us < std::int64_t{options_.spin_us};
        if (spins && ::poll(&looked, 1, 0) <= 0) continue;
        const std::int64_t left_us = std::max<std::int64_t>(end_us - clock.ticks().us, 0);
        pollfd polled{socket_.get(), POLLIN, 0};
        const int ready = ::poll(&polled, 1, static_cast<int>((left_us + 999) / 1000));
        if (ready > 0) break;
        if (ready < 0 && errno != EINTR) {
            return fail(ErrorKind::internal, "poll failed", last_errno());
        }
        if (left_us == 0) return fail(ErrorKind::unavailable, "no answer in time");
    }
    Buffer answer(message_bytes_max);
    const Received got = receive_message(socket_.get(), answer, MSG_DONTWAIT);
    if (got.size <= 0) return fail(ErrorKind::unavailable, "connection closed without an answer");
    if (got.truncated) return fail(ErrorKind::malformed, "answer is too long");
    answer.resize(static_cast<std::size_t>(got.size));
    return answer;
}

Result<Buffer> SeqpacketClient::call(Bytes request) {
    const std::lock_guard lock(mutex_);
    if (request.empty() || request.size() > message_bytes_max) {
        return fail(ErrorKind::malformed, "request size");
    }
    const bool was_connected = socket_.valid();
    if (!was_connected) TRY_VOID(connect());
    auto sent = send(request);
    if (!sent && was_connected) {
        socket_.reset();
        TRY_VOID(connect());
        sent = send(request);
    }
    auto answer = sent ? receive(options_.timeout_ms) : std::unexpected(sent.error());
    // A late answer would be taken for that of the next call.
    if (!answer) socket_.reset();
    return answer;
}

void SeqpacketClient::disconnect() {
    const std::lock_guard lock(mutex_);
    socket_.reset();
}

}  // namespace softpos::host
