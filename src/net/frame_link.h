// A connection to a peer that speaks in length-prefixed frames, such as a card network's front.
// A lasting one: connects, notices loss, connects again. Or one for each exchange: connects, sends
// a frame, takes a frame, closes. Both in the clear or under TLS.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "net/http_client.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace softpos::net {

enum class LinkKind : std::uint8_t { lasting, per_exchange };
enum class LinkState : std::uint8_t { connected, disconnected };

struct FrameLinkConfig {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;
    std::size_t frame_bytes_max = 4096;                      // Longer ones end the connection.
    std::size_t queue_bytes_max = std::size_t{1024} * 1024;  // Waiting to be written.
    std::uint32_t connect_ms = 5'000;                        // With the TLS handshake.
    std::uint32_t backoff_first_ms = 50;                     // Doubled for each failure in a row,
    std::uint32_t backoff_last_ms = 2'000;                   // up to this.
    std::uint32_t keep_alive_s = 30;  // TCP keep-alive probes of an idle connection.
    std::optional<ClientTls> tls = std::nullopt;
    LinkKind kind = LinkKind::lasting;
    // Per exchange: how long one may take, and how many there may be at a time.
    std::uint32_t exchange_ms = 90'000;
    std::size_t exchanges_max = 64;
};

// A way to a peer; see FrameLink for what each call promises.
class Link {
public:
    using OnFrame = std::function<void(Bytes frame)>;  // Borrowed for the call.
    using OnState = std::function<void(LinkState)>;
    virtual ~Link() = default;

    virtual Result<void> send(Buffer frame) = 0;
    virtual void reconnect() = 0;
};

// Own thread, on which both callbacks run; they must neither block nor throw. on_state tells each
// change, first `connected`. What was accepted by send() before a `disconnected` may or may not
// have arrived; nothing is sent again on the next connection.
//
// Per exchange, `connected` says that the last try to connect succeeded. One is made at the start,
// and again and again after one that failed: a visit without a message.
class FrameLink final : public Link {
public:
    static Result<std::unique_ptr<FrameLink>> start(FrameLinkConfig config, OnFrame on_frame,
                                                    OnState on_state);
    ~FrameLink() override;  // Closes and joins; no callback runs afterwards.
    FrameLink(const FrameLink&) = delete;
    FrameLink& operator=(const FrameLink&) = delete;

    // From any thread. unavailable: not connected, or the queue is full; nothing of this frame was
    // sent. malformed: longer than frame_bytes_max. Per exchange it waits for the connection, up to
    // connect_ms, so that this holds there, too; it may not be called from a callback then.
    Result<void> send(Buffer frame) override;

    bool connected() const;

    // Ends the connection, where there is one, and makes a new one: for a peer that says nothing
    // any more. From any thread.
    void reconnect() override;

private:
    struct Impl;
    explicit FrameLink(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace softpos::net
