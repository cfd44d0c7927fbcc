// The tables of messages and statuses.
#include "phone/emv/ui.h"

namespace softpos::emv {
namespace {

constexpr MessageRow messages[] = {
    {Message::none, "none", "", ""},
    {Message::approved, "approved", "Approved", "交易成功"},
    {Message::not_authorised, "not_authorised", "Not authorised", "交易被拒绝"},
    {Message::enter_pin, "enter_pin", "Please enter your PIN", "请输入密码"},
    {Message::processing_error, "processing_error", "Processing error", "处理出错"},
    {Message::remove_card, "remove_card", "Please remove card", "请移开卡片"},
    {Message::welcome, "welcome", "Welcome", "欢迎"},
    {Message::present_card, "present_card", "Please present card", "请挥卡"},
    {Message::processing, "processing", "Processing", "处理中"},
    {Message::card_read_ok, "card_read_ok", "Card read OK, please remove card",
     "读卡成功，请移开卡片"},
    {Message::insert_or_swipe, "insert_or_swipe", "Please insert or swipe card", "请插卡或刷卡"},
    {Message::one_card_only, "one_card_only", "Please present one card only", "请只出示一张卡"},
    {Message::approved_sign, "approved_sign", "Approved, please sign", "交易成功，请签名"},
    {Message::authorising, "authorising", "Authorising, please wait", "正在联机，请稍候"},
    {Message::try_another_card, "try_another_card", "Insert, swipe or try another card",
     "请插卡、刷卡或换卡"},
    {Message::insert_card, "insert_card", "Please insert card", "请插卡"},
    {Message::clear_display, "clear_display", "", ""},
    {Message::see_phone, "see_phone", "See phone for instructions", "请查看手机"},
    {Message::present_card_again, "present_card_again", "Present card again", "请再次挥卡"},
};

constexpr StatusRow statuses[] = {
    {Status::none, "none"},
    {Status::not_ready, "not_ready"},
    {Status::idle, "idle"},
    {Status::ready_to_read, "ready_to_read"},
    {Status::processing, "processing"},
    {Status::card_read_successfully, "card_read_successfully"},
    {Status::processing_error, "processing_error"},
};

}  // namespace

std::span<const MessageRow> message_table() {
    return messages;
}

std::span<const StatusRow> status_table() {
    return statuses;
}

std::string_view name_of(Message message) {
    for (const auto& row : messages) {
        if (row.message == message) return row.name;
    }
    return "unknown";
}

std::string_view name_of(Status status) {
    for (const auto& row : statuses) {
        if (row.status == status) return row.name;
    }
    return "unknown";
}

}  // namespace softpos::emv
