// By kind of evidence.
#include "platform/monitor/hardware_keys.h"

#include "platform/attest/reason.h"

#include <algorithm>

namespace softpos::monitor {
namespace {

using attest::Verdict;
using protocol::EvidenceKind;

bool passed(const Verdict& verdict, EvidenceKind kind) {
    return verdict.kind == kind && verdict.outcome == attest::Outcome::pass;
}

void refuse(Verdict& verdict, std::string_view reason, std::uint32_t where) {
    settle(verdict, attest::Outcome::fail, attest::Fault{reason, where});
}

}  // namespace

HardwareKeys keys_of(std::span<const Verdict> verdicts) {
    HardwareKeys keys;
    for (const Verdict& one : verdicts) {
        if (passed(one, EvidenceKind::tpm_quote) && one.tpm) {
            keys.tpm_name = one.tpm->name;
            keys.tpm_resets = one.tpm->resets;
        }
        if (passed(one, EvidenceKind::app_attest)) {
            keys.apple_key = one.device_key;
            keys.apple_counter = one.counter;
        }
    }
    return keys;
}

void hold_to_keys(std::span<Verdict> verdicts, const HardwareKeys& keys) {
    std::uint32_t counter = keys.apple_counter;
    for (Verdict& one : verdicts) {
        if (passed(one, EvidenceKind::tpm_quote) && one.tpm && one.tpm->resets < keys.tpm_resets) {
            refuse(one, "RESETS", one.tpm->resets);
        }
        if (!passed(one, EvidenceKind::app_attest)) continue;
        if (one.device_key != keys.apple_key) {
            refuse(one, "KEY_MISMATCH", 0);
        } else if (one.counter <= counter) {
            refuse(one, "COUNTER", one.counter);
        } else {
            counter = one.counter;  // Twice in one message is once too often.
        }
    }
}

void note_counters(std::span<const Verdict> verdicts, HardwareKeys& keys) {
    for (const Verdict& one : verdicts) {
        if (passed(one, EvidenceKind::tpm_quote) && one.tpm) {
            keys.tpm_resets = std::max(keys.tpm_resets, one.tpm->resets);
        }
        if (passed(one, EvidenceKind::app_attest)) {
            keys.apple_counter = std::max(keys.apple_counter, one.counter);
        }
    }
}

}  // namespace softpos::monitor
