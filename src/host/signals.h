// SIGTERM and SIGINT as something that can be waited for.
#pragma once

#include "base/result.h"
#include "host/descriptor.h"

namespace softpos::host {

// Make it first thing in main(), before any thread: the two signals are blocked from then on, and
// become readable on fd(). SIGPIPE is ignored.
//
//     auto stop = TRY(StopSignal::make());
//     TRY_VOID(stop.wait());
class StopSignal {
public:
    static Result<StopSignal> make();

    int fd() const { return fd_.get(); }
    Result<void> wait();                         // Until one comes.
    Result<bool> wait_for(unsigned timeout_ms);  // True where one came.

private:
    explicit StopSignal(Descriptor fd) : fd_(std::move(fd)) {}
    Descriptor fd_;
};

}  // namespace softpos::host
