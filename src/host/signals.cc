// By signalfd: no handler runs, so nothing needs to be async-signal-safe.
#include "host/signals.h"

#include <cerrno>
#include <csignal>
#include <poll.h>
#include <sys/signalfd.h>

namespace softpos::host {

Result<StopSignal> StopSignal::make() {
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    if (pthread_sigmask(SIG_BLOCK, &stops, nullptr) != 0) {
        return fail(ErrorKind::internal, "signals cannot be blocked");
    }
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    if (sigaction(SIGPIPE, &ignore, nullptr) != 0) {
        return fail(ErrorKind::internal, "SIGPIPE cannot be ignored");
    }
    Descriptor fd(::signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd.valid()) {
        return fail(ErrorKind::unavailable, "no signalfd", static_cast<std::uint32_t>(errno));
    }
    return StopSignal(std::move(fd));
}

Result<void> StopSignal::wait() {
    pollfd polled{fd_.get(), POLLIN, 0};
    while (::poll(&polled, 1, -1) < 0) {
        if (errno != EINTR) return fail(ErrorKind::internal, "poll failed");
    }
    return {};
}

Result<bool> StopSignal::wait_for(unsigned timeout_ms) {
    pollfd polled{fd_.get(), POLLIN, 0};
    const int ready = ::poll(&polled, 1, static_cast<int>(timeout_ms));
    if (ready < 0 && errno != EINTR) return fail(ErrorKind::internal, "poll failed");
    return ready > 0;
}

}  // namespace softpos::host
