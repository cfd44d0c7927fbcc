// What the operator says about the lines to the card network: a small table of rows, and the rule
// that picks the lines for one payment out of it.
//
//     switch 1
//     # name   address
//     line a   10.0.0.1:9100
//     line b   10.0.1.1:9100  short
//     line c   10.0.2.1:9101  tls acq.example ca.pem own.pem own.key
//     # short: a connection for each exchange. tls: the name and the authority in the network's
//     # certificate, then, where the network asks for it, our own. Both may stand: short tls …
//     echo 60000 10000 3       quiet for so many ms, ms for an answer, misses in a row
//     keys_hours 24            working keys are renewed after so long
//     # from the top: the first row that fits decides
//     #       cards          channel kind  amount    time       lines, first that is up
//     route   620000-629999  tap     *     0-100000  0000-2400  a,b
//     route   *              *       *     *         *          b,a
//
// Without a route row every line serves, in the order of the rows.
#pragma once

#include "base/clock.h"
#include "base/result.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::channel {

// Contents once SwitchPlan::read_files has run, names of files before.
struct LineTls {
    std::string server_name;
    std::string ca;
    std::string certificate;  // Empty for none.
    std::string key;
};

struct Line {
    std::string name;
    std::string host;
    std::uint16_t port = 0;
    bool per_exchange = false;  // Else one connection that stays.
    std::optional<LineTls> tls = std::nullopt;
};

// A card at the phone, or one out of the store: voids, refunds, reversals.
enum class EntryChannel : std::uint8_t { tap, stored };               // "tap", "stored"
enum class RouteKind : std::uint8_t { purchase, void_sale, refund };  // "purchase", …

// What is known when a message is about to leave.
struct RouteQuery {
    std::string_view pan_digits{};  // At least the first six.
    EntryChannel channel = EntryChannel::tap;
    RouteKind kind = RouteKind::purchase;
    std::int64_t amount_minor = 0;
    Instant at{};
};

struct Route {
    std::optional<std::pair<std::uint32_t, std::uint32_t>> bins;  // First six digits, both inside.
    std::optional<EntryChannel> channel;
    std::optional<RouteKind> kind;
    std::int64_t amount_min_minor = 0;
    std::int64_t amount_max_minor = INT64_MAX;
    std::uint32_t minute_from = 0;      // Of the day in China; the first is inside,
    std::uint32_t minute_to = 24 * 60;  // the last is not. from > to goes over midnight.
    std::vector<std::size_t> lines;     // Indexes, in the order in which they are tried.

    bool fits(const RouteQuery& query) const;
};

class SwitchPlan {
public:
    static constexpr std::size_t text_bytes_max = 64 * 1024;
    static constexpr std::size_t lines_max = 8;
    static constexpr std::size_t routes_max = 256;

    // malformed with the line number in Error.detail.
    static Result<SwitchPlan> parse(std::string_view text);
    // One plain line that stays, and every default.
    static SwitchPlan of_one_line(std::string host, std::uint16_t port);

    // Replaces the files that lines name by what is in them.
    Result<void> read_files(const std::function<Result<std::string>(const std::string&)>& read);

    const std::vector<Line>& lines() const { return lines_; }

    // The first line of the first fitting route that is usable. nullopt where no route fits or none
    // of its lines is: another route's lines are not taken, since the row says where it may go.
    std::optional<std::size_t> pick(const RouteQuery& query,
                                    const std::function<bool(std::size_t)>& usable) const;

    std::uint32_t echo_idle_ms = 60'000;
    std::uint32_t echo_answer_ms = 10'000;
    std::uint32_t echo_misses_max = 3;
    std::int64_t keys_ms = 24LL * 60 * 60 * 1000;

private:
    friend class SwitchPlanParser;
    std::vector<Line> lines_;
    std::vector<Route> routes_;
};

// "2330" as minutes of the day; nullopt where it is no time. 2400 only where `end` is.
std::optional<std::uint32_t> minute_of_day(std::string_view hhmm, bool end = false);

}  // namespace softpos::channel
