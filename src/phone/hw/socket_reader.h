// A reader that is another process behind a unix socket: a phone maker's bridge to its NFC stack,
// or a virtual card.
#pragma once

#include "phone/hw/card_reader.h"
#include "phone/hw/frame_socket.h"

#include <memory>
#include <string>

namespace softpos::hw {

// The bridge listens; each connection is one look for a card. We send power_on and get_atr; the
// bridge answers get_atr when a card is in its field, at once or later, and closes when the card
// leaves. In between each frame with a command is answered by one with the response. power_off and
// the end of the connection turn the field off. Frames: frame_socket.h.
class SocketReader final : public CardReader {
public:
    // The socket need not be there yet; that is found out by wait_for_card.
    static Result<std::unique_ptr<SocketReader>> open(const std::string& path);
    ~SocketReader() override;

    std::string_view name() const override { return path_; }
    Result<void> wait_for_card(unsigned timeout_ms) override;
    Result<Buffer> transmit(Bytes capdu, unsigned timeout_ms) override;
    void release() override;
    void cancel() override { wake_.raise(); }
    std::optional<std::int64_t> last_exchange_us() const override { return last_exchange_us_; }

private:
    SocketReader(std::string path, Wake wake) : path_(std::move(path)), wake_(std::move(wake)) {}
    void drop_card();
    Result<void> look_for_card(std::int64_t timeout_ms);
    Result<void> await_atr(std::int64_t timeout_ms);

    std::string path_;
    Wake wake_;
    std::optional<FrameSocket> card_;  // Set while a card is activated.
    std::optional<std::int64_t> last_exchange_us_;
};

}  // namespace softpos::hw
