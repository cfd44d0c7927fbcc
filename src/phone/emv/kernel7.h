// Kernel 7, UnionPay QuickPass, the quick path of an online-only reader: SELECT has been done, GET
// PROCESSING OPTIONS brings the cryptogram, the issuer decides. One command, or two where the small
// amount policy asks the card for its currency first.
//
// What is taken: an ARQC. A TC is refused, because this reader always requires an online cryptogram
// and keeps no offline transactions; offline data authentication is not part of this path. The text
// of the specification is not public: rules come from what its readers published.
//
// Spec: [EMV-C7].
#pragma once

#include "phone/emv/kernel.h"

#include <array>
#include <cstdint>
#include <optional>

namespace softpos::emv {

enum class Kernel7Phase : std::uint8_t { idle, currency, options, ended };
constexpr std::size_t kernel7_phases = 4;

// How long "see phone" stays before the card is looked for again.
constexpr std::uint16_t see_phone_hold_100ms = 15;

enum class Kernel7Action : std::uint8_t { none, begin, read_currency, read_options, lost, refuse };

// The transition table; a test proves that it has no hole.
Kernel7Action kernel7_action(Kernel7Phase phase, KernelEvent::Kind event);

struct Kernel7State {
    Kernel7Phase phase = Kernel7Phase::idle;
    Ttq ttq{};                  // As it goes to the card.
    bool small_amount = false;  // 小额免密免签 holds for this tap.
};

KernelStep kernel7_step(const KernelContext& context, const KernelEvent& event);

constexpr KernelDescriptor kernel7_descriptor{kernel_unionpay, "UnionPay QuickPass", &kernel7_step};

// What the card decided, from the issuer application data: the length byte 07 counts as index 0.
enum class CardDecision : std::uint8_t { aac = 0, tc = 1, arqc = 2, reserved = 3 };
std::optional<CardDecision> card_decision(Bytes issuer_application_data);

// How the cardholder is verified. nullopt: it must be done and cannot be.
struct CvmDecision {
    Cvm cvm = Cvm::no_cvm;
    bool signature_too = false;
};
struct CvmInput {
    Ttq ttq{};
    std::optional<std::array<std::uint8_t, 2>> ctq;
    const CvmRule* rule = nullptr;
    bool overrule_pin = false;  // The small amount policy drops the card's wish for a PIN.
};
std::optional<CvmDecision> decide_cvm(const CvmInput& input);

// Tag 9F34.
std::array<std::uint8_t, 3> cvm_results(Cvm cvm);

}  // namespace softpos::emv
