// The card's end of vpcd's connection.
#include "world/sim/vpcd_carrier.h"

namespace softpos::sim {

Result<std::unique_ptr<VpcdCarrier>> VpcdCarrier::make(VpcdOptions options) {
    hw::Wake wake = TRY(hw::Wake::make());
    return std::unique_ptr<VpcdCarrier>(new VpcdCarrier(std::move(options), std::move(wake)));
}

Result<CardEnd> VpcdCarrier::present(card::VirtualCard& card, Presence presence) {
    // vpcd sends a length and its payload apart: without quick acknowledgements each command takes
    // some 50 ms instead of less than one.
    hw::FrameSocket slot = TRY(hw::FrameSocket::connect_tcp(options_.address, options_.port,
                                                            options_.connect_timeout_ms,
                                                            hw::FrameSocket::Acknowledge::at_once));
    const CardEnd end = serve_card(slot, card, presence, wake_);
    card.power_off();
    if (end == CardEnd::removed) wake_.lower();
    return end;
}

}  // namespace softpos::sim
