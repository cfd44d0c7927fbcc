// The two decisions of kernel 7 that are tables more than code: what the card said, and how the
// cardholder is verified.
#include "phone/emv/kernel7.h"

namespace softpos::emv {
namespace {

constexpr std::uint8_t ttq1_online_pin = 0x04;
constexpr std::uint8_t ttq1_signature = 0x02;
constexpr std::uint8_t ttq2_cvm_required = 0x40;
constexpr std::uint8_t ctq1_online_pin = 0x80;
constexpr std::uint8_t ctq1_signature = 0x40;
constexpr std::uint8_t ctq2_device_cvm = 0x80;

struct Wishes {
    bool pin = false;
    bool device = false;
    bool signature = false;
};

Wishes wishes_of(const CvmInput& input) {
    Wishes wishes;
    const bool required = (input.ttq[1] & ttq2_cvm_required) != 0;
    if (input.ctq) {
        wishes.pin = ((*input.ctq)[0] & ctq1_online_pin) != 0 && !input.overrule_pin;
        wishes.device = ((*input.ctq)[1] & ctq2_device_cvm) != 0;
        wishes.signature = ((*input.ctq)[0] & ctq1_signature) != 0;
    } else {
        wishes.signature = required;
    }
    if (input.rule == nullptr) return wishes;
    if (input.rule->pin == PinRule::always) wishes.pin = true;
    if (input.rule->pin == PinRule::never) wishes.pin = false;
    if (input.rule->signature == SignatureRule::never) wishes.signature = false;
    return wishes;
}

}  // namespace

std::optional<CardDecision> card_decision(Bytes issuer_application_data) {
    constexpr std::size_t size_min = 8;
    if (issuer_application_data.size() < size_min || issuer_application_data[0] != 0x07)
        return std::nullopt;
    return CardDecision{static_cast<std::uint8_t>(issuer_application_data[4] >> 4 & 0x03)};
}

// A PIN that the scheme's rule demands is not replaced by another method.
std::optional<CvmDecision> decide_cvm(const CvmInput& input) {
    const auto wishes = wishes_of(input);
    const bool can_pin = (input.ttq[0] & ttq1_online_pin) != 0;
    const bool can_sign = (input.ttq[0] & ttq1_signature) != 0;
    const bool required = (input.ttq[1] & ttq2_cvm_required) != 0;
    const bool demanded = input.rule != nullptr && input.rule->pin == PinRule::always;
    if (wishes.pin && can_pin) {
        const bool sign =
            input.rule != nullptr && can_sign && input.rule->signature == SignatureRule::with_pin;
        return CvmDecision{Cvm::online_pin, sign};
    }
    if (demanded) return std::nullopt;
    if (wishes.device) return CvmDecision{Cvm::confirmation_code, false};
    if (wishes.signature && can_sign) return CvmDecision{Cvm::signature, false};
    // The card that wanted a PIN and the reader that wanted proof are told so, not passed over.
    if (required) return std::nullopt;
    return CvmDecision{};
}

std::array<std::uint8_t, 3> cvm_results(Cvm cvm) {
    switch (cvm) {
        case Cvm::online_pin:
            return {0x02, 0x00, 0x00};
        case Cvm::signature:
            return {0x1E, 0x00, 0x00};
        case Cvm::confirmation_code:  // Verified on the device: nothing done by the terminal.
        case Cvm::no_cvm:
        case Cvm::not_applicable:
            break;
    }
    return {0x1F, 0x00, 0x00};
}

}  // namespace softpos::emv
