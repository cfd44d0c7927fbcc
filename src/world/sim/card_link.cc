// Control frames to the card's power, everything else to its application.
#include "world/sim/card_link.h"

#include "phone/hw/card_reader.h"

#include <optional>

namespace softpos::sim {
namespace {

using hw::FrameEnd;
using hw::FrameSocket;
using hw::SlotControl;

constexpr std::int64_t send_timeout_ms = 5000;  // For a reader that has stopped to read.
constexpr hw::FrameLimits command_limits{.frame_bytes_max = hw::capdu_bytes_max, .timeout_ms = -1};

struct Link {
    FrameSocket& reader;
    card::VirtualCard& card;
    Presence presence;
    const hw::Wake& wake;
    bool used = false;  // A command has come since the card was presented.
};

CardEnd end_of(FrameEnd end, const Link& link) {
    if (end == FrameEnd::woken) return CardEnd::removed;
    const bool done = link.used && link.presence == Presence::one_tap && end == FrameEnd::closed;
    return done ? CardEnd::tap_done : CardEnd::reader_gone;
}

std::optional<CardEnd> control(Link& link, std::uint8_t order) {
    switch (static_cast<SlotControl>(order)) {
        case SlotControl::power_off:
            link.card.power_off();
            if (link.used && link.presence == Presence::one_tap) return CardEnd::tap_done;
            return std::nullopt;
        case SlotControl::power_on:
        case SlotControl::reset:
            link.card.reset();
            return std::nullopt;
        case SlotControl::get_atr:
            if (link.reader.send(card::VirtualCard::atr(), send_timeout_ms)) return std::nullopt;
            return CardEnd::reader_gone;
    }
    return CardEnd::reader_gone;
}

std::optional<CardEnd> command(Link& link, Bytes capdu) {
    link.used = true;
    const card::CardAnswer answer = link.card.exchange(capdu);
    if (answer.left_field) return CardEnd::left_field;
    if (answer.delay_ms > 0) {
        const FrameEnd end = link.reader.rest(answer.delay_ms, link.wake);
        if (end != FrameEnd::timeout) return end_of(end, link);
    }
    const auto sent = link.reader.send(answer.rapdu, send_timeout_ms);
    return sent ? std::nullopt : std::optional(end_of(sent.error(), link));
}

}  // namespace

CardEnd serve_card(FrameSocket& reader, card::VirtualCard& card, Presence presence,
                   const hw::Wake& wake) {
    Link link{.reader = reader, .card = card, .presence = presence, .wake = wake};
    for (;;) {
        const auto frame = reader.receive(command_limits, &wake);
        if (!frame) return end_of(frame.error(), link);
        const auto end = frame->size() == 1 ? control(link, frame->front()) : command(link, *frame);
        if (end) return *end;
    }
}

}  // namespace softpos::sim
