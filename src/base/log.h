// One JSON object a line on stderr. A value is a number, a literal or an identifier of our own
// making; run-time text from outside has no way in, so a PAN cannot be logged.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace softpos {

enum class LogLevel : std::uint8_t { debug, info, warning, error, none };

// An identifier that this system made itself or checked against [A-Za-z0-9._:-]: other characters
// are replaced, and digit runs of 12 to 19 are masked like a PAN.
class LogId {
public:
    explicit LogId(std::string_view text);
    const std::string& text() const { return text_; }

private:
    std::string text_;
};

struct LogField {
    LogField(Literal field_name, std::int64_t number);
    LogField(Literal field_name, Literal text);
    LogField(Literal field_name, const LogId& id);

    Literal name;
    std::string json;  // Already encoded.
};

void set_log_level(LogLevel lowest);    // info by default; none: nothing at all.
void set_log_program(Literal program);  // Named in each line.

void log(LogLevel level, Literal event, std::initializer_list<LogField> fields = {});
void log(LogLevel level, Literal event, const Error& error);

}  // namespace softpos
