// One HttpLoad with one connection for each phone, because each has its own certificate.
#include "world/sim/load_run.h"

#include <boost/json.hpp>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace softpos::sim {
namespace {

namespace json = boost::json;

constexpr std::int64_t amount_minor_first = 1'000;
constexpr std::uint32_t answer_timeout_ms = 30'000;

std::string result_in(const std::string& body) {
    boost::system::error_code error;
    const json::value parsed = json::parse(body, error);
    if (error || !parsed.is_object()) return {};
    const json::value* result = parsed.get_object().if_contains("result");
    return result != nullptr && result->is_string() ? std::string(result->get_string())
                                                    : std::string();
}

// One phone's queue of taps; the next goes out from the callback of the last.
class Lane {
public:
    Lane(std::unique_ptr<net::HttpLoad> load, std::vector<PreparedTap> taps,
         const std::atomic<bool>* stop, std::function<void()> done)
        : load_(std::move(load)), taps_(std::move(taps)), stop_(stop), done_(std::move(done)) {
        answers_.reserve(taps_.size());
    }

    void send_next() {
        const bool over = stop_ != nullptr && stop_->load();
        if (next_ == taps_.size() || over) return done_();
        PreparedTap& tap = taps_[next_++];
        load_->submit({.method = "POST",
                       .target = "/v1/phone/payments",
                       .body = std::move(tap.body),
                       .timeout_ms = answer_timeout_ms},
                      [this, &tap](unsigned status, const std::string& body, std::int64_t us) {
                          answers_.push_back({tap.key, tap.amount_minor, status,
                                              status == 200 ? result_in(body) : std::string(), us});
                          send_next();
                      });
    }
    std::vector<LoadAnswer> take() {
        load_.reset();  // Joins its thread: nothing is written any more.
        return std::move(answers_);
    }

private:
    std::unique_ptr<net::HttpLoad> load_;
    std::vector<PreparedTap> taps_;
    const std::atomic<bool>* stop_;
    std::function<void()> done_;
    std::vector<LoadAnswer> answers_;
    std::size_t next_ = 0;
};

}  // namespace

std::uint64_t LoadResult::count(std::string_view result) const {
    return static_cast<std::uint64_t>(std::ranges::count_if(
        answers, [&](const LoadAnswer& answer) { return answer.result == result; }));
}

std::int64_t LoadResult::percentile_us(unsigned percent) const {
    std::vector<std::int64_t> sorted;
    for (const LoadAnswer& answer : answers) {
        if (answer.status != 0) sorted.push_back(answer.latency_us);
    }
    if (sorted.empty()) return 0;
    std::ranges::sort(sorted);
    return sorted[std::min(sorted.size() - 1, sorted.size() * percent / 100)];
}

std::int64_t LoadResult::per_second() const {
    if (duration_us == 0) return 0;
    return static_cast<std::int64_t>(count("approved")) * 1'000'000 / duration_us;
}

std::int64_t PreparedTaps::permit_percentile_us(unsigned percent) const {
    if (permit_us.empty()) return 0;
    return permit_us[std::min(permit_us.size() - 1, permit_us.size() * percent / 100)];
}

std::int64_t PreparedTaps::permits_per_second() const {
    if (duration_us == 0) return 0;
    return static_cast<std::int64_t>(permit_us.size()) * 1'000'000 / duration_us;
}

namespace {

// What one phone prepares, on its thread.
struct PhoneWork {
    std::vector<PreparedTap> taps;
    std::vector<std::int64_t> permit_us;
    Result<void> done;
};

Result<void> prepare(FleetPhone& phone, std::size_t count, Random& random, const Clock& clock,
                     PhoneWork& work) {
    for (std::size_t i = 0; i < count; ++i) {
        PreparedTap tap;
        tap.key = Id128::make(random);
        // Whole yuan: the fen part of an amount may select a refusal in a sandbox.
        tap.amount_minor = amount_minor_first + static_cast<std::int64_t>(i % 50) * 100;
        const Ticks asked = clock.ticks();
        auto permit = TRY(phone.permit(tap.amount_minor));
        work.permit_us.push_back(clock.ticks().us - asked.us);
        tap.body = TRY(phone.tap_under(std::move(permit), tap.amount_minor, tap.key, clock.now()));
        work.taps.push_back(std::move(tap));
    }
    return {};
}

}  // namespace

Result<PreparedTaps> prepare_taps(Fleet& fleet, std::size_t taps_each, Random& random,
                                  const Clock& clock) {
    std::vector<PhoneWork> works(fleet.size());
    const Ticks start = clock.ticks();
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < fleet.size(); ++i) {
            threads.emplace_back(
                [&, i] { works[i].done = prepare(*fleet[i], taps_each, random, clock, works[i]); });
        }
    }
    PreparedTaps all;
    all.duration_us = clock.ticks().us - start.us;
    for (PhoneWork& work : works) {
        TRY_VOID(work.done);
        all.taps.push_back(std::move(work.taps));
        all.permit_us.insert(all.permit_us.end(), work.permit_us.begin(), work.permit_us.end());
    }
    std::ranges::sort(all.permit_us);
    return all;
}

Result<LoadResult> run_load(const Fleet& fleet, std::vector<std::vector<PreparedTap>> taps,
                            const Clock& clock, const std::atomic<bool>* stop) {
    std::mutex mutex;
    std::condition_variable finished;
    std::size_t running = fleet.size();
    const auto done = [&] {
        const std::lock_guard lock(mutex);
        --running;
        finished.notify_one();
    };
    std::vector<std::unique_ptr<Lane>> lanes;
    for (std::size_t i = 0; i < fleet.size(); ++i) {
        auto load = TRY(net::HttpLoad::make(fleet[i]->client_config(), 1));
        lanes.push_back(std::make_unique<Lane>(std::move(load), std::move(taps[i]), stop, done));
    }
    LoadResult result;
    const Ticks start = clock.ticks();
    for (const auto& lane : lanes) lane->send_next();
    {
        std::unique_lock lock(mutex);
        finished.wait(lock, [&] { return running == 0; });
    }
    result.duration_us = clock.ticks().us - start.us;
    for (const auto& lane : lanes) {
        auto answers = lane->take();
        result.answers.insert(result.answers.end(), answers.begin(), answers.end());
    }
    return result;
}

}  // namespace softpos::sim
