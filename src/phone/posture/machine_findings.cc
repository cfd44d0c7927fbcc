// A question a finding.
#include "phone/posture/machine_findings.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

namespace softpos::posture {
namespace {

using host::MachineFacts;
using host::OtherProgram;
using protocol::FindingCode;

// What firmware of virtual machines calls itself.
constexpr std::array<std::string_view, 12> virtual_names = {
    "QEMU",  "KVM", "VMware",    "VirtualBox", "innotek",        "Virtual Machine",
    "Bochs", "Xen", "Parallels", "bhyve",      "Google Compute", "Amazon EC2"};
// Programs that read screens aloud or show them in Braille, and what serves them.
constexpr std::array<std::string_view, 5> screen_readers = {"orca", "brltty", "at-spi2-registr",
                                                            "speechd-up", "fenrir"};
// The pad is its own.
constexpr std::string_view core_name = "softpos-trusted";

constexpr unsigned taint_out_of_tree = 12;
constexpr unsigned taint_unsigned = 13;
constexpr unsigned taint_forced = 1;

bool names_a_virtual_machine(std::string_view text) {
    return std::ranges::any_of(virtual_names, [text](std::string_view name) {
        return text.find(name) != std::string_view::npos;
    });
}

std::uint32_t emulator_bits(const MachineFacts& facts) {
    std::uint32_t bits = 0;
    if (facts.hypervisor) bits |= EmulatorBit::processor;
    if (names_a_virtual_machine(facts.product) || names_a_virtual_machine(facts.maker)) {
        bits |= EmulatorBit::firmware;
    }
    return bits;
}

std::uint32_t dev_mode_bits(const Seen& seen) {
    const MachineFacts& facts = seen.facts;
    std::uint32_t bits = 0;
    if (seen.sanitizers) bits |= DevModeBit::sanitizers;
    if (facts.ptrace_scope == 0) bits |= DevModeBit::ptrace_open;
    constexpr std::uint64_t foreign =
        1ULL << taint_out_of_tree | 1ULL << taint_unsigned | 1ULL << taint_forced;
    if ((facts.taint & foreign) != 0) bits |= DevModeBit::kernel_module;
    if (facts.perf_paranoid && *facts.perf_paranoid < 0) bits |= DevModeBit::perf_open;
    if (facts.kernel_probes) bits |= DevModeBit::kernel_probes;
    return bits;
}

bool is_screen_reader(const OtherProgram& program) {
    return std::ranges::find(screen_readers, program.name) != screen_readers.end();
}
bool is_foreign(const OtherProgram& program) {
    return !program.of_our_session && program.name != core_name;
}

class Collector {
public:
    void add(FindingCode code, std::uint32_t detail) {
        found.push_back({code, protocol::TrustClass::app, detail});
    }
    // The first program of which it holds.
    template <typename Holds>
    bool add_first(FindingCode code, const MachineFacts& facts, Holds holds) {
        const auto at = std::ranges::find_if(facts.programs, holds);
        if (at == facts.programs.end()) return false;
        add(code, static_cast<std::uint32_t>(at->pid));
        return true;
    }
    std::vector<protocol::Finding> found;
};

}  // namespace

bool is_sanitizer_build() {
#if defined(__has_feature)
    return __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||
           __has_feature(memory_sanitizer);
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#else
    return false;
#endif
}

std::vector<protocol::Finding> findings_of(const Seen& seen) {
    const MachineFacts& facts = seen.facts;
    Collector out;
    if (const auto bits = emulator_bits(facts); bits != 0) out.add(FindingCode::emulator, bits);
    if (const auto bits = dev_mode_bits(seen); bits != 0) out.add(FindingCode::dev_mode, bits);
    const bool covered = out.add_first(
        FindingCode::overlay, facts,
        [](const OtherProgram& program) { return program.on_our_screen && is_foreign(program); });
    if (!covered && facts.screen_in_front == false) out.add(FindingCode::overlay, 0);
    out.add_first(FindingCode::screen_capture, facts, [](const OtherProgram& program) {
        return program.has_console ||
               (program.has_our_screen && !program.on_our_screen && is_foreign(program));
    });
    const bool read = out.add_first(FindingCode::accessibility, facts, is_screen_reader);
    if (!read && facts.accessibility_bus) out.add(FindingCode::accessibility, 0);
    if (seen.second_instance) {
        const bool known =
            out.add_first(FindingCode::multi_instance, facts,
                          [](const OtherProgram& program) { return program.same_program; });
        if (!known) out.add(FindingCode::multi_instance, 0);
    }
    const std::int64_t step_ms = std::abs(facts.clock_minus_boot_ms - seen.clock_minus_boot_ms);
    if (step_ms > clock_step_ms) {
        out.add(FindingCode::time_skew,
                static_cast<std::uint32_t>(std::min<std::int64_t>(step_ms / 1000, UINT32_MAX)));
    }
    if (!facts.clock_kept) out.add(FindingCode::time_zone, 0);
    return std::move(out.found);
}

}  // namespace softpos::posture
