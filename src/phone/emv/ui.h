// What the reader shows to people: message and status numbers as the EMV books give them. Their
// names, and the words that a customer reads, are made from the number by the phone's services.
//
// Spec: [EMV-A] 7.1, 9.
#pragma once

#include <array>
#include <cstdint>

namespace softpos::emv {

enum class Message : std::uint8_t {
    none = 0x00,
    approved = 0x03,
    not_authorised = 0x07,
    enter_pin = 0x09,
    processing_error = 0x0F,
    remove_card = 0x10,
    welcome = 0x14,
    present_card = 0x15,
    processing = 0x16,
    card_read_ok = 0x17,
    insert_or_swipe = 0x18,
    one_card_only = 0x19,
    approved_sign = 0x1A,
    authorising = 0x1B,
    try_another_card = 0x1C,
    insert_card = 0x1D,
    clear_display = 0x1E,
    see_phone = 0x20,
    present_card_again = 0x21,
};

enum class Status : std::uint8_t {
    none = 0,
    not_ready = 1,
    idle = 2,
    ready_to_read = 3,
    processing = 4,
    card_read_successfully = 5,
    processing_error = 6,
};

// Holds 100 ms units, as the outcome coding of the kernels does. Language: two ASCII letters, or
// zeros for the merchant's own. The value is n12 minor units, shown where a qualifier says what it
// is (1 amount, 2 balance).
struct UiRequest {
    Message message = Message::none;
    Status status = Status::none;
    std::uint16_t hold_100ms = 0;
    std::array<char, 2> language{};
    std::uint8_t value_qualifier = 0;
    std::int64_t value_minor = 0;
    std::uint16_t currency = 0;

    friend bool operator==(const UiRequest&, const UiRequest&) = default;
};

}  // namespace softpos::emv
