// Reads the table; looks routes up from the top.
#include "platform/channel/switch_plan.h"

#include "base/money.h"
#include "base/table_text.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace softpos::channel {
namespace {

using Words = std::span<const std::string_view>;

constexpr std::size_t name_bytes_max = 32;
constexpr std::size_t host_bytes_max = 255;
constexpr std::uint32_t minutes_of_day = 24 * 60;
constexpr std::int64_t ms_max = 24LL * 60 * 60 * 1000;
constexpr std::int64_t hours_max = 24LL * 366;
constexpr std::size_t bin_digits = 6;
constexpr std::size_t route_words = 7;
constexpr std::string_view any = "*";

std::unexpected<Error> bad(Literal what, std::uint32_t line) {
    return fail(ErrorKind::malformed, what, line);
}

// Two halves around a dash.
std::optional<std::pair<std::string_view, std::string_view>> halves(std::string_view word) {
    const std::size_t dash = word.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    return std::pair(word.substr(0, dash), word.substr(dash + 1));
}

template <typename Value, std::size_t size>
std::optional<Value> word_of(const std::array<std::pair<std::string_view, Value>, size>& words,
                             std::string_view word) {
    for (const auto& [name, value] : words) {
        if (name == word) return value;
    }
    return std::nullopt;
}

constexpr std::array<std::pair<std::string_view, EntryChannel>, 2> channel_words{
    {{"tap", EntryChannel::tap}, {"stored", EntryChannel::stored}}};
constexpr std::array<std::pair<std::string_view, RouteKind>, 3> kind_words{
    {{"purchase", RouteKind::purchase},
     {"void", RouteKind::void_sale},
     {"refund", RouteKind::refund}}};
std::optional<std::uint32_t> bin_of(std::string_view digits) {
    if (digits.size() != bin_digits) return std::nullopt;
    const auto number = decimal(digits, 999'999);
    if (!number) return std::nullopt;
    return static_cast<std::uint32_t>(*number);
}

// `*` leaves both ends as they are.
bool read_amounts(std::string_view word, Route& route) {
    if (word == any) return true;
    const auto both = halves(word);
    if (!both) return false;
    const auto from = decimal(both->first, amount_minor_max);
    const auto to = decimal(both->second, amount_minor_max);
    if (!from || !to || *from > *to) return false;
    route.amount_min_minor = *from;
    route.amount_max_minor = *to;
    return true;
}

bool read_times(std::string_view word, Route& route) {
    if (word == any) return true;
    const auto both = halves(word);
    if (!both) return false;
    const auto from = minute_of_day(both->first);
    const auto to = minute_of_day(both->second, true);
    if (!from || !to || *from == *to) return false;
    route.minute_from = *from;
    route.minute_to = *to;
    return true;
}

bool read_bins(std::string_view word, Route& route) {
    if (word == any) return true;
    const auto both = halves(word);
    const auto from = bin_of(both ? both->first : word);
    const auto to = bin_of(both ? both->second : word);
    if (!from || !to || *from > *to) return false;
    route.bins = {*from, *to};
    return true;
}

}  // namespace

std::optional<std::uint32_t> minute_of_day(std::string_view hhmm, bool end) {
    constexpr std::int64_t hundred = 100;
    const auto number = hhmm.size() == 4 ? decimal(hhmm, 2400) : std::nullopt;
    if (!number || *number % hundred >= 60) return std::nullopt;
    const auto minutes = static_cast<std::uint32_t>(*number / hundred * 60 + *number % hundred);
    if (minutes > minutes_of_day || (minutes == minutes_of_day && !end)) return std::nullopt;
    return minutes;
}

class SwitchPlanParser {
public:
    Result<SwitchPlan> parse(std::string_view text) {
        if (text.size() > SwitchPlan::text_bytes_max) {
            return fail(ErrorKind::denied, "switch: too long");
        }
        bool begun = false;
        std::uint32_t last = 0;
        for (TableText table(text); table.next();) {
            last = table.line();
            if (!begun) {
                const Words words = table.words();
                if (words.size() != 2 || words[0] != "switch" || words[1] != "1") {
                    return bad("switch: begins with its version", last);
                }
                begun = true;
                continue;
            }
            TRY_VOID(row(table.words(), last));
        }
        if (plan_.lines_.empty()) return bad("switch: no line", last);
        return std::move(plan_);
    }

private:
    Result<void> row(Words words, std::uint32_t line) {
        if (words[0] == "line") return add_line(words, line);
        if (words[0] == "route") return add_route(words, line);
        if (words[0] == "echo") return echo(words, line);
        if (words.size() == 2 && words[0] == "keys_hours") {
            const auto hours = decimal(words[1], hours_max);
            if (!hours || *hours == 0) return bad("switch: hours", line);
            plan_.keys_ms = *hours * 60 * 60 * 1000;
            return {};
        }
        return bad("switch: unknown row", line);
    }

    Result<void> echo(Words words, std::uint32_t line) {
        constexpr std::int64_t misses_max = 100;
        if (words.size() != 4) return bad("switch: echo has three numbers", line);
        const auto idle = decimal(words[1], ms_max);
        const auto answer = decimal(words[2], ms_max);
        const auto misses = decimal(words[3], misses_max);
        if (!idle || !answer || !misses || *idle == 0 || *answer == 0 || *misses == 0) {
            return bad("switch: echo has three numbers", line);
        }
        plan_.echo_idle_ms = static_cast<std::uint32_t>(*idle);
        plan_.echo_answer_ms = static_cast<std::uint32_t>(*answer);
        plan_.echo_misses_max = static_cast<std::uint32_t>(*misses);
        return {};
    }

