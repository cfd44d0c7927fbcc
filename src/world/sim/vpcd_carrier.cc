// The card's end of vpcd's connection.
#include "world/sim/vpcd_carrier.h"

#include <algorithm>

namespace softpos::sim {

Result<std::unique_ptr<VpcdCarrier>> VpcdCarrier::make(VpcdOptions options) {
    hw::Wake wake = TRY(hw::Wake::make());
    return std::unique_ptr<VpcdCarrier>(new VpcdCarrier(std::move(options), std::move(wake)));
}

Result<CardEnd> VpcdCarrier::present(card::VirtualCard& card, Presence presence) {
    if (removed_while_empty()) return CardEnd::removed;
    // vpcd sends a length and its payload apart: without quick acknowledgements each command takes
    // some 50 ms instead of less than one.
    hw::FrameSocket slot = TRY(hw::FrameSocket::connect_tcp(options_.address, options_.port,
                                                            options_.connect_timeout_ms,
                                                            hw::FrameSocket::Acknowledge::at_once));
    const CardEnd end = serve_card(slot, card, presence, wake_);
    card.power_off();
    if (end == CardEnd::removed) wake_.lower();
    emptied_ = SystemClock().ticks();
    return end;
}

bool VpcdCarrier::removed_while_empty() {
    if (!emptied_) return false;
    const std::int64_t empty_ms = (SystemClock().ticks().us - emptied_->us) / 1000;
    if (!wake_.wait(std::max<std::int64_t>(options_.empty_ms_min - empty_ms, 0))) return false;
    wake_.lower();
    return true;
}

}  // namespace softpos::sim
