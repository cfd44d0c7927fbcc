// Which applications the card and the reader have in common: the directory of the card against the
// combinations of the reader.
//
// Spec: [EMV-B] 3.3.2.
#pragma once

#include "phone/emv/kernel.h"
#include "phone/emv/parameters.h"

#include <array>
#include <cstdint>
#include <optional>

namespace softpos::emv {

constexpr std::size_t candidates_max = 64;
constexpr std::size_t card_answer_bytes_max = 256;

// A place inside the stored directory, so that nothing is copied.
struct Slice {
    std::uint16_t offset = 0;
    std::uint16_t size = 0;
    Bytes of(Bytes whole) const { return whole.subspan(offset, size); }
};

struct Candidate {
    Slice adf_name;
    Slice extended_selection;
    std::uint8_t combination = 0;
    std::uint8_t priority = 0;  // 1 first .. 15; 16 where the card names none.
};

struct CandidateList {
    FixedBytes<card_answer_bytes_max> directory;  // The answer to SELECT PPSE.
    std::array<Candidate, candidates_max> items{};
    std::uint16_t count = 0;

    std::optional<std::size_t> best() const;  // Lowest priority number, then the card's order.
    void drop(std::size_t index);
    void clear() { count = 0; }
};

// The kernel that a directory entry wants: 0 for any. nullopt for an entry that must be skipped.
std::optional<KernelId> requested_kernel(Bytes adf_name, std::optional<Bytes> kernel_identifier);

// Fills `list` from the directory stored in it. A directory that cannot be read gives no
// candidates. More than candidates_max are left out: the card's first ones count.
void find_candidates(const ParameterSet& parameters, std::span<const Indicators> indicators,
                     std::uint8_t transaction_type, CandidateList& list);

}  // namespace softpos::emv
