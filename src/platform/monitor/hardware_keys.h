// Keys in a phone's hardware that its makers have vouched for, and the counters that rise with
// them: what later statements of the phone are held to. Part of what is stored about a phone.
#pragma once

#include "base/bytes.h"
#include "platform/attest/verdict.h"

#include <cstdint>
#include <span>

namespace softpos::monitor {

struct HardwareKeys {
    // A TPM's attestation key, which it proved to hold by opening a credential.
    Buffer tpm_name;               // Empty: none.
    std::uint32_t tpm_resets = 0;  // How often the TPM was started, by its last quote.
    // The key that Apple attested.
    Buffer apple_key;                 // SubjectPublicKeyInfo; empty: none.
    std::uint32_t apple_counter = 0;  // Of the last assertion.

    friend bool operator==(const HardwareKeys&, const HardwareKeys&) = default;
};

// Of an enrolment: what passed, and nothing else.
HardwareKeys keys_of(std::span<const attest::Verdict> verdicts);

// Verdicts were made beside the record, as it was then: what passed and is behind the record by now
// fails here, as does a statement of Apple's about another key than the phone enrolled with.
void hold_to_keys(std::span<attest::Verdict> verdicts, const HardwareKeys& keys);

// Takes over the counters of what passed. They only rise.
void note_counters(std::span<const attest::Verdict> verdicts, HardwareKeys& keys);

}  // namespace softpos::monitor
