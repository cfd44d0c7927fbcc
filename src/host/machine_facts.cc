// /proc, /sys, the processor and two clocks.
#include "host/machine_facts.h"

#include "host/descriptor.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <string_view>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

namespace softpos::host {
namespace {

constexpr std::size_t file_bytes_max = 4096;
constexpr std::size_t descriptors_max = 1024;

// Empty where it cannot be read.
std::string text_of_file(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file.valid()) return {};
    std::array<char, file_bytes_max> bytes{};
    const ssize_t got = ::read(file.get(), bytes.data(), bytes.size());
    std::string text(bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return text;
}

std::optional<std::int64_t> number_of(std::string_view text) {
    std::int64_t value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    if (end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}
std::optional<std::int64_t> number_in(const std::string& path) {
    return number_of(text_of_file(path));
}

bool runs_on_a_hypervisor() {
#if defined(__x86_64__) || defined(__i386__)
    unsigned a = 0, b = 0, c = 0, d = 0;
    constexpr unsigned hypervisor_bit = 31;  // Of ECX in leaf 1, which no real processor sets.
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c >> hypervisor_bit & 1U) != 0;
#else
    return false;
#endif
}

std::int64_t ms_of(clockid_t clock) {
    struct timespec time {};
    if (::clock_gettime(clock, &time) != 0) return 0;
    return std::int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
}

bool is_clock_kept() {
    struct timex state {};
    return ::adjtimex(&state) != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

std::string target_of(const std::string& link) {
    std::array<char, 256> path{};
    const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
    return {path.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

using Folder = std::unique_ptr<DIR, int (*)(DIR*)>;
Folder open_folder(const std::string& path) {
    return {::opendir(path.c_str()), ::closedir};
}

// Fields of /proc/PID/stat behind the name, which may hold anything, brackets too.
struct Stat {
    std::string name;
    std::int64_t group = 0, session = 0, terminal = 0, group_in_front = 0;
};
std::optional<Stat> stat_of(const std::string& folder) {
    const std::string text = text_of_file(folder + "/stat");
    const std::size_t open = text.find('('), close = text.rfind(')');
    if (open == std::string::npos || close == std::string::npos || close < open) return {};
    Stat stat;
    stat.name = text.substr(open + 1, close - open - 1);
    // Behind it: state, parent, group, session, terminal, group in front.
    std::array<std::int64_t*, 6> fields{nullptr,       nullptr,        &stat.group,
                                        &stat.session, &stat.terminal, &stat.group_in_front};
    std::size_t at = std::min(close + 2, text.size());
    for (std::int64_t* field : fields) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        const auto value = number_of(std::string_view(text).substr(at, end - at));
        if (field != nullptr && !value) return {};
        if (field != nullptr) *field = *value;
        at = std::min(end + 1, text.size());
    }
    return stat;
}

struct Ours {
    pid_t pid = ::getpid();
    std::int64_t session = ::getsid(0);
    struct stat program {};
    std::string screen;
    std::int64_t screen_number = 0;  // As /proc has it; 0: no screen.
};

bool is_console(std::string_view path) {
    return path.starts_with("/dev/vcs") || path.starts_with("/dev/fb");
}

void look_at_descriptors(const std::string& folder, const Ours& ours, OtherProgram& program) {
    const Folder list = open_folder(folder + "/fd");
    if (list == nullptr) return;  // Another user's.
    std::size_t count = 0;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone.
    while (const dirent* entry = ::readdir(list.get())) {
        if (++count > descriptors_max) return;
        const std::string target = target_of(folder + "/fd/" + entry->d_name);
        program.has_console |= is_console(target);
        program.has_our_screen |= !ours.screen.empty() && target == ours.screen;
    }
}

std::optional<OtherProgram> look_at(pid_t pid, const Ours& ours) {
    const std::string folder = "/proc/" + std::to_string(pid);
    const auto stat = stat_of(folder);
    if (!stat) return std::nullopt;
    OtherProgram program;
    program.pid = pid;
    program.name = stat->name;
    program.of_our_session = stat->session == ours.session;
    program.on_our_screen = ours.screen_number != 0 && stat->terminal == ours.screen_number &&
                            stat->group == stat->group_in_front;
    struct stat file {};
    program.same_program = ::stat((folder + "/exe").c_str(), &file) == 0 &&
                           file.st_dev == ours.program.st_dev && file.st_ino == ours.program.st_ino;
    look_at_descriptors(folder, ours, program);
    return program;
}

Ours ourselves(const std::string& screen) {
    Ours ours;
    if (::stat("/proc/self/exe", &ours.program) != 0) ours.program = {};
    struct stat device {};
    if (!screen.empty() && ::stat(screen.c_str(), &device) == 0 && S_ISCHR(device.st_mode)) {
        ours.screen = screen;
        // The number of a terminal as /proc/PID/stat writes it.
        const unsigned minor = ::minor(device.st_rdev);
        ours.screen_number = static_cast<std::int64_t>(
            (minor & 0xFFU) | (::major(device.st_rdev) << 8U) | ((minor & ~0xFFU) << 12U));
    }
    return ours;
}

void look_at_programs(const std::string& screen, MachineFacts& facts) {
    const Ours ours = ourselves(screen);
    const Folder all = open_folder("/proc");
    if (all == nullptr) return;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone.
    while (const dirent* entry = ::readdir(all.get())) {
        const auto pid = number_of(entry->d_name);
        if (!pid || *pid == ours.pid) continue;
        if (facts.programs.size() == other_programs_max) return;
        if (auto program = look_at(static_cast<pid_t>(*pid), ours)) {
            facts.programs.push_back(*std::move(program));
        }
    }
}

// Where there are consoles, and the screen is one of them.
std::optional<bool> is_in_front(const std::string& screen) {
    constexpr std::string_view consoles = "/dev/tty";
    const std::string active = text_of_file("/sys/class/tty/tty0/active");
    if (active.empty() || !screen.starts_with(consoles)) return std::nullopt;
    if (!number_of(std::string_view(screen).substr(consoles.size()))) return std::nullopt;
    return screen == "/dev/" + active;
}

bool has_accessibility_bus() {
    const char* const address = ::secure_getenv("AT_SPI_BUS_ADDRESS");
    if (address != nullptr && *address != '\0') return true;
    const char* const runtime = ::secure_getenv("XDG_RUNTIME_DIR");
    if (runtime == nullptr || *runtime == '\0') return false;
    struct stat bus {};
    return ::stat((std::string(runtime) + "/at-spi/bus_0").c_str(), &bus) == 0 &&
           S_ISSOCK(bus.st_mode);
}

}  // namespace

MachineFacts read_machine_facts(const std::string& screen) {
    MachineFacts facts;
    facts.hypervisor = runs_on_a_hypervisor();
    facts.product = text_of_file("/sys/class/dmi/id/product_name");
    facts.maker = text_of_file("/sys/class/dmi/id/sys_vendor");
    facts.ptrace_scope = number_in("/proc/sys/kernel/yama/ptrace_scope");
    facts.taint = static_cast<std::uint64_t>(number_in("/proc/sys/kernel/tainted").value_or(0));
    facts.perf_paranoid = number_in("/proc/sys/kernel/perf_event_paranoid");
    facts.kernel_probes = !text_of_file("/sys/kernel/debug/kprobes/list").empty();
    facts.clock_kept = is_clock_kept();
    facts.clock_minus_boot_ms = ms_of(CLOCK_REALTIME) - ms_of(CLOCK_BOOTTIME);
    facts.screen_in_front = is_in_front(screen);
    facts.accessibility_bus = has_accessibility_bus();
    look_at_programs(screen, facts);
    return facts;
}

}  // namespace softpos::host
