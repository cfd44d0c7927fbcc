// Bytes, dates and foreign text as people read them. What comes out is printable ASCII, whatever
// went in.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace softpos::attest {

constexpr std::size_t shown_bytes_max = 64;  // Longer values are cut: "...".

// Pairs of a name and what stands there, in reading order.
using Observations = std::vector<std::pair<std::string, std::string>>;

std::string printable_text(std::string_view text);      // Anything odd becomes '?'.
std::string hex_text(Bytes bytes);                      // Lower case; "(empty)"; "32 zero bytes".
std::string two_digits(std::uint64_t number);           // "07"
std::string date_text(std::optional<Instant> instant);  // "2026-11-22"; "(no date)"
std::string instant_text(Instant instant);              // "2026-11-22 15:04:05 UTC"

// "2026-11-22T15:04:05Z", or the day alone for its beginning; nothing where it is no such time.
std::optional<Instant> read_instant(std::string_view text);

}  // namespace softpos::attest
