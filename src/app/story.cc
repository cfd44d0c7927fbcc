// Plain text; colour where it is a terminal.
#include "app/story.h"

#include "app/console.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sys/stat.h>

namespace softpos::app {

void Story::title(std::string_view text) {
    std::printf("\n%s\n", coloured(Colour::bold, text).c_str());
}

void Story::line(std::string_view text, std::string_view message, const std::string& ms) {
    constexpr std::size_t message_columns = 20;
    ++step_;
    const std::size_t used = std::min(message_columns, message.size());
    std::printf(
        "%s %-66.*s %s %10s\n",
        coloured(Colour::cyan, (step_ < 10 ? " " : "") + std::to_string(step_)).c_str(),
        static_cast<int>(text.size()), text.data(),
        coloured(Colour::dim, std::string(message) + std::string(message_columns - used, ' '))
            .c_str(),
        ms.c_str());
    std::fflush(stdout);
}

void Story::detail(const std::string& text) {
    std::printf("     %s\n", coloured(Colour::dim, text).c_str());
    std::fflush(stdout);
}

int run_demo(const DemoFolder& where, std::string_view name,
             const std::function<Result<void>(const std::string& folder)>& tell) {
    std::string folder = where.folder;
    if (folder.empty()) {
        std::array<char, 32> made{"/tmp/softpos-demo-XXXXXX"};
        if (::mkdtemp(made.data()) == nullptr) return report("no folder below /tmp");
        folder = made.data();
        ::chmod(folder.c_str(), 0711);  // The jailed processes find their own folders below it.
    }
    std::printf("%s  everything below runs on this machine, in %s\n",
                coloured(Colour::bold, name).c_str(), folder.c_str());
    const auto told = tell(folder);
    if (!told) {
        std::fprintf(stderr, "The logs are in %s\n", folder.c_str());
        return report(told.error());
    }
    if (!where.keep) std::filesystem::remove_all(folder);
    return 0;
}

}  // namespace softpos::app
