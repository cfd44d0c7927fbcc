// Joins the parts.
#include "phone/emv/tap.h"

#include "phone/emv/kernel7.h"
#include "phone/emv/track2.h"

namespace softpos::emv {

std::span<const KernelDescriptor> kernel_table() {
    static constexpr KernelDescriptor kernels[] = {kernel7_descriptor};
    return kernels;
}

CardRecord::CardRecord(const CardData& card)
    : track2_(card.track2.bytes()),
      pan_sequence_(card.pan_sequence.bytes()),
      expiry_(card.expiry.bytes()),
      field55_(card.record.bytes()),
      aid_(card.df_name) {}

std::optional<std::uint16_t> CardRecord::expiry_yymm() const {
    return track2_expiry_yymm(track2_.bytes());
}

Result<Pan> CardRecord::pan() const {
    return track2_pan(track2_.bytes());
}

Tap::Tap(const ParameterSet& parameters)
    : parameters_(parameters), entry_(parameters, kernel_table()) {}

Step Tap::start(const TapRequest& request) {
    const auto currency = parameters_.terminal_number(codec::Tag{0x5F2A});
    Event event = Event::start(request.transaction, StartPoint::a, request.finding);
    if (request.transaction.currency != currency) event.transaction = nullptr;
    return entry_.handle(event);
}

Step Tap::handle(const Event& event) {
    return entry_.handle(event);
}

std::optional<CardRecord> Tap::take_record() {
    const auto& state = entry_.state();
    const bool ready = state.phase == Phase::ended &&
                       state.outcome.kind == OutcomeKind::online_request &&
                       !state.card.record.empty();
    if (!ready) return std::nullopt;
    std::optional<CardRecord> record(state.card);
    entry_.forget_card();
    return record;
}

}  // namespace softpos::emv
