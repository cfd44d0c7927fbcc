// The reader's end of the bridge protocol.
#include "phone/hw/socket_reader.h"

#include "base/clock.h"

#include <algorithm>

namespace softpos::hw {
namespace {

constexpr std::size_t atr_bytes_min = 2;
constexpr std::size_t atr_bytes_max = 33;          // Spec: [ISO7816-3] 8.2.1.
constexpr std::int64_t control_timeout_ms = 1000;  // For a bridge that does not read any more.

ReaderFault fault_in_exchange(FrameEnd end) {
    switch (end) {
        case FrameEnd::timeout:
            return ReaderFault::timeout;
        case FrameEnd::oversize:
            return ReaderFault::protocol;
        case FrameEnd::closed:
        case FrameEnd::woken:
            break;
    }
    return ReaderFault::card_removed;
}

}  // namespace

Result<std::unique_ptr<SocketReader>> SocketReader::open(const std::string& path) {
    return std::unique_ptr<SocketReader>(new SocketReader(path, TRY(Wake::make())));
}

SocketReader::~SocketReader() {
    drop_card();
}

Result<void> SocketReader::wait_for_card(unsigned timeout_ms) {
    drop_card();
    auto found = look_for_card(timeout_ms);
    if (!found) {
        card_.reset();
        // Taken by this wait, whatever ended it: the next one starts afresh.
        if (fault_of(found.error()) == ReaderFault::cancelled) wake_.lower();
    }
    return found;
}

Result<void> SocketReader::look_for_card(std::int64_t timeout_ms) {
    const std::int64_t end_us = SystemClock().ticks().us + timeout_ms * 1000;
    // A card that comes and goes while it is activated ends the connection: look again, until the
    // deadline. A bridge that only ever hangs up is not there.
    constexpr int hang_ups_max = 16;
    for (int hang_ups = 0; hang_ups < hang_ups_max; ++hang_ups) {
        auto connection = FrameSocket::connect_unix(path_);
        if (!connection) return reader_failure(ReaderFault::no_reader);
        card_.emplace(*std::move(connection));
        const std::int64_t left_ms = (end_us - SystemClock().ticks().us) / 1000;
        auto answered = await_atr(std::max<std::int64_t>(left_ms, 0));
        if (answered || fault_of(answered.error()) != ReaderFault::card_removed) return answered;
    }
    return reader_failure(ReaderFault::no_reader);
}

Result<void> SocketReader::await_atr(std::int64_t timeout_ms) {
    const bool asked = card_->send(SlotControl::power_on, control_timeout_ms).has_value() &&
                       card_->send(SlotControl::get_atr, control_timeout_ms).has_value();
    if (!asked) return reader_failure(ReaderFault::card_removed);
    const auto atr =
        card_->receive({.frame_bytes_max = atr_bytes_max, .timeout_ms = timeout_ms}, &wake_);
    if (atr && atr->size() >= atr_bytes_min) return {};
    if (atr) return reader_failure(ReaderFault::protocol);
    switch (atr.error()) {
        case FrameEnd::timeout:
            return reader_failure(ReaderFault::no_card);
        case FrameEnd::woken:
            return reader_failure(ReaderFault::cancelled);
        case FrameEnd::oversize:
            return reader_failure(ReaderFault::protocol);
        case FrameEnd::closed:
            break;
    }
    return reader_failure(ReaderFault::card_removed);
}

Result<Buffer> SocketReader::transmit(Bytes capdu, unsigned timeout_ms) {
    if (capdu.size() < capdu_bytes_min || capdu.size() > capdu_bytes_max) {
        return fail(ErrorKind::denied, "reader: command too short or too long");
    }
    if (!card_) return reader_failure(ReaderFault::no_card);

    const std::int64_t start_us = SystemClock().ticks().us;
    const auto sent = card_->send(capdu, timeout_ms);
    auto rapdu =
        sent ? card_->receive({.frame_bytes_max = rapdu_bytes_max, .timeout_ms = timeout_ms})
             : std::unexpected(sent.error());
    // A late answer would be taken for that of the next command: there is none on this connection.
    if (!rapdu || rapdu->size() < rapdu_bytes_min) {
        card_.reset();
        return reader_failure(rapdu ? ReaderFault::protocol : fault_in_exchange(rapdu.error()));
    }
    last_exchange_us_ = SystemClock().ticks().us - start_us;
    return *std::move(rapdu);
}

void SocketReader::release() {
    drop_card();
    wake_.lower();
}

void SocketReader::drop_card() {
    if (!card_) return;
    // The end of the connection says the same; a bridge that is gone need not be told.
    [[maybe_unused]] const auto sent = card_->send(SlotControl::power_off, 0);
    card_.reset();
}

}  // namespace softpos::hw
