// Two maps by key, one by deadline, and a queue that says what to forget first.
#include "platform/channel/answer_matcher.h"

#include "base/check.h"

#include <utility>

namespace softpos::channel {

Result<void> AnswerMatcher::add(const codec::IsoMessage& request, Id128 reference,
                                Instant deadline) {
    const AnswerKey key = TRY(answer_key(request));
    if (pending_.contains(key)) {
        return fail(ErrorKind::conflict, "matcher: same trace is on its way", 11);
    }
    if (pending_.size() >= limits_.pending_max) {
        return fail(ErrorKind::denied, "matcher: too many on their way");
    }
    remembered_.erase(key);
    deadlines_.emplace(deadline, key);
    pending_.emplace(key, PendingRequest{expect_answer_to(request), reference, deadline});
    return {};
}

Result<MatchedAnswer> AnswerMatcher::match(const codec::IsoMessage& answer) {
    const AnswerKey key = TRY(answer_key(answer));
    if (const auto found = pending_.find(key); found != pending_.end()) {
        PendingRequest request = found->second;
        forget(key);
        remember(key, Arrival::duplicate, request);
        return MatchedAnswer{Arrival::answer, std::move(request)};
    }
    const auto found = remembered_.find(key);
    if (found == remembered_.end()) return MatchedAnswer{};
    MatchedAnswer matched{found->second.next, found->second.request};
    found->second.next = Arrival::duplicate;
    return matched;
}

std::vector<PendingRequest> AnswerMatcher::expire(Instant now) {
    std::vector<PendingRequest> expired;
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        const AnswerKey key = deadlines_.begin()->second;
        const auto found = pending_.find(key);
        CHECK(found != pending_.end());
        expired.push_back(found->second);
        forget(key);
        remember(key, Arrival::late, expired.back());
    }
    return expired;
}

void AnswerMatcher::withdraw(const codec::IsoMessage& request) {
    if (const auto key = answer_key(request)) forget(*key);
}

std::optional<Instant> AnswerMatcher::next_deadline() const {
    if (deadlines_.empty()) return std::nullopt;
    return deadlines_.begin()->first;
}

void AnswerMatcher::forget(const AnswerKey& key) {
    const auto found = pending_.find(key);
    if (found == pending_.end()) return;
    auto [first, last] = deadlines_.equal_range(found->second.deadline);
    while (first != last && first->second != key) ++first;
    CHECK(first != last);
    deadlines_.erase(first);
    pending_.erase(found);
}

void AnswerMatcher::remember(const AnswerKey& key, Arrival next, PendingRequest request) {
    ++number_;
    remembered_.insert_or_assign(key, Remembered{next, std::move(request), number_});
    order_.emplace_back(number_, key);
    while (order_.size() > limits_.remembered_max) {
        const auto& [number, oldest] = order_.front();
        const auto found = remembered_.find(oldest);
        if (found != remembered_.end() && found->second.number == number) remembered_.erase(found);
        order_.pop_front();
    }
}

}  // namespace softpos::channel
