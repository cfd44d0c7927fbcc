// What is left of a thousand payments where somebody may look: in the memory of the real program,
// in a core file, in swap, in what it stored; and what a core does that is made to do something
// else.
#include "crypto/dukpt_aes.h"
#include "phone/trust/process_test_fixture.h"

#include <array>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <set>
#include <sstream>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

namespace softpos::trust {
namespace {

// Finds many byte strings at once: by their first eight bytes, which are random enough.
class Needles {
public:
    void add(std::string what, Bytes bytes) {
        CHECK(bytes.size() >= word_bytes);
        all_.push_back({std::move(what), Buffer(bytes.begin(), bytes.end())});
        by_word_.emplace(word_at(bytes), all_.size() - 1);
    }
    std::size_t size() const { return all_.size(); }

    void look(Bytes region, std::set<std::string>& found) const {
        for (std::size_t at = 0; at + word_bytes <= region.size(); ++at) {
            const std::uint64_t word = word_at(region.subspan(at));
            if (!filter_[word % filter_bits]) continue;
            const auto [first, last] = by_word_.equal_range(word);
            for (auto one = first; one != last; ++one) {
                const auto& [what, bytes] = all_[one->second];
                const bool here = at + bytes.size() <= region.size() &&
                                  std::memcmp(region.data() + at, bytes.data(), bytes.size()) == 0;
                if (here) found.insert(what);
            }
        }
    }
    void ready() {
        for (const auto& [word, index] : by_word_) filter_[word % filter_bits] = true;
    }

private:
    static constexpr std::size_t word_bytes = 8;
    static constexpr std::size_t filter_bits = 1U << 20;
    static std::uint64_t word_at(Bytes bytes) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data(), word_bytes);
        return word;
    }

    struct Needle {
        std::string what;
        Buffer bytes;
    };
    std::vector<Needle> all_;
    std::multimap<std::uint64_t, std::size_t> by_word_;
    std::vector<bool> filter_ = std::vector<bool>(filter_bits);
};

