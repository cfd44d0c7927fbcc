// Time as a value. Logic takes an Instant; only shells hold a Clock, and only this module reads
// the system's.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace softpos {

// Milliseconds since 1970-01-01T00:00:00Z. For records and for what people read.
struct Instant {
    std::int64_t unix_ms = 0;
    friend auto operator<=>(const Instant&, const Instant&) = default;
};

// Microseconds since some start: for deadlines and durations, never set back.
struct Ticks {
    std::int64_t us = 0;
    friend auto operator<=>(const Ticks&, const Ticks&) = default;
};

// A calendar date and time of day in China Standard Time (UTC+8, no daylight saving), as terminals
// and networks write it.
struct LocalTime {
    int year, month, day, hour, minute, second;

    std::uint32_t yyyymmdd() const;
    std::string mmdd() const;    // "1122"
    std::string yymmdd() const;  // "261122"
    std::string hhmmss() const;  // "150405"
    std::string iso() const;     // "2026-11-22T15:04:05+08:00"
};
LocalTime china_time(Instant instant);

class Clock {
public:
    virtual ~Clock() = default;
    virtual Instant now() const = 0;
    virtual Ticks ticks() const = 0;
};

class SystemClock final : public Clock {
public:
    Instant now() const override;
    Ticks ticks() const override;
};

// A clock that stands still until told; for tests and simulation.
class ManualClock final : public Clock {
public:
    explicit ManualClock(Instant start) : now_(start) {}
    Instant now() const override { return now_; }
    Ticks ticks() const override { return Ticks{now_.unix_ms * 1000}; }
    void advance(std::chrono::milliseconds by) { now_.unix_ms += by.count(); }

private:
    Instant now_;
};

}  // namespace softpos
