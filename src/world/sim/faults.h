// What can go wrong between us and a card network, on demand: rules are matched against each
// request, and the first that matches decides what becomes of its answer.
#pragma once

#include "base/bytes.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::sim {

enum class FaultAction : std::uint8_t {
    none,
    no_request,   // The request never arrives.
    no_answer,    // It is carried out, and the answer is lost.
    late_answer,  // The answer comes after delay_ms.
    twice,        // The answer comes two times.
    garbage,      // Bytes that are no message come instead.
    cut,          // The connection closes after it was carried out.
    wrong_mac,    // The answer's last byte is changed.
};

// nullopt for a word that names none.
std::optional<FaultAction> fault_action_of(std::string_view word);
std::string_view name_of(FaultAction action);

struct FaultRule {
    FaultAction action = FaultAction::none;
    std::string mti = {};                           // "0200"; empty matches any.
    std::optional<std::int64_t> amount_minor = {};  // Of field 4.
    std::string terminal_id = {};                   // Of field 41; empty matches any.
    std::uint32_t skip = 0;                         // So many matches go well first.
    std::uint32_t times = 1;                        // Then so many do not; 0 is without end.
    std::uint32_t delay_ms = 0;                     // late_answer.
};

// One frame on its way to the peer.
struct Delivery {
    std::uint32_t delay_ms = 0;
    Buffer message = {};
};

struct FaultOutcome {
    std::vector<Delivery> deliveries;
    bool close = false;
};

class FaultScript {
public:
    static constexpr std::size_t rules_max = 64;

    // False where there are rules_max rules already.
    bool add(FaultRule rule);
    void clear() { rules_.clear(); }
    std::size_t size() const { return rules_.size(); }

    // What befalls this request; counts it against the rules.
    FaultRule match(std::string_view mti, std::int64_t amount_minor, std::string_view terminal_id);

    // What to do with the answer under a rule that matched.
    static FaultOutcome apply(const FaultRule& rule, Buffer answer);

private:
    std::vector<FaultRule> rules_;
};

}  // namespace softpos::sim