// All of its readable memory, which only root may see. Regions larger than `region_bytes_max` are
// the shadow of a sanitizer.
std::set<std::string> found_in_memory(pid_t pid, const Needles& needles) {
    constexpr std::uint64_t region_bytes_max = 1ULL << 28;
    const std::string folder = "/proc/" + std::to_string(pid);
    std::ifstream maps(folder + "/maps");
    const host::Descriptor memory(::open((folder + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
    std::set<std::string> found;
    for (std::string line; std::getline(maps, line);) {
        std::istringstream words(line);
        std::uint64_t begin = 0;
        std::uint64_t end = 0;
        char dash = 0;
        std::string access;
        words >> std::hex >> begin >> dash >> end >> access;
        if (!access.starts_with('r') || end - begin > region_bytes_max) continue;
        Buffer region(end - begin);
        const ssize_t got =
            ::pread(memory.get(), region.data(), region.size(), static_cast<off_t>(begin));
        if (got > 0) needles.look(Bytes(region).first(static_cast<std::size_t>(got)), found);
    }
    return found;
}

class TrustedRemains : public TrustedProcess {
protected:
    // Every card's track and cryptogram, and every key that a payment ran under.
    void pay(int payments, Needles& needles) {
        const auto initial = crypto::dukpt_aes_initial_key(acquirer.bdk, acquirer.initial_key_id);
        needles.add("initial key", initial->bytes());
        for (int i = 1; i <= payments; ++i) {
            const auto outcome = acquirer.tap(debit, i);
            ASSERT_TRUE(outcome.card) << i << " " << outcome.detail;
            auto card = acquirer.open(outcome, i);
            if (i == 1) {
                needles.add("track 2", card[0x57]);
                needles.add("card number in text", bytes_of("6210948000000003"));
            }
            const auto cryptogram = codec::find_value(card[0xDF8155], codec::Tag{0x9F26});
            ASSERT_TRUE(cryptogram && *cryptogram);
            needles.add("cryptogram " + std::to_string(i), **cryptogram);
            const auto ksn = crypto::AesKsn::parse(outcome.card->ksn);
            const auto key = crypto::dukpt_aes_host_key(
                acquirer.bdk, *ksn, crypto::DukptUsage::data_encrypt, crypto::DukptKeyKind::aes128);
            needles.add("key " + std::to_string(i), key->bytes());
            acquirer.answers.clear();
            acquirer.commands.clear();
            acquirer.rapdus.clear();
        }
        needles.ready();
    }
};

constexpr int payments_before_the_search = 1000;

// Shows: A17, MPOC-1A-ISOLATED, JRT0156-8
TEST_F(TrustedRemains, NothingOfAThousandPaymentsIsLeft) {
    if (!root()) GTEST_SKIP() << "needs root to look";
    acquirer.enrol();
    Needles needles;
    pay(payments_before_the_search, needles);
    acquirer.status();
    ASSERT_GT(needles.size(), 2U * payments_before_the_search);

    Needles marker;  // A text of the program itself; everything it ever made lies out of reach.
    marker.add("marker", bytes_of("trusted_ended"));
    marker.ready();
    EXPECT_EQ(found_in_memory(child->pid(), marker).size(), 1U) << "the search can find";
    if (report.find("\"secret_memory\":\"active\"") != std::string::npos && !sanitized()) {
        Needles terminal;
        terminal.add("terminal number", bytes_of("T0000001"));
        terminal.ready();
        EXPECT_TRUE(found_in_memory(child->pid(), terminal).empty());
    }
    EXPECT_EQ(found_in_memory(child->pid(), needles), std::set<std::string>{});

    // Nothing of it was swapped out, and with locked memory nothing can be.
    EXPECT_EQ(status_line("VmSwap"), "\t       0 kB");
    std::set<std::string> stored;
    for (const auto& file : std::filesystem::directory_iterator(scratch.file("state"))) {
        const auto content = host::read_file(file.path().string(), 1U << 20);
        ASSERT_TRUE(content);
        needles.look(*content, stored);
    }
    EXPECT_EQ(stored, std::set<std::string>{});
}

// The system would write a core file into the directory of the process, or hand it to a program.
// Shows: A17
TEST_F(TrustedRemains, ACrashLeavesNoCore) {
    if (!root()) GTEST_SKIP() << "needs root to signal it";
    acquirer.enrol();
    ASSERT_TRUE(acquirer.tap(debit, 100).card);
    const auto limits = [&] {
        std::ifstream file("/proc/" + std::to_string(child->pid()) + "/limits");
        for (std::string line; std::getline(file, line);) {
            if (line.starts_with("Max core file size")) return line;
        }
        return std::string();
    }();
    std::istringstream words(limits.substr(18));
    std::string soft;
    std::string hard;
    words >> soft >> hard;
    EXPECT_EQ(soft + " " + hard, "0 0") << "and nobody raises it again";
    ASSERT_EQ(::kill(child->pid(), SIGABRT), 0);
    // The child's own object waits for it as well: looked at here and left there.
    siginfo_t about{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child->pid()), &about, WEXITED | WNOWAIT), 0);
    EXPECT_NE(about.si_code, CLD_DUMPED);
    EXPECT_EQ(about.si_status, SIGABRT);
}

#if defined(__x86_64__)

// Root stops the program where it waits and lets it make one system call of our choice: what code
// that an attacker runs inside of it would do. The gate itself has no such hole.
class Puppeteer {
public:
    explicit Puppeteer(pid_t pid) : pid_(pid) {}

    // What the program then dies of; 0 where it does not.
    int make_it_call(long number, std::array<unsigned long long, 3> arguments) {
        if (::ptrace(PTRACE_SEIZE, pid_, nullptr, nullptr) != 0) return -1;
        if (::ptrace(PTRACE_INTERRUPT, pid_, nullptr, nullptr) != 0) return -1;
        int status = 0;
        if (::waitpid(pid_, &status, __WALL) != pid_ || !WIFSTOPPED(status)) return -1;
        user_regs_struct registers{};
        if (::ptrace(PTRACE_GETREGS, pid_, nullptr, &registers) != 0) return -1;
        registers.rip -= 2;  // It waits in ppoll: the instruction in front is `syscall`.
        registers.rax = static_cast<unsigned long long>(number);
        registers.orig_rax = ~0ULL;  // No call is to be restarted.
        registers.rdi = arguments[0];
        registers.rsi = arguments[1];
        registers.rdx = arguments[2];
        if (::ptrace(PTRACE_SETREGS, pid_, nullptr, &registers) != 0) return -1;
        // One step is the call; then it would go on as if the wait had been interrupted.
        if (::ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr) != 0) return -1;
        siginfo_t about{};
        if (::waitid(P_PID, static_cast<id_t>(pid_), &about, WEXITED | WSTOPPED | WNOWAIT) != 0) {
            return -1;
        }
        return about.si_code == CLD_KILLED || about.si_code == CLD_DUMPED ? about.si_status : 0;
    }

private:
    pid_t pid_;
};

