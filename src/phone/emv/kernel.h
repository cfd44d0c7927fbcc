// What a kernel is to the entry point: a number, a name and one step function over memory that the
// entry point owns. A kernel plugs in by one KernelDescriptor in the table that the entry point is
// given; nothing else changes.
#pragma once

#include "phone/emv/events.h"
#include "phone/emv/fixed_bytes.h"
#include "phone/emv/outcome.h"
#include "phone/emv/parameters.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string_view>
#include <type_traits>

namespace softpos::emv {

constexpr std::size_t kernel_memory_bytes = 1024;
constexpr std::size_t command_bytes_max = 261;
constexpr std::size_t data_record_bytes_max = 255;
constexpr unsigned command_timeout_ms = 2000;

// Where a kernel keeps its state between two events: one trivially copyable value.
struct KernelMemory {
    alignas(8) std::array<std::byte, kernel_memory_bytes> bytes{};

    template <typename State>
    State& make() {
        static_assert(std::is_trivially_copyable_v<State>);
        static_assert(sizeof(State) <= kernel_memory_bytes && alignof(State) <= 8);
        return *new (bytes.data()) State{};
    }
    template <typename State>  // After make() of the same type in this tap.
    State& get() {
        return *std::launder(reinterpret_cast<State*>(bytes.data()));
    }
};

// What a tap learned of the card. Inside a machine only; leaves it as a CardRecord.
struct CardData {
    FixedBytes<aid_bytes_max> df_name;  // 84
    FixedBytes<19> track2;              // 57
    FixedBytes<1> pan_sequence;         // 5F34
    FixedBytes<3> expiry;               // 5F24
    FixedBytes<data_record_bytes_max> record;
};

// What pre-processing found out about one combination for this transaction.
//
// Spec: [EMV-B] 3.1.1.
struct Indicators {
    bool status_check_requested = false;
    bool not_allowed = false;
    bool zero_amount = false;
    bool cvm_limit_exceeded = false;
    bool floor_limit_exceeded = false;
    std::optional<Ttq> ttq;
};

using CommandBuffer = FixedBytes<command_bytes_max>;

// CLA INS P1 P2 [Lc data] Le=00. `data` is at most 255 bytes: CHECKed.
struct CommandHeader {
    std::uint8_t cla, ins, p1, p2;
};
void make_command(CommandBuffer& out, CommandHeader header, Bytes data);

// Borrowed for one step.
struct KernelContext {
    const ParameterSet& parameters;
    const Combination& combination;
    const Indicators& indicators;
    const TransactionData& transaction;
    Bytes fci;  // Answer to SELECT, without SW.
    std::uint16_t select_sw = 0;
    StartPoint start = StartPoint::none;  // The point that the kernel was reached from.
    bool restart = false;
    bool last_candidate = false;  // Select Next would find nothing.
    Bytes issuer_data;
    KernelMemory& memory;
    CardData& card;
    CommandBuffer& command;
    Buffer& scratch;  // Reserved; empty at each step.
};

struct KernelEvent {
    enum class Kind : std::uint8_t { start, rapdu, rf_error } kind;
    Bytes bytes{};
    RfError rf_error = RfError::timeout;
};
constexpr std::size_t kernel_event_kinds = 3;

// Either context.command is to be sent, or it is done.
struct KernelStep {
    bool done = false;
    std::optional<UiRequest> ui;
    Outcome outcome;

    static KernelStep send() { return {}; }
    static KernelStep end(const Outcome& outcome) { return {true, std::nullopt, outcome}; }
};

struct KernelDescriptor {
    KernelId id;
    std::string_view name;
    KernelStep (*step)(const KernelContext& context, const KernelEvent& event);
};

}  // namespace softpos::emv
