// The tap: under a permit, with keys that are reserved before the card is asked for a cryptogram.
#include "base/check.h"
#include "phone/trust/card_sealing.h"
#include "phone/trust/core_parts.h"
#include "phone/trust/serial_cipher.h"
#include "phone/trust/tap_outcome.h"

namespace softpos::trust {
namespace {

using protocol::Capability;
using protocol::PermitPurpose;
using protocol::TrustedAnswer;
using protocol::TrustedFailure;
using protocol::TrustedFault;

constexpr std::int64_t us_of_second = 1'000'000;

// Six digits, checked when they were decoded, as three bytes of BCD.
std::array<std::uint8_t, 3> bcd3(std::string_view digits) {
    std::array<std::uint8_t, 3> out{};
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int high = digits[2 * i] - '0';
        const int low = digits[2 * i + 1] - '0';
        out[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return out;
}

emv::TransactionData transaction_of(const protocol::TapBeginRequest& request) {
    emv::TransactionData transaction;
    transaction.amount_minor = request.amount_minor;
    transaction.currency = request.currency;
    transaction.type = request.transaction_type;
    transaction.date = bcd3(request.date);
    transaction.time = bcd3(request.time);
    transaction.trace = request.trace;
    return transaction;
}

}  // namespace

TrustedAnswer TrustedCore::on(const protocol::TapBeginRequest& request) {
    tap_.reset();
    awaited_pin_.reset();
    if (const auto fault = not_ready()) return TrustedFailure{*fault, 0};
    const auto permit = use_permit(request.permit, {.terminal_id = terminal_->state.terminal_id,
                                                    .purpose = PermitPurpose::tap,
                                                    .amount_minor = request.amount_minor,
                                                    .currency = request.currency,
                                                    .needs = Capability::card_no_pin,
                                                    .now = platform_.ticks()});
    if (!permit) return TrustedFailure{TrustedFault::permit_refused, 0};
    Terminal::Working& working = *terminal_->working;
    if (working.card_keys.needs_block()) {
        if (const auto saved = save(*terminal_); !saved) {
            return TrustedFailure{fault_of(saved.error()), 0};
        }
    }
    emv::TransactionData transaction = transaction_of(request);
    platform_.random().fill(transaction.unpredictable_number);
    const bool pin = (permit->allowed & protocol::bit_of(Capability::card_pin)) != 0;
    transaction.online_pin_off = !pin || !can_take_pin();
    tap_ = std::make_unique<RunningTap>(working.parameters, transaction);
    tap_->permit = permit->id;
    tap_->begun_at = platform_.ticks();
    return tell(tap_->tap.start({transaction, emv::CardFinding::by_caller}));
}

TrustedAnswer TrustedCore::on(const protocol::TapContinueRequest& request) {
    if (!tap_) return TrustedFailure{TrustedFault::no_tap, 0};
    if (platform_.ticks().us - tap_->begun_at.us > tap_seconds_max * us_of_second) {
        let_go(PermitFlaw::late);
        return TrustedFailure{TrustedFault::permit_refused, 0};
    }
    if (const auto* rapdu = std::get_if<Buffer>(&request.result)) {
        return tell(tap_->tap.handle(emv::Event::rapdu(*rapdu)));
    }
    switch (*std::get_if<protocol::TapRfError>(&request.result)) {
        case protocol::TapRfError::timeout:
            return tell(tap_->tap.handle(emv::Event::rf(emv::RfError::timeout)));
        case protocol::TapRfError::protocol:
            return tell(tap_->tap.handle(emv::Event::rf(emv::RfError::protocol)));
        case protocol::TapRfError::transmission:
            break;
    }
    return tell(tap_->tap.handle(emv::Event::rf(emv::RfError::transmission)));
}

TrustedAnswer TrustedCore::on(const protocol::TapAbortRequest&) {
    tap_.reset();
    open_.reset();
    awaited_pin_.reset();
    return protocol::TapAbortAnswer{};
}

TrustedAnswer TrustedCore::tell(const emv::Step& step) {
    if (step.kind == emv::StepKind::done) {
        TrustedAnswer told = finish(step);
        tap_.reset();
        return told;
    }
    // The card is found by the caller, so there is nothing to wait for but the card's answers.
    if (step.kind != emv::StepKind::send) {
        tap_.reset();
        return TrustedFailure{TrustedFault::internal, 0};
    }
    protocol::TapStep told;
    if (step.ui) told.ui = tell_ui(*step.ui);
    told.next =
        protocol::SendApdu{Buffer(step.command.begin(), step.command.end()), step.timeout_ms};
    return told;
}

TrustedAnswer TrustedCore::finish(const emv::Step& step) {
    protocol::TapStep told;
    if (step.ui) told.ui = tell_ui(*step.ui);
    const PinAbility pin =
        tap_->transaction.online_pin_off ? PinAbility::none : PinAbility::possible;
    protocol::TapOutcome outcome = tell_outcome(step.outcome, pin);
    const emv::CardData& card = tap_->tap.state().card;
    outcome.masked_pan = masked_pan_of(card.track2.bytes());
    outcome.aid.assign(card.df_name.bytes().begin(), card.df_name.bytes().end());
    outcome.permit = tap_->permit;
    if (outcome.kind == protocol::TapOutcomeKind::online_request) {
        // What came up while the card was read: nothing of it leaves.
        if (hard_finding()) {
            let_go(PermitFlaw::finding);
            return TrustedFailure{TrustedFault::permit_refused, 0};
        }
        const std::optional<emv::CardRecord> record = tap_->tap.take_record();
        auto sealed = record ? seal(*record)
                             : Result<protocol::SealedCard>(
                                   fail(ErrorKind::internal, "trust: online without card data"));
        if (!sealed) return TrustedFailure{TrustedFault::internal, 0};
        outcome.card = std::move(*sealed);
        if (outcome.cvm == protocol::TapCvm::online_pin) {
            auto pan = record->pan();
            if (!pan) return TrustedFailure{TrustedFault::internal, 0};
            awaited_pin_ =
                std::make_unique<AwaitedPin>(std::move(*pan), tap_->transaction, tap_->permit);
        }
    }
    told.next = std::move(outcome);
    return told;
}

Result<protocol::SealedCard> TrustedCore::seal(const emv::CardRecord& record) {
    const CoreState& state = terminal_->state;
    SerialCipher cipher{};
    const bool has_cipher = !state.serial_key.empty();
    if (has_cipher) {
        cipher = TRY(serial_cipher(state.serial_key.bytes(), state.serial_number, record.track2()));
    }
    auto step = TRY(terminal_->working->card_keys.next());
    return seal_card({.track2 = record.track2(),
                      .pan_sequence = record.pan_sequence(),
                      .expiry = record.expiry_date(),
                      .field55 = record.field55(),
                      .serial_cipher = has_cipher ? Bytes(cipher) : Bytes()},
                     {.terminal_id = state.terminal_id,
                      .amount_minor = tap_->transaction.amount_minor,
                      .currency = tap_->transaction.currency,
                      .permit = tap_->permit},
                     std::move(step));
}

}  // namespace softpos::trust
