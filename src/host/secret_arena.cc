// Blocks of powers of two, a free list for each; what is given back is wiped first.
#include "host/secret_arena.h"

#include "base/check.h"
#include "base/secret.h"
#include "base/secret_memory.h"
#include "host/descriptor.h"
#include "host/gate_filter.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <csignal>
#include <cstdint>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

namespace softpos::host {
namespace {

// Not in the headers of Debian 12.
constexpr long call_memfd_secret = 447;
constexpr long call_mseal = 462;

// In front of each block. Keeps what follows aligned for anything.
struct alignas(16) Head {
    std::uint32_t power;
    std::uint32_t mark;
};
constexpr std::uint32_t mark_taken = 0x5EC2E7AA;
constexpr std::uint32_t mark_free = 0x5EC2E755;
constexpr unsigned power_min = 5;
constexpr unsigned power_max = 22;  // 4 MiB.

struct FreeBlock {
    Head head;
    FreeBlock* next;
};

class Arena {
public:
    void open(std::uint8_t* memory, std::size_t bytes) {
        begin_ = memory;
        end_ = memory + bytes;
        fresh_ = memory;
    }

    void* take(std::size_t bytes) {
        const std::size_t whole = bytes + sizeof(Head);
        const auto power = std::max(power_min, static_cast<unsigned>(std::bit_width(whole - 1)));
        if (whole < bytes || power > power_max) return nullptr;
        const Lock lock(*this);
        FreeBlock*& list = free_[power];
        Head* head = nullptr;
        if (list != nullptr) {
            head = &list->head;
            CHECK(head->mark == mark_free && head->power == power);
            list = list->next;
        } else {
            const std::size_t size = std::size_t{1} << power;
            if (static_cast<std::size_t>(end_ - fresh_) < size) return nullptr;
            head = reinterpret_cast<Head*>(fresh_);
            fresh_ += size;
        }
        *head = {power, mark_taken};
        return head + 1;
    }

    bool give(void* memory) {
        if (!holds(memory)) return false;
        Head* head = static_cast<Head*>(memory) - 1;
        CHECK(head->mark == mark_taken && head->power <= power_max);  // Else it was given twice.
        const std::size_t size = (std::size_t{1} << head->power) - sizeof(Head);
        wipe({static_cast<std::uint8_t*>(memory), size});
        const Lock lock(*this);
        head->mark = mark_free;
        auto* block = reinterpret_cast<FreeBlock*>(head);
        block->next = free_[head->power];
        free_[head->power] = block;
        return true;
    }

    bool holds(const void* memory) const {
        const auto* at = static_cast<const std::uint8_t*>(memory);
        return at >= begin_ && at < end_;
    }

private:
    // Held for a few instructions. Not a mutex: this may stand under operator new.
    class Lock {
    public:
        explicit Lock(Arena& arena) : flag_(arena.busy_) {
            while (flag_.test_and_set(std::memory_order_acquire)) flag_.wait(true);
        }
        ~Lock() {
            flag_.clear(std::memory_order_release);
            flag_.notify_one();
        }
        Lock(const Lock&) = delete;
        Lock& operator=(const Lock&) = delete;

    private:
        std::atomic_flag& flag_;
    };

    std::uint8_t* begin_ = nullptr;
    std::uint8_t* end_ = nullptr;
    std::uint8_t* fresh_ = nullptr;  // Behind it nothing was ever taken.
    std::array<FreeBlock*, power_max + 1> free_{};
    std::atomic_flag busy_;
};

// The arena of the process, the stack in it, and what runs on that stack.
constinit Arena arena;
std::uint8_t* stack_memory = nullptr;
const std::function<void()>* stack_body = nullptr;
ucontext_t* stack_return = nullptr;

constexpr SecretMemoryHome arena_home = {[](std::size_t bytes) { return arena.take(bytes); },
                                         [](void* memory) { return arena.give(memory); },
                                         [](const void* memory) { return arena.holds(memory); }};

void run_stack_body() {
    (*stack_body)();
    // Going back would also put the old signal mask back, and let a signal through that the body
    // has blocked and taken from a descriptor.
    ::pthread_sigmask(SIG_SETMASK, nullptr, &stack_return->uc_sigmask);
}

}  // namespace

const char* name_of(SecretArenaState state) {
    constexpr std::array<const char*, 3> names = {"active", "not_sealed", "unavailable"};
    return names[static_cast<std::size_t>(state)];
}

SecretArenaState open_secret_arena(std::size_t bytes) {
    const std::size_t whole = bytes + secret_stack_bytes;
    const Descriptor file(static_cast<int>(::syscall(call_memfd_secret, O_CLOEXEC)));
    if (!file.valid() || ::ftruncate(file.get(), static_cast<off_t>(whole)) != 0) {
        return SecretArenaState::unavailable;
    }
    void* mapped = ::mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (mapped == MAP_FAILED) return SecretArenaState::unavailable;
    // A child would share it.
    CHECK(::madvise(mapped, whole, MADV_DONTFORK) == 0);
    auto* memory = static_cast<std::uint8_t*>(mapped);
    stack_memory = memory;
    arena.open(memory + secret_stack_bytes, bytes);
    set_secret_memory_home(arena_home);
    return ::syscall(call_mseal, mapped, whole, 0) == 0 ? SecretArenaState::active
                                                        : SecretArenaState::not_sealed;
}

void run_on_secret_stack(const std::function<void()>& body) {
    // A sanitizer knows where the stack is and takes another one for a fault.
    if (stack_memory == nullptr || sanitizer_build) return body();
    CHECK(stack_body == nullptr);
    stack_body = &body;
    ucontext_t inside{};
    ucontext_t outside{};
    stack_return = &outside;
    CHECK(::getcontext(&inside) == 0);
    inside.uc_stack.ss_sp = stack_memory;
    inside.uc_stack.ss_size = secret_stack_bytes;
    inside.uc_link = &outside;
    ::makecontext(&inside, run_stack_body, 0);
    CHECK(::swapcontext(&outside, &inside) == 0);
    stack_body = nullptr;
    wipe({stack_memory, secret_stack_bytes});
}

}  // namespace softpos::host
