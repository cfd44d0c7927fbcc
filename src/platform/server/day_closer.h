// Ends business days by itself, so that no scheduler has to: at a time of the China day each
// terminal's open batch is reported to the network; once the date is over it is reported once more,
// for what was sold behind it; and when the files of the network and of the wallets lie in the
// inbox the day is compared and, where it is proved with all of them, paid out into a file for the
// bank.
//
//     FOLDER/inbox/ACOMN-20261122     put there by whoever fetches it, whole (by renaming)
//     FOLDER/inbox/alipay-20261122    a wallet's bill, where that wallet's money moved; also wechat
//                                     and unionpay
//     FOLDER/outbox/payout-20261122   for the bank; written once the day is proved
//
// How far each day is stands in the store; every step may be repeated, so that a crash anywhere
// loses and doubles nothing, and days that passed while the service was down are caught up.
#pragma once

#include "base/clock.h"
#include "net/timer.h"
#include "platform/pay/business_date.h"
#include "platform/server/settlement_jobs.h"
#include "platform/store/store.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::server {

class DayCloser {
public:
    struct Parts {
        store::Store& store;
        SettlementJobs& jobs;
        net::Timers& timers;
        const Clock& clock;
        std::string folder;              // With inbox and outbox in it.
        std::uint32_t close_minute = 0;  // Of the China day.
        std::uint32_t round_ms = 15'000;
    };
    explicit DayCloser(Parts parts) : parts_(std::move(parts)) {}

    // Makes the folders, and remembers the first day that is its to close.
    Result<void> load();
    void start_rounds();
    void look();  // One round; called by the rounds.

    // Days that are not paid out yet, and what each waits for: "network", "file",
    // "exceptions: 3", "alipay: no bill".
    struct Waiting {
        pay::BusinessDate date;
        std::string step;  // "open", "settled", "over", or "empty" where nothing was sold.
        std::string waits_for;
    };
    std::vector<Waiting> waiting() const;

private:
    // What a round did for a day, and what is in the way of more.
    struct Progress {
        std::string step;
        std::string waits_for;
    };
    Result<Progress> advance(pay::BusinessDate date, pay::BusinessDate today, Progress at);
    Result<Progress> settle(pay::BusinessDate date, std::string_view next);
    Result<Progress> finish(pay::BusinessDate date, pay::BusinessDate today, Progress at);
    // Empty once it is proved, or what is in the way.
    Result<std::string> prove(const store::CounterpartyDay& day);
    Result<std::string> take_in(const store::CounterpartyDay& day, const std::string& path);
    std::string inbox_file(const store::CounterpartyDay& day) const;
    Result<void> pay(pay::BusinessDate date);
    Result<std::string> step_of(pay::BusinessDate date);
    Result<void> remember(pay::BusinessDate date, std::string_view step);

    Parts parts_;
    std::mutex round_;          // One round at a time.
    mutable std::mutex mutex_;  // Guards what follows.
    std::vector<Waiting> waiting_;
    // Of files that did not prove their day: looked at again when they were changed.
    std::map<std::string, std::pair<std::int64_t, std::string>> tried_;
};

// "2310"; nullopt where it is no time.
std::optional<std::uint32_t> close_minute(std::string_view hhmm);

}  // namespace softpos::server
