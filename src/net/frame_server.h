// Serves peers that speak in length-prefixed frames over TCP. A frame may be answered any number of
// times, late, from another thread, or not at all.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "net/http_server.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace softpos::net {

struct FrameServerState;

// One peer. Copies mean the same one; usable from any thread, also after it or the server has gone.
class FrameConnection {
public:
    std::uint64_t id() const { return id_; }  // Never used again by this server.

    void send(
        const Buffer& frame) const;  // Dropped where the peer has gone. CHECKs the frame's size.
    void close() const;              // What was sent before may be lost.

private:
    friend struct FrameServerState;
    FrameConnection(std::weak_ptr<FrameServerState> server, std::uint64_t id)
        : server_(std::move(server)), id_(id) {}

    std::weak_ptr<FrameServerState> server_;
    std::uint64_t id_;
};

struct FrameServerConfig {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  // 0 takes any free one.
    // What goes over a limit is closed without an answer.
    std::size_t frame_bytes_max = 4096;
    std::size_t queue_bytes_max = std::size_t{1024} * 1024;  // Not yet taken by a peer.
    std::size_t connections_max = 256;
    std::uint32_t idle_ms = 300'000;              // Also for the TLS handshake.
    std::optional<ServerTls> tls = std::nullopt;  // Whoever must have a certificate and has none
                                                  // is closed.
};

// Own thread, on which both callbacks run; they must neither block nor throw.
class FrameServer {
public:
    using OnFrame = std::function<void(FrameConnection, Bytes frame)>;  // Borrowed for the call.
    using OnClose = std::function<void(FrameConnection)>;               // May be empty.

    static Result<std::unique_ptr<FrameServer>> listen(FrameServerConfig config, OnFrame on_frame,
                                                       OnClose on_close = {});
    ~FrameServer();
    FrameServer(const FrameServer&) = delete;
    FrameServer& operator=(const FrameServer&) = delete;

    std::uint16_t port() const;
    void stop();  // Closes everything and joins. Never from a callback. May be called twice.

private:
    explicit FrameServer(std::shared_ptr<FrameServerState> state);
    std::shared_ptr<FrameServerState>
        state_;  // Shared with FrameConnections, which hold it weakly.
};

}  // namespace softpos::net
