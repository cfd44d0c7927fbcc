// Everything since the screen was last cleared is the screen.
#include "app/pin_customer.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <poll.h>
#include <unistd.h>

namespace softpos::app {
namespace {

constexpr std::string_view clear_screen = "\x1b[2J";
constexpr std::string_view pad_end = "Esc";
constexpr std::string_view place_keys = "qweasdzxc ";
constexpr int poll_ms = 20;

// Control sequences are ESC [ ... letter.
std::string without_controls(std::string_view text) {
    std::string plain;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != 0x1B) {
            plain += text[at];
            continue;
        }
        while (at < text.size() && (text[at] < '@' || text[at] == '[')) ++at;
    }
    return plain;
}

// Which key stands for the digit; 0 where the pad does not show it.
char key_for(const std::string& screen, char digit) {
    for (const char key : place_keys) {
        const std::string name = key == ' ' ? "[space]" : std::string("[") + key + "]";
        const std::size_t at = screen.find(name);
        if (at == std::string::npos) return 0;
        const std::size_t shown = screen.find_first_of("0123456789", at + name.size());
        if (shown != std::string::npos && screen[shown] == digit) return key;
    }
    return 0;
}

}  // namespace

Result<std::unique_ptr<PinCustomer>> PinCustomer::make() {
    auto customer = std::unique_ptr<PinCustomer>(new PinCustomer());
    customer->master_.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
    const int master = customer->master_.get();
    std::array<char, 64> path{};
    const bool made = master >= 0 && ::grantpt(master) == 0 && ::unlockpt(master) == 0 &&
                      ::ptsname_r(master, path.data(), path.size()) == 0;
    if (!made) {
        return fail(ErrorKind::unavailable, "demo: no pseudo-terminal",
                    static_cast<std::uint32_t>(errno));
    }
    customer->path_ = path.data();
    // Held open, so that the terminal stays when the core restarts.
    customer->slave_.reset(::open(path.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    customer->thread_ = std::jthread([one = customer.get()] { one->run(); });
    return customer;
}

PinCustomer::~PinCustomer() = default;

void PinCustomer::will_type(std::string pin, std::function<void()> before) {
    const std::lock_guard lock(mutex_);
    pin_ = std::move(pin);
    before_ = std::move(before);
}

std::string PinCustomer::last_screen() const {
    const std::lock_guard lock(mutex_);
    return shown_;
}

void PinCustomer::run() {
    const std::stop_token stop = thread_.get_stop_token();
    while (!stop.stop_requested()) {
        pollfd wanted{master_.get(), POLLIN, 0};
        if (::poll(&wanted, 1, poll_ms) <= 0) continue;
        std::array<char, 4096> bytes{};
        const ssize_t got = ::read(master_.get(), bytes.data(), bytes.size());
        if (got <= 0) continue;
        seen_.append(bytes.data(), static_cast<std::size_t>(got));
        look();
    }
}

void PinCustomer::look() {
    const std::size_t from = seen_.rfind(clear_screen);
    if (from == std::string::npos) return;
    const std::string screen = without_controls(std::string_view(seen_).substr(from));
    std::string pin;
    std::function<void()> before;
    {
        const std::lock_guard lock(mutex_);
        shown_ = screen;
        const bool whole = screen.find(pad_end) != std::string::npos;
        if (!whole || pin_.empty()) return;
        pin.swap(pin_);
        before.swap(before_);
    }
    seen_.clear();
    if (before) before();
    std::string keys;
    for (const char digit : pin) keys += key_for(screen, digit);
    keys += '\r';
    if (::write(master_.get(), keys.data(), keys.size()) < 0) return;
}

}  // namespace softpos::app
