// One reader after the other, until the presentation ends.
#include "world/sim/socket_carrier.h"

#include <array>
#include <cerrno>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace softpos::sim {
namespace {

// The next reader's connection; nullopt when woken first.
Result<std::optional<hw::FrameSocket>> accept_reader(int listener, const hw::Wake& wake) {
    for (;;) {
        std::array<pollfd, 2> watched{{{.fd = listener, .events = POLLIN, .revents = 0},
                                       {.fd = wake.fd(), .events = POLLIN, .revents = 0}}};
        if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) {
            return fail(ErrorKind::internal, "card carrier: poll");
        }
        if (watched[1].revents != 0) return std::nullopt;
        if (watched[0].revents == 0) continue;
        hw::Fd connection(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
        if (connection.valid()) return hw::FrameSocket(std::move(connection));
        const bool gone = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
        if (!gone) return fail(ErrorKind::unavailable, "card carrier: accept");
    }
}

}  // namespace

Result<std::unique_ptr<SocketCarrier>> SocketCarrier::listen(const std::string& path) {
    hw::Wake wake = TRY(hw::Wake::make());
    hw::Fd listener = TRY(hw::listen_unix(path));
    return std::unique_ptr<SocketCarrier>(
        new SocketCarrier(path, std::move(listener), std::move(wake)));
}

SocketCarrier::~SocketCarrier() {
    ::unlink(path_.c_str());
}

Result<CardEnd> SocketCarrier::present(card::VirtualCard& card, Presence presence) {
    for (;;) {
        const auto end = serve_next(card, presence);
        card.power_off();
        if (!end) return end;
        if (*end == CardEnd::removed) wake_.lower();
        if (*end != CardEnd::reader_gone) return end;
    }
}

Result<CardEnd> SocketCarrier::serve_next(card::VirtualCard& card, Presence presence) {
    auto reader = TRY(accept_reader(listener_.get(), wake_));
    if (!reader) return CardEnd::removed;
    return serve_card(*reader, card, presence, wake_);
}

}  // namespace softpos::sim