class TrustedForced : public TrustedProcess {
protected:
    static bool tells_of_a_panic(const protocol::Report& told) {
        return std::ranges::any_of(told.events, [](const protocol::CoreEvent& event) {
            return event.code == protocol::FindingCode::core_panic;
        });
    }
};

struct Forbidden {
    const char* what;
    long number;
    std::array<unsigned long long, 3> arguments;
    bool in_sanitizer_build;  // Forbidden there too.
};
constexpr Forbidden forbidden[] = {
    {"socket", SYS_socket, {2, 1, 0}, true},
    {"execve", SYS_execve, {0, 0, 0}, true},
    {"fork", SYS_fork, {0, 0, 0}, true},
    {"ptrace", SYS_ptrace, {0, 0, 0}, true},
    {"process_vm_readv", SYS_process_vm_readv, {1, 0, 0}, true},
    {"kill", SYS_kill, {1, 0, 0}, true},
    {"setuid", SYS_setuid, {0, 0, 0}, true},
    {"executable memory", SYS_mmap, {0, 4096, 7}, false},
};

// Shows: A18, JRT0156-6.2
TEST_F(TrustedForced, IsKilledAndComesBackWithItsCounters) {
    if (!root()) GTEST_SKIP() << "needs root to take the program over";
    acquirer.enrol();
    std::uint32_t last_counter = 0;
    std::uint64_t last_sequence = 0;
    for (const Forbidden& one : forbidden) {
        if (sanitized() && !one.in_sanitizer_build) continue;
        const auto before = acquirer.tap(debit, 100);
        ASSERT_TRUE(before.card) << before.detail;
        last_counter = counter_of(*before.card);
        last_sequence = acquirer.status().sequence;
        ASSERT_EQ(Puppeteer(child->pid()).make_it_call(one.number, one.arguments), SIGSYS)
            << one.what;
        const auto ended = child->wait(start_ms);
        ASSERT_TRUE(ended);
        EXPECT_EQ(ended->signal, SIGSYS) << one.what;

        // Its client hears that nobody is there, in a form that it can act on, and not silence.
        const auto answer =
            client.call(protocol::encode(protocol::TrustedRequest(protocol::StatusRequest{})));
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);

        start();
        const auto status = acquirer.status();
        EXPECT_EQ(status.mode, protocol::CoreMode::ready);
        EXPECT_GE(status.sequence, last_sequence) << "no number comes twice";
        const auto told = acquirer.report();
        EXPECT_TRUE(tells_of_a_panic(told)) << one.what << ": the platform hears of it, signed";
        const auto after = acquirer.tap(debit, 100);
        ASSERT_TRUE(after.card);
        EXPECT_GT(counter_of(*after.card), last_counter) << "no key serves twice";
    }
}

// The counterpart: a call that it needs does not kill it, so that it is the filter that does.
TEST_F(TrustedForced, ACallThatItNeedsDoesNotKillIt) {
    if (!root()) GTEST_SKIP() << "needs root to take the program over";
    EXPECT_EQ(Puppeteer(child->pid()).make_it_call(SYS_getpid, {0, 0, 0}), 0);
}

// Ended as its starter ends it, it has nothing to tell.
// Shows: A18
TEST_F(TrustedForced, AnEndInOrderIsNoIncident) {
    acquirer.enrol();
    ASSERT_TRUE(acquirer.tap(debit, 100).card);
    child->terminate();
    ASSERT_TRUE(child->wait(start_ms));
    start();
    EXPECT_FALSE(tells_of_a_panic(acquirer.report()));
}

#endif

}  // namespace
}  // namespace softpos::trust
