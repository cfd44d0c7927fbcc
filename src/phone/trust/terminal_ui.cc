// Raw mode, so that nothing is echoed or kept in a line by the kernel.
#include "phone/trust/terminal_ui.h"

#include "base/money.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

namespace softpos::trust {
namespace {

constexpr std::string_view clear_screen = "\x1b[2J\x1b[3J\x1b[H";
constexpr std::string_view bold = "\x1b[1;97;40m";
constexpr std::string_view plain = "\x1b[0m";
constexpr std::string_view place_keys = "qweasdzxc ";
constexpr char escape = 0x1B;
constexpr char backspace = 0x7F;

std::unexpected<Error> failed(Literal what) {
    return fail(ErrorKind::unavailable, what, static_cast<std::uint32_t>(errno));
}

std::string pad_text(const PinScreen& screen) {
    std::string text;
    for (std::size_t place = 0; place < pin_places; ++place) {
        const char key = place_keys[place];
        text += key == ' ' ? "      [space]" : std::string("   [") + key + "]";
        text += " " + std::string(bold) + " " + static_cast<char>('0' + screen.digit_at[place]) +
                " " + std::string(plain);
        if (place % 3 == 2) text += "\r\n\r\n";
    }
    return text;
}

}  // namespace

std::string yuan_text(std::int64_t amount_minor) {
    std::string digits = std::to_string(amount_minor / 100);
    for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
    const auto fen = static_cast<int>(amount_minor % 100);
    return digits + "." + static_cast<char>('0' + fen / 10) + static_cast<char>('0' + fen % 10);
}

std::string screen_text(const PinScreen& screen) {
    std::string text(clear_screen);
    text += screen.merchant_name + "\r\n";
    text += std::string(bold) + " CNY " + yuan_text(screen.amount_minor) + " " +
            std::string(plain) + "\r\n\r\n";
    switch (screen.kind) {
        case PinScreen::Kind::pad:
            text += "请输入密码  Enter your PIN\r\n\r\n";
            text += std::string(screen.entered, '*') + "\r\n\r\n" + pad_text(screen) +
                    "\r\n\r\nEnter 确认 OK    Backspace 更正 Clear    Esc 取消 Cancel\r\n";
            return text;
        case PinScreen::Kind::done:
            return text + "密码已输入  PIN entered\r\n";
        case PinScreen::Kind::cancelled:
            return text + "已取消  Cancelled\r\n";
        case PinScreen::Kind::timed_out:
            break;
    }
    return text + "输入超时  Time is over\r\n";
}

std::optional<PinKey> key_of(char byte) {
    if (byte == '\r' || byte == '\n') return PinKey{PinKey::Kind::confirm, 0};
    if (byte == escape) return PinKey{PinKey::Kind::cancel, 0};
    if (byte == backspace || byte == '\b') return PinKey{PinKey::Kind::clear, 0};
    const std::size_t place = place_keys.find(byte);
    if (place == std::string_view::npos) return std::nullopt;
    return PinKey{PinKey::Kind::digit, static_cast<std::uint8_t>(place)};
}

Result<TerminalUi> TerminalUi::open(const std::string& path, uid_t owner, gid_t group) {
    host::Descriptor terminal(::open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    if (terminal.get() < 0) return failed("pin screen: cannot be opened");
    struct stat status {};
    if (::fstat(terminal.get(), &status) != 0) return failed("pin screen: no status");
    if (::isatty(terminal.get()) != 1) return fail(ErrorKind::denied, "pin screen: no terminal");
    // As root we take it for the core's user; else it must be ours already. Nobody else's hands.
    if (::geteuid() == 0 && ::fchown(terminal.get(), owner, group) != 0) {
        return failed("pin screen: cannot be taken over");
    }
    if (::geteuid() != 0 && status.st_uid != ::geteuid()) {
        return fail(ErrorKind::denied, "pin screen: belongs to another user");
    }
    if (::fchmod(terminal.get(), S_IRUSR | S_IWUSR) != 0) return failed("pin screen: mode");
    termios settings{};
    if (::tcgetattr(terminal.get(), &settings) != 0) return failed("pin screen: settings");
    ::cfmakeraw(&settings);
    if (::tcsetattr(terminal.get(), TCSAFLUSH, &settings) != 0)
        return failed("pin screen: raw mode");
    return TerminalUi(std::move(terminal));
}

Result<void> TerminalUi::show(const PinScreen& screen) {
    std::string text = screen_text(screen);
    std::string_view rest = text;
    Result<void> done;
    while (!rest.empty()) {
        const ssize_t written = ::write(terminal_.get(), rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            done = failed("pin screen: cannot be written");
            break;
        }
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    return done;
}

std::optional<PinKey> TerminalUi::next_key() {
    for (;;) {
        char byte = 0;
        const ssize_t got = ::read(terminal_.get(), &byte, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got != 1) return std::nullopt;
        // Bytes that are no press are passed over.
        if (const auto key = key_of(byte)) return key;
    }
}

}  // namespace softpos::trust
