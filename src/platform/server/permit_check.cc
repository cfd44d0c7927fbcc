// All of a permit is compared before any is spent.
#include "platform/server/permit_check.h"

#include "platform/monitor/appraise.h"

namespace softpos::server {
namespace {

using protocol::PermitPurpose;

struct PermitUse {
    const Id128& id;
    PermitPurpose purpose;
    Id128 parent;
};

Result<bool> fits(store::Reader& reader, const PaymentOrder& order, const PermitUse& use) {
    const auto permit = TRY(reader.permit(use.id));
    if (!permit) return false;
    const auto needed = protocol::bit_of(monitor::capability_of(use.purpose));
    return permit->terminal == order.terminal.number &&
           permit->purpose == static_cast<std::uint8_t>(use.purpose) &&
           permit->parent == use.parent && (permit->allowed & needed) != 0 &&
           permit->currency == static_cast<std::uint16_t>(Currency::cny) &&
           order.amount_minor <= permit->amount_minor_max && permit->payment == Id128{};
}

}  // namespace

Result<Refusal> check_device(store::Reader& reader, const PaymentOrder& order) {
    const auto device = TRY(reader.device(order.terminal.number));
    const auto state = device ? monitor::device_state(device->state) : std::nullopt;
    if (!state) return Refusal::device_not_trusted;
    switch (*state) {
        case monitor::DeviceState::active:
        case monitor::DeviceState::degraded:
        case monitor::DeviceState::review:
            return Refusal::none;
        case monitor::DeviceState::enrolled:  // No permit yet: it can give back, and not take.
            return order.kind == pay::PaymentKind::purchase ? Refusal::device_not_trusted
                                                            : Refusal::none;
        case monitor::DeviceState::new_device:
        case monitor::DeviceState::suspended:
        case monitor::DeviceState::retired:
            break;
    }
    return Refusal::device_not_trusted;
}

Result<Refusal> spend_permits(store::Tx& tx, const PaymentOrder& order, const Id128& payment,
                              Instant now) {
    if (!TRY(fits(tx, order, {order.permit, PermitPurpose::tap, {}}))) {
        return Refusal::permit_invalid;
    }
    const Id128& last = order.pin ? order.pin->permit : order.permit;
    if (order.pin && !TRY(fits(tx, order, {last, PermitPurpose::pin, order.permit}))) {
        return Refusal::permit_invalid;
    }
    const auto newest = TRY(tx.permit(last));
    if (!newest || now.unix_ms > newest->expires_at.unix_ms + permit_late_ms_max) {
        return Refusal::permit_invalid;
    }
    const bool spent = TRY(tx.spend(order.permit, payment)) &&
                       (!order.pin || TRY(tx.spend(order.pin->permit, payment)));
    if (!spent) return fail(ErrorKind::internal, "a permit that fitted could not be spent");
    return Refusal::none;
}

}  // namespace softpos::server
