// The entry point: finds a card, agrees with it on an application, and runs the kernel for it. A
// pure step machine: events in, steps out, all state in one trivially copyable value.
//
//     EntryPoint entry(parameters, kernels);
//     Step step = entry.handle(Event::start(transaction));
//     while (step.kind != StepKind::done) step = entry.handle(what_happened(step));
//
// Spec: [EMV-B] 3.
#pragma once

#include "phone/emv/candidates.h"
#include "phone/emv/events.h"
#include "phone/emv/kernel.h"
#include "phone/emv/step.h"

#include <array>
#include <cstdint>
#include <span>

namespace softpos::emv {

constexpr std::size_t issuer_data_bytes_max = 256;
constexpr std::uint16_t commands_per_tap_max = 128;
constexpr std::uint8_t tries_max = 10;  // Try Again, by the radio or a kernel, in one transaction.

enum class Phase : std::uint8_t { idle, polling, colliding, directory, selecting, kernel, ended };
constexpr std::size_t phases = 7;

enum class Action : std::uint8_t {
    none,  // No entry: a test proves that none is left.
    begin,
    go_on,
    collided,
    none_left,
    read_directory,
    read_selection,
    run_kernel,
    fail_kernel,
    radio_lost,
    restart,
    removal,
    stop,
    repeat,
    ignore,
    refuse,
};

// The transition table: what is done with an event in a phase.
Action action_for(Phase phase, EventKind event);

struct EntryPointState {
    Phase phase = Phase::idle;
    StartPoint start = StartPoint::none;  // Where processing came from last.
    CardFinding finding = CardFinding::by_steps;
    bool restarted = false;
    std::uint8_t tries = 0;
    std::uint16_t commands = 0;
    TransactionData transaction;
    std::array<Indicators, combinations_max> indicators{};
    CandidateList candidates;
    std::uint16_t current = 0;     // Index of the candidate in use.
    std::uint8_t combination = 0;  // The one handed to the kernel.
    FixedBytes<card_answer_bytes_max> fci;
    std::uint16_t select_sw = 0;
    FixedBytes<issuer_data_bytes_max> issuer_data;
    std::optional<UiRequest> pending_ui;
    CommandBuffer command;
    KernelMemory memory;
    CardData card;
    Outcome outcome;
};
static_assert(std::is_trivially_copyable_v<EntryPointState>);

class EntryPoint {
public:
    // Both are borrowed and must outlive this object.
    EntryPoint(const ParameterSet& parameters, std::span<const KernelDescriptor> kernels);
    ~EntryPoint();
    EntryPoint(const EntryPoint&) = delete;
    EntryPoint& operator=(const EntryPoint&) = delete;

    Step handle(const Event& event);

    // A snapshot is the card's data too: keep it as you would keep a track.
    const EntryPointState& state() const { return state_; }
    void restore(const EntryPointState& state) { state_ = state; }
    const CardData& card() const { return state_.card; }
    void forget_card();                      // Wipes what the card said; the outcome stays.
    const Combination* combination() const;  // The one in use; nullptr before a selection.

private:
    Step on_start(const Event& event);
    Step on_restart(const Event& event);
    Step on_card();
    Step on_directory(Bytes answer);
    Step on_selection(Bytes answer);
    Step on_kernel(const KernelEvent& event);
    Step on_radio_lost();
    Step on_removal();

    bool prepare();
    Step start_b(std::optional<UiRequest> ui);
    Step select_best();
    bool replace_visa_kernel();
    Step process(const Outcome& outcome);
    Step drop_and_go_on();
    Step try_again(const Outcome& outcome);
    Step finish(const Outcome& outcome);
    Step end(Cause cause);
    Step repeat_outcome() const;
    Step send(unsigned timeout_ms);
    Step poll(std::optional<UiRequest> ui);
    Step poll_again(std::optional<UiRequest> ui) const;

    const ParameterSet& parameters_;
    std::span<const KernelDescriptor> kernels_;
    Buffer scratch_;  // Reserved once, so that filling a PDOL allocates nothing.
    EntryPointState state_;
};

}  // namespace softpos::emv
