// Lines are written with one write(2) each, so that those of several threads do not mix.
#include "base/log.h"

#include "base/clock.h"
#include "base/pan.h"

#include <atomic>
#include <cctype>
#include <unistd.h>

namespace softpos {
namespace {

std::atomic<LogLevel> lowest_level = LogLevel::info;
std::atomic<const char*> program_name = "softpos";

constexpr const char* level_names[] = {"debug", "info", "warning", "error"};

bool is_identifier(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == ':' ||
           c == '-' || c == '*' || c == '/';
}

// A run of digits that could be a card number is shown as one would be.
void mask_digit_runs(std::string& text) {
    for (std::size_t begin = 0; begin < text.size();) {
        std::size_t end = begin;
        while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
        const std::size_t size = end - begin;
        if (size >= Pan::digits_min && size <= Pan::digits_max) {
            text.replace(begin, size, mask_pan(text.substr(begin, size)));
        }
        begin = end + 1;
    }
}

}  // namespace

LogId::LogId(std::string_view text) : text_(text) {
    for (char& c : text_) {
        if (!is_identifier(c)) c = '_';
    }
    mask_digit_runs(text_);
}

LogField::LogField(Literal field_name, std::int64_t number)
    : name(field_name), json(std::to_string(number)) {}
LogField::LogField(Literal field_name, Literal text)
    : name(field_name), json(std::string("\"") + text.c_str() + "\"") {}
LogField::LogField(Literal field_name, const LogId& id)
    : name(field_name), json("\"" + id.text() + "\"") {}

void set_log_level(LogLevel lowest) {
    lowest_level = lowest;
}
void set_log_program(Literal program) {
    program_name = program.c_str();
}

void log(LogLevel level, Literal event, std::initializer_list<LogField> fields) {
    if (level < lowest_level.load()) return;
    std::string line = "{\"at\":\"" + china_time(SystemClock().now()).iso() + "\",\"program\":\"" +
                       program_name.load() + "\",\"level\":\"" +
                       level_names[static_cast<std::size_t>(level)] + "\",\"event\":\"" +
                       event.c_str() + "\"";
    for (const LogField& field : fields) {
        line.append(",\"").append(field.name.c_str()).append("\":").append(field.json);
    }
    line += "}\n";
    // Nothing can be done where stderr is gone.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

void log(LogLevel level, Literal event, const Error& error) {
    log(level, event,
        {{"error", error.what},
         {"detail", std::int64_t{error.detail}},
         {"offset", std::int64_t{error.at}}});
}

}  // namespace softpos
