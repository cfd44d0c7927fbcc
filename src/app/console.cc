// Plain stdio: a command line has one thread that prints.
#include "app/console.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace softpos::app {
namespace {

bool colour_wanted() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody here changes the environment.
    static const bool wanted = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
    return wanted;
}

}  // namespace

std::string coloured(Colour colour, std::string_view text) {
    constexpr std::array<const char*, 7> codes = {"0", "1", "2", "32", "31", "33", "36"};
    if (!colour_wanted() || colour == Colour::plain) return std::string(text);
    std::string out = "\033[";
    out.append(codes[static_cast<std::size_t>(colour)]).append("m").append(text);
    return out + "\033[0m";
}

std::string yuan(std::int64_t minor) {
    const bool negative = minor < 0;
    const std::int64_t fen = negative ? -minor : minor;
    std::string text = std::to_string(fen / 100) + "." + (fen % 100 < 10 ? "0" : "");
    text += std::to_string(fen % 100);
    return negative ? "-" + text : text;
}

int report(const Error& error) {
    std::string text = std::string("softpos: ") + error.what.c_str();
    if (error.detail != 0) text += " (" + std::to_string(error.detail) + ")";
    if (error.at != 0) text += " at byte " + std::to_string(error.at);
    std::fprintf(stderr, "%s\n", text.c_str());
    return 1;
}

int report(std::string_view problem) {
    std::fprintf(stderr, "softpos: %.*s\n", static_cast<int>(problem.size()), problem.data());
    return 1;
}

std::string Stopwatch::ms() const {
    const std::int64_t elapsed = us();
    return std::to_string(elapsed / 1000) + "." + std::to_string(elapsed / 100 % 10) + " ms";
}

std::string program_folder() {
    std::array<char, 4096> path{};
    const auto size = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
    std::string text(path.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    return text.substr(0, text.rfind('/'));
}

}  // namespace softpos::app
