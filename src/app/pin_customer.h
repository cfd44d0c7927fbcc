// A customer at the trusted core's own screen: reads the pad, finds each digit of the PIN on it and
// presses its place, as a person would. The screen is a pseudo-terminal, whose other end the core
// has.
#pragma once

#include "base/result.h"
#include "host/descriptor.h"

#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace softpos::app {

class PinCustomer {
public:
    static Result<std::unique_ptr<PinCustomer>> make();
    ~PinCustomer();
    PinCustomer(const PinCustomer&) = delete;
    PinCustomer& operator=(const PinCustomer&) = delete;

    const std::string& screen_path() const { return path_; }  // For softpos-trusted --pin-screen.

    // What is typed when the next pad is shown. `before` runs first, on the customer's thread.
    void will_type(std::string pin, std::function<void()> before = {});
    std::string last_screen() const;  // As shown, without control sequences.

private:
    PinCustomer() = default;
    void run();
    void look();

    host::Descriptor master_, slave_;
    std::string path_;
    mutable std::mutex mutex_;
    std::string pin_, seen_, shown_;
    std::function<void()> before_;
    std::jthread thread_;
};

}  // namespace softpos::app
