// How published cases write outcomes.
#pragma once

#include "phone/emv/outcome.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace softpos::conformance {

constexpr std::array<std::string_view, 8> outcome_kinds = {"N/A",
                                                           "Select Next",
                                                           "Try Again",
                                                           "Approved",
                                                           "Declined",
                                                           "Online Request",
                                                           "Try Another Interface",
                                                           "End Application"};
constexpr std::array<std::string_view, 5> start_points = {"N/A", "A", "B", "C", "D"};
constexpr std::array<std::string_view, 3> online_responses = {"N/A", "EMV Data", "Any"};
constexpr std::array<std::string_view, 5> cvm_methods = {
    "N/A", "Online PIN", "Confirmation Code Verified", "Obtain Signature", "No CVM"};

// The enumerator whose name stands at this place of its list.
template <typename T, std::size_t size>
std::optional<T> enumerator(const std::array<std::string_view, size>& names,
                            std::string_view name) {
    const auto at = std::ranges::find(names, name);
    if (at == names.end()) return std::nullopt;
    return static_cast<T>(at - names.begin());
}

}  // namespace softpos::conformance
