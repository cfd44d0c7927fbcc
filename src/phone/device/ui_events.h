// What the app is to show while a payment runs, in order, kept for a while so that an app that was
// slow or restarted misses nothing of the present payment.
#pragma once

#include "base/clock.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::device {

// Message numbers as the EMV contactless books give them; the trusted core sends such.
// Spec: [EMV-A] 9.
namespace ui_message {
constexpr std::uint8_t approved = 0x03;
constexpr std::uint8_t not_authorised = 0x07;
constexpr std::uint8_t enter_pin = 0x09;
constexpr std::uint8_t processing_error = 0x0F;
constexpr std::uint8_t present_card = 0x15;
constexpr std::uint8_t authorising = 0x1B;
constexpr std::uint8_t clear_display = 0x1E;
constexpr std::uint8_t present_card_again = 0x21;
}  // namespace ui_message

struct UiWords {
    std::string_view name;  // Stable, for programs: "present_card".
    std::string_view en;
    std::string_view zh;
};
UiWords words_of_message(std::uint8_t message);  // "unknown" and no words for a new number.

struct UiEvent {
    std::uint64_t number = 0;  // 1, 2, 3, … since the program started.
    Instant at;
    std::uint8_t message = 0;
    std::uint32_t hold_ms = 0;    // Leave it on the screen at least that long.
    std::string idempotency_key;  // Of the payment it belongs to.
};
std::string events_json(const std::vector<UiEvent>& events, std::uint64_t last);

// Any thread may call.
class EventFeed {
public:
    static constexpr std::size_t kept_max = 256;
    static constexpr std::size_t waiting_max = 16;
    using Wake = std::function<void()>;

    void publish(UiEvent event);  // Its number is given here.
    std::vector<UiEvent> after(std::uint64_t number) const;
    std::uint64_t last() const;

    // Calls `wake` once when something behind `number` is there, at once where it already is; on
    // the publishing thread, without a lock. 0 where nothing is left to wait for or too many wait.
    std::uint64_t wait_behind(std::uint64_t number, Wake wake);
    void forget(std::uint64_t wait);  // Its wake may still run once if it is under way.

private:
    mutable std::mutex mutex_;
    std::deque<UiEvent> events_;
    std::uint64_t next_ = 1;
    std::map<std::uint64_t, Wake> waiting_;
    std::uint64_t next_wait_ = 1;
};

}  // namespace softpos::device
