// The words for the customer's eyes, and the list of events.
#include "phone/device/ui_events.h"

#include <boost/json.hpp>

#include <algorithm>

namespace softpos::device {
namespace {

namespace json = boost::json;

struct MessageRow {
    std::uint8_t message;
    UiWords words;
};

constexpr MessageRow message_rows[] = {
    {0x03, {"approved", "Approved", "交易成功"}},
    {0x07, {"not_authorised", "Not authorised", "交易被拒绝"}},
    {0x09, {"enter_pin", "Please enter your PIN", "请输入密码"}},
    {0x0F, {"processing_error", "Processing error", "处理出错"}},
    {0x10, {"remove_card", "Please remove card", "请移开卡片"}},
    {0x14, {"welcome", "Welcome", "欢迎"}},
    {0x15, {"present_card", "Please present card", "请挥卡"}},
    {0x16, {"processing", "Processing", "处理中"}},
    {0x17, {"card_read_ok", "Card read OK, please remove card", "读卡成功，请移开卡片"}},
    {0x18, {"insert_or_swipe", "Please insert or swipe card", "请插卡或刷卡"}},
    {0x19, {"one_card_only", "Please present one card only", "请只出示一张卡"}},
    {0x1A, {"approved_sign", "Approved, please sign", "交易成功，请签名"}},
    {0x1B, {"authorising", "Authorising, please wait", "正在联机，请稍候"}},
    {0x1C, {"try_another_card", "Insert, swipe or try another card", "请插卡、刷卡或换卡"}},
    {0x1D, {"insert_card", "Please insert card", "请插卡"}},
    {0x1E, {"clear_display", "", ""}},
    {0x20, {"see_phone", "See phone for instructions", "请查看手机"}},
    {0x21, {"present_card_again", "Present card again", "请再次挥卡"}},
};

}  // namespace

UiWords words_of_message(std::uint8_t message) {
    const auto row = std::ranges::find(message_rows, message, &MessageRow::message);
    return row == std::end(message_rows) ? UiWords{"unknown", "", ""} : row->words;
}

std::string events_json(const std::vector<UiEvent>& events, std::uint64_t last) {
    json::array list;
    for (const UiEvent& event : events) {
        const UiWords words = words_of_message(event.message);
        list.push_back(json::object{{"number", event.number},
                                    {"at", china_time(event.at).iso()},
                                    {"message", words.name},
                                    {"message_en", words.en},
                                    {"message_zh", words.zh},
                                    {"hold_ms", event.hold_ms},
                                    {"idempotency_key", event.idempotency_key}});
    }
    return json::serialize(json::object{{"events", std::move(list)}, {"last", last}});
}

void EventFeed::publish(UiEvent event) {
    std::map<std::uint64_t, Wake> woken;
    {
        const std::lock_guard lock(mutex_);
        event.number = next_++;
        events_.push_back(std::move(event));
        if (events_.size() > kept_max) events_.pop_front();
        woken.swap(waiting_);
    }
    for (const auto& [id, wake] : woken) wake();
}

std::vector<UiEvent> EventFeed::after(std::uint64_t number) const {
    const std::lock_guard lock(mutex_);
    std::vector<UiEvent> found;
    for (const UiEvent& event : events_) {
        if (event.number > number) found.push_back(event);
    }
    return found;
}

std::uint64_t EventFeed::last() const {
    const std::lock_guard lock(mutex_);
    return next_ - 1;
}

std::uint64_t EventFeed::wait_behind(std::uint64_t number, Wake wake) {
    {
        const std::lock_guard lock(mutex_);
        if (next_ - 1 <= number && waiting_.size() < waiting_max) {
            const std::uint64_t id = next_wait_++;
            waiting_.emplace(id, std::move(wake));
            return id;
        }
    }
    wake();
    return 0;
}

void EventFeed::forget(std::uint64_t wait) {
    const std::lock_guard lock(mutex_);
    waiting_.erase(wait);
}

}  // namespace softpos::device
