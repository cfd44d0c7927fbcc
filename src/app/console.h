// How the command line speaks: steps with what happened and how long it took, colour only on a
// terminal, JSON where a program reads along.
#pragma once

#include "base/clock.h"
#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace softpos::app {

enum class Colour : std::uint8_t { plain, bold, dim, green, red, yellow, cyan };

// The text in that colour, or as it is where stdout is no terminal (or NO_COLOR is set).
std::string coloured(Colour colour, std::string_view text);

std::string yuan(std::int64_t minor);  // 12800 -> "128.00"

// "softpos: what (detail 3, at byte 7)" on stderr; the exit code for main().
int report(const Error& error);
int report(std::string_view problem);

// Milliseconds since it was made.
class Stopwatch {
public:
    Stopwatch() : start_(SystemClock().ticks()) {}
    std::int64_t us() const { return SystemClock().ticks().us - start_.us; }
    std::string ms() const;  // "12.3 ms"

private:
    Ticks start_;
};

// The folder that this program was started from: its sisters lie there too.
std::string program_folder();

}  // namespace softpos::app
