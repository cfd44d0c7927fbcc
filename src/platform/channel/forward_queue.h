// Store and forward: which of the messages that must get through goes next. Those of one terminal
// leave one after the other, the oldest first; those of different terminals do not wait for each
// other. The messages themselves are durable elsewhere: after a restart the queue is filled again.
//
//     queue.add(terminal, stamp, id);
//     while (auto next = queue.next(terminal)) … send, and when it is answered or given up for now:
//     queue.done(terminal, id)   finished for good: the next one may go
//     queue.later(terminal, id)  not answered: it stays the first in line
#pragma once

#include "base/ids.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace softpos::channel {

class ForwardQueue {
public:
    // `stamp` orders: batch and trace, or any other number that grows. Adding what is there already
    // changes nothing.
    void add(const std::string& terminal, std::uint64_t stamp, const Id128& id);

    // The first of the terminal's line, which is then on its way; nullopt while one is, or where
    // none waits.
    std::optional<Id128> next(const std::string& terminal);

    // False where it is not the one on its way or waiting.
    bool done(const std::string& terminal, const Id128& id);
    bool later(const std::string& terminal, const Id128& id);

    // Whether the terminal may send it now: it is the first in line.
    bool is_first(const std::string& terminal, const Id128& id) const;

    std::size_t size() const { return size_; }

private:
    struct Lane {
        std::map<std::pair<std::uint64_t, Id128>, bool> waiting;  // True: on its way.
        bool busy = false;
    };
    std::map<std::string, Lane, std::less<>> lanes_;
    std::size_t size_ = 0;
};

}  // namespace softpos::channel
