// A stream socket that carries frames: two bytes of length, highest first, then the payload. What
// vpcd speaks over TCP, and what our own bridges speak over a unix socket.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstdint>
#include <string>

namespace softpos::hw {

// A payload of one byte is an order of the reader to its slot; a command has at least four. Only
// get_atr is answered, with the card's answer to reset.
enum class SlotControl : std::uint8_t { power_off = 0, power_on = 1, reset = 2, get_atr = 4 };

// A closed file descriptor when it ends; move-only.
class Fd {
public:
    explicit Fd(int fd = -1) : fd_(fd) {}
    Fd(Fd&& other) noexcept;
    Fd& operator=(Fd&& other) noexcept;
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd();

    int get() const { return fd_; }
    bool valid() const { return fd_ >= 0; }

private:
    int fd_;
};

// Lets one thread end another's poll. Stays raised until lowered, so that it cannot come too early.
class Wake {
public:
    static Result<Wake> make();
    void raise() const;
    void lower() const;
    bool wait(std::int64_t timeout_ms) const;  // True when it is raised before the time is over.
    int fd() const { return event_.get(); }

private:
    explicit Wake(Fd event) : event_(std::move(event)) {}
    Fd event_;
};

// Why receive gave nothing.
enum class FrameEnd : std::uint8_t { closed, timeout, woken, oversize };

struct FrameLimits {
    std::size_t frame_bytes_max;
    std::int64_t timeout_ms;  // Negative: none.
};

// One connection. Every wait is a poll with a deadline; no call blocks otherwise.
class FrameSocket {
public:
    enum class Acknowledge : std::uint8_t { as_usual, at_once };

    explicit FrameSocket(Fd fd, Acknowledge acknowledge = Acknowledge::as_usual);
    static Result<FrameSocket> connect_unix(const std::string& path);
    static Result<FrameSocket> connect_tcp(const std::string& address, std::uint16_t port,
                                           std::int64_t timeout_ms, Acknowledge acknowledge);

    // Sends all of it as one segment where the kernel can.
    std::expected<void, FrameEnd> send(Bytes payload, std::int64_t timeout_ms);
    std::expected<void, FrameEnd> send(SlotControl control, std::int64_t timeout_ms);

    // The next frame. `wake` ends the wait while no byte of a frame has come and also within one.
    // After any end but a timeout or a wake in front of a frame the connection is of no use.
    std::expected<Buffer, FrameEnd> receive(const FrameLimits& limits, const Wake* wake = nullptr);

    // Waits without reading: timeout when the time is over, closed when the peer goes before,
    // woken.
    FrameEnd rest(std::int64_t timeout_ms, const Wake& wake) const;

    // True when the peer has closed, looked at without waiting and without taking a byte.
    bool peer_closed() const;
    int fd() const { return fd_.get(); }

private:
    struct Wait;
    std::expected<void, FrameEnd> receive_exactly(std::span<std::uint8_t> out, const Wait& wait);

    Fd fd_;
    Acknowledge acknowledge_;
};

// A listening unix socket with mode 0600; a stale socket file of the same name is replaced.
Result<Fd> listen_unix(const std::string& path);

}  // namespace softpos::hw
