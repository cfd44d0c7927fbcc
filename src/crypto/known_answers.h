// Known-answer tests: before a program trusts its keys to the library below, the library shows that
// it computes what the standards' own examples say. A library that was built wrongly, or changed,
// is found before the first key, not by the first wrong payment.
//
//     if (const auto wrong = crypto::first_wrong_answer()) return refuse_to_start(*wrong);
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <optional>
#include <span>
#include <string_view>

namespace softpos::crypto {

struct KnownAnswer {
    std::string_view name;    // "AES-128"
    std::string_view answer;  // In hex.
    Result<Buffer> (*compute)();
};

// All that vault and trusted core compute with.
std::span<const KnownAnswer> known_answers();

// The name of the first that comes out otherwise, or not at all. Some milliseconds for all.
std::optional<std::string_view> first_wrong_answer(
    std::span<const KnownAnswer> cases = known_answers());

}  // namespace softpos::crypto
