// The PIN: under a permit of its own, on the customer's own screen, in a block that only the
// platform's vault opens. Everything ends it that ends a tap.
#include "base/check.h"
#include "crypto/cipher.h"
#include "phone/trust/core_parts.h"

#include <algorithm>

namespace softpos::trust {
namespace {

using protocol::Capability;
using protocol::PermitPurpose;
using protocol::PinProgress;
using protocol::TrustedAnswer;
using protocol::TrustedFailure;
using protocol::TrustedFault;

PinProgress progress_of(PinEntry::State state) {
    switch (state) {
        case PinEntry::State::waiting:
            return PinProgress::waiting;
        case PinEntry::State::entered:
            return PinProgress::entered;
        case PinEntry::State::cancelled:
            return PinProgress::cancelled;
        case PinEntry::State::timed_out:
            break;
    }
    return PinProgress::timed_out;
}

}  // namespace

// A core with a screen could, before it is enrolled and after its keys are gone: it says so in its
// next enrolment. Else it needs a key for PINs too.
bool TrustedCore::can_take_pin() const {
    if (platform_.ui() == nullptr) return false;
    if (!terminal_ || !terminal_->working) return true;
    const auto& keys = terminal_->working->pin_keys;
    return keys && !keys->exhausted();
}

TrustedAnswer TrustedCore::on(const protocol::PinBeginRequest& request) {
    if (const auto fault = not_ready()) return TrustedFailure{*fault, 0};
    if (!can_take_pin() || !awaited_pin_) return TrustedFailure{TrustedFault::pin_unavailable, 0};
    const auto permit = use_permit(request.permit, {.terminal_id = terminal_->state.terminal_id,
                                                    .purpose = PermitPurpose::pin,
                                                    .amount_minor = awaited_pin_->amount_minor,
                                                    .currency = awaited_pin_->currency,
                                                    .needs = Capability::card_pin,
                                                    .now = platform_.ticks()});
    if (!permit) return TrustedFailure{TrustedFault::permit_refused, 0};
    if (terminal_->working->pin_keys->needs_block()) {
        if (const auto saved = save(*terminal_); !saved) {
            return TrustedFailure{fault_of(saved.error()), 0};
        }
    }
    // Presses from before are nobody's PIN.
    while (platform_.ui()->next_key()) {
    }
    PinScreen screen;
    screen.amount_minor = awaited_pin_->amount_minor;
    screen.currency = awaited_pin_->currency;
    screen.merchant_name = terminal_->state.merchant_name;
    awaited_pin_->entry.emplace(std::move(screen), platform_.random(), platform_.ticks());
    if (!platform_.ui()->show(awaited_pin_->entry->screen())) {
        awaited_pin_.reset();
        return TrustedFailure{TrustedFault::pin_unavailable, 0};
    }
    return tell_pin();
}

// What was pressed since the last time, in order.
TrustedAnswer TrustedCore::on(const protocol::PinPollRequest&) {
    if (!awaited_pin_ || !awaited_pin_->entry) {
        return TrustedFailure{TrustedFault::pin_unavailable, 0};
    }
    // What came up while the customer presses keys ends it, and the digits are gone.
    if (hard_finding()) {
        awaited_pin_->entry->cancel();
        (void)platform_.ui()->show(awaited_pin_->entry->screen());
        let_go(PermitFlaw::finding);
        return TrustedFailure{TrustedFault::permit_refused, 0};
    }
    PinEntry& entry = *awaited_pin_->entry;
    bool changed = entry.tick(platform_.ticks());
    while (entry.state() == PinEntry::State::waiting) {
        const auto key = platform_.ui()->next_key();
        if (!key) break;
        changed = entry.press(*key) || changed;
    }
    if (changed && !platform_.ui()->show(entry.screen())) entry.cancel();
    return tell_pin();
}

TrustedAnswer TrustedCore::on(const protocol::PinAbortRequest&) {
    if (awaited_pin_ && awaited_pin_->entry) {
        awaited_pin_->entry->cancel();
        (void)platform_.ui()->show(awaited_pin_->entry->screen());
    }
    awaited_pin_.reset();
    open_.reset();
    return protocol::PinAbortAnswer{};
}

TrustedAnswer TrustedCore::tell_pin() {
    const PinEntry::State state = awaited_pin_->entry->state();
    protocol::PinState told{progress_of(state), std::nullopt};
    if (state == PinEntry::State::waiting) return told;
    if (state == PinEntry::State::entered) {
        auto sealed = seal_pin();
        if (!sealed) {
            awaited_pin_.reset();
            return TrustedFailure{TrustedFault::internal, 0};
        }
        told.pin = *sealed;
    }
    awaited_pin_.reset();
    return told;
}

Result<protocol::SealedPin> TrustedCore::seal_pin() {
    const crypto::Pin pin = TRY(awaited_pin_->entry->take());
    const auto step = TRY(terminal_->working->pin_keys->next());
    const auto key = TRY(crypto::BlockKey::make(crypto::Cipher::aes, step.key.bytes()));
    const auto block = TRY(crypto::encrypt_pin(crypto::PinFormat::iso4, key, pin,
                                               &awaited_pin_->pan, platform_.random()));
    protocol::SealedPin sealed{step.ksn.bytes, {}};
    CHECK(block.bytes().size() == sealed.block.size());
    std::ranges::copy(block.bytes(), sealed.block.begin());
    return sealed;
}

}  // namespace softpos::trust