    Result<void> add_line(Words words, std::uint32_t line) {
        if (words.size() < 3 || words[1].size() > name_bytes_max || words[1] == any ||
            words[1].find(',') != std::string_view::npos || index_of(words[1])) {
            return bad("switch: line", line);
        }
        if (plan_.lines_.size() == SwitchPlan::lines_max) return bad("switch: lines", line);
        const std::size_t colon = words[2].rfind(':');
        if (colon == std::string_view::npos || colon == 0 || colon > host_bytes_max) {
            return bad("switch: address", line);
        }
        const auto port = decimal(words[2].substr(colon + 1), 65535);
        if (!port || *port == 0) return bad("switch: address", line);
        Line added{.name = std::string(words[1]),
                   .host = std::string(words[2].substr(0, colon)),
                   .port = static_cast<std::uint16_t>(*port)};
        if (!read_manner(words.subspan(3), added)) return bad("switch: short or tls", line);
        plan_.lines_.push_back(std::move(added));
        return {};
    }

    // [short] [tls NAME CA [CERTIFICATE KEY]]
    static bool read_manner(Words words, Line& line) {
        if (!words.empty() && words[0] == "short") {
            line.per_exchange = true;
            words = words.subspan(1);
        }
        if (words.empty()) return true;
        if (words[0] != "tls" || (words.size() != 3 && words.size() != 5)) return false;
        const auto too_long = [](std::string_view word) { return word.size() > host_bytes_max; };
        if (std::ranges::any_of(words, too_long)) return false;
        line.tls = LineTls{.server_name = std::string(words[1]),
                           .ca = std::string(words[2]),
                           .certificate = words.size() == 5 ? std::string(words[3]) : "",
                           .key = words.size() == 5 ? std::string(words[4]) : ""};
        return true;
    }

    Result<void> add_route(Words words, std::uint32_t line) {
        if (words.size() != route_words) return bad("switch: route has six columns", line);
        if (plan_.routes_.size() == SwitchPlan::routes_max) return bad("switch: routes", line);
        Route route;
        route.channel = word_of(channel_words, words[2]);
        route.kind = word_of(kind_words, words[3]);
        const bool good = read_bins(words[1], route) && (route.channel || words[2] == any) &&
                          (route.kind || words[3] == any) && read_amounts(words[4], route) &&
                          read_times(words[5], route);
        if (!good) return bad("switch: route", line);
        for (std::string_view rest = words[6];;) {
            const std::size_t comma = std::min(rest.find(','), rest.size());
            const auto index = index_of(rest.substr(0, comma));
            if (!index || std::ranges::find(route.lines, *index) != route.lines.end()) {
                return bad("switch: route to no line", line);
            }
            route.lines.push_back(*index);
            if (comma == rest.size()) break;
            rest.remove_prefix(comma + 1);
        }
        plan_.routes_.push_back(std::move(route));
        return {};
    }

    std::optional<std::size_t> index_of(std::string_view name) const {
        const auto found = std::ranges::find(plan_.lines_, name, &Line::name);
        if (found == plan_.lines_.end()) return std::nullopt;
        return static_cast<std::size_t>(found - plan_.lines_.begin());
    }

    SwitchPlan plan_;
};

Result<SwitchPlan> SwitchPlan::parse(std::string_view text) {
    return SwitchPlanParser().parse(text);
}

Result<void> SwitchPlan::read_files(
    const std::function<Result<std::string>(const std::string&)>& read) {
    for (Line& line : lines_) {
        if (!line.tls) continue;
        for (std::string* part : {&line.tls->ca, &line.tls->certificate, &line.tls->key}) {
            if (!part->empty()) *part = TRY(read(*part));
        }
    }
    return {};
}

SwitchPlan SwitchPlan::of_one_line(std::string host, std::uint16_t port) {
    SwitchPlan plan;
    plan.lines_.push_back({.name = "network", .host = std::move(host), .port = port});
    return plan;
}

bool Route::fits(const RouteQuery& query) const {
    if (channel && *channel != query.channel) return false;
    if (kind && *kind != query.kind) return false;
    if (query.amount_minor < amount_min_minor || query.amount_minor > amount_max_minor)
        return false;
    if (bins) {
        const auto bin = query.pan_digits.size() < bin_digits
                             ? std::nullopt
                             : bin_of(query.pan_digits.substr(0, bin_digits));
        if (!bin || *bin < bins->first || *bin > bins->second) return false;
    }
    const LocalTime time = china_time(query.at);
    const auto minute = static_cast<std::uint32_t>(time.hour * 60 + time.minute);
    if (minute_from < minute_to) return minute >= minute_from && minute < minute_to;
    return minute >= minute_from || minute < minute_to;
}

std::optional<std::size_t> SwitchPlan::pick(const RouteQuery& query,
                                            const std::function<bool(std::size_t)>& usable) const {
    if (routes_.empty()) {
        for (std::size_t i = 0; i < lines_.size(); ++i) {
            if (usable(i)) return i;
        }
        return std::nullopt;
    }
    const auto route =
        std::ranges::find_if(routes_, [&](const Route& row) { return row.fits(query); });
    if (route == routes_.end()) return std::nullopt;
    const auto line = std::ranges::find_if(route->lines, usable);
    if (line == route->lines.end()) return std::nullopt;
    return *line;
}

}  // namespace softpos::channel
