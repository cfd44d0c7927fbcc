// One thread, one connection at a time. Frames wait with their lengths in one Buffer and are
// written in one piece: a burst costs one system call and one segment, not one for each frame.
#include "net/frame_link.h"

#include "base/check.h"
#include "net/frame_splitter.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <netinet/tcp.h>
#include <thread>
#include <utility>
#include <vector>

namespace softpos::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;

constexpr int keep_alive_probe_seconds = 10;
constexpr int keep_alive_probes_max = 3;
using KeepAliveIdle = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
using KeepAliveInterval = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPINTVL>;
using KeepAliveCount = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPCNT>;

void set_options(tcp::socket& socket, std::uint32_t keep_alive_s) {
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    socket.set_option(KeepAliveIdle(static_cast<int>(keep_alive_s)), ignored);
    socket.set_option(KeepAliveInterval(keep_alive_probe_seconds), ignored);
    socket.set_option(KeepAliveCount(keep_alive_probes_max), ignored);
}

// One connection. Shared by the link and the operations under way on it: one that ends late finds
// that it is no longer the current one.
struct Channel {
    Channel(asio::io_context& io, std::size_t frame_bytes_max)
        : socket(io), splitter(frame_bytes_max) {}

    tcp::socket socket;
    FrameSplitter splitter;
    Buffer output;  // Being written; the link's queue fills meanwhile.
    bool open = false;
    bool writing = false;
};

}  // namespace

struct FrameLink::Impl {
    Impl(FrameLinkConfig config_in, OnFrame on_frame_in, OnState on_state_in)
        : config(std::move(config_in)),
          on_frame(std::move(on_frame_in)),
          on_state(std::move(on_state_in)),
          backoff(config.backoff_first_ms) {}
    ~Impl() {
        {
            const std::lock_guard lock(mutex);
            up = false;
        }
        io.stop();
        if (thread.joinable()) thread.join();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void connect();
    void connect_to(std::vector<tcp::endpoint> endpoints, std::size_t index);
    void connected();
    void lost();
    void read();
    void deliver();
    void write();
    bool current(const std::shared_ptr<Channel>& c) const { return c == channel; }

    FrameLinkConfig config;
    OnFrame on_frame;
    OnState on_state;

    std::mutex mutex;  // Guards queue, up and wake_posted: send() comes from any thread.
    Buffer queue;
    bool up = false;
    bool wake_posted = false;  // Or a write is under way, which looks again when it ends.

    milliseconds backoff;
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    asio::steady_timer timer{io};
    tcp::resolver resolver{io};
    std::shared_ptr<Channel> channel;
    std::thread thread;
};

void FrameLink::Impl::connect() {
    channel = std::make_shared<Channel>(io, config.frame_bytes_max);
    timer.expires_after(milliseconds(config.connect_ms));
    timer.async_wait([this, c = channel](error_code error) {
        if (!error && current(c) && !c->open) lost();
    });
    error_code error;
    const auto address = asio::ip::make_address(config.host, error);
    if (!error) return connect_to({tcp::endpoint(address, config.port)}, 0);
    resolver.async_resolve(
        config.host, std::to_string(config.port), tcp::resolver::numeric_service,
        [this, c = channel](error_code failed, const tcp::resolver::results_type& found) {
            if (!current(c)) return;
            if (failed) return lost();
            connect_to({found.begin(), found.end()}, 0);
        });
}

// One address after the other.
void FrameLink::Impl::connect_to(std::vector<tcp::endpoint> endpoints, std::size_t index) {
    if (index == endpoints.size()) return lost();
    error_code ignored;
    channel->socket.close(ignored);
    const tcp::endpoint endpoint = endpoints[index];
    channel->socket.async_connect(
        endpoint, [this, c = channel, endpoints = std::move(endpoints), index](error_code error) {
            if (!current(c)) return;
            if (error) return connect_to(endpoints, index + 1);
            connected();
        });
}

void FrameLink::Impl::connected() {
    timer.cancel();
    channel->open = true;
    backoff = milliseconds(config.backoff_first_ms);
    set_options(channel->socket, config.keep_alive_s);
    {
        const std::lock_guard lock(mutex);
        up = true;
        wake_posted = false;
    }
    on_state(LinkState::connected);
    read();
}

// Ends whatever there is, and tries again later.
void FrameLink::Impl::lost() {
    bool was_up = false;
    {
        const std::lock_guard lock(mutex);
        was_up = std::exchange(up, false);
        queue.clear();
    }
    error_code ignored;
    channel->socket.close(ignored);
    channel.reset();
    if (was_up) on_state(LinkState::disconnected);
    timer.expires_after(backoff);
    timer.async_wait([this](error_code error) {
        if (!error && !channel) connect();
    });
    backoff = std::min(backoff * 2, milliseconds(config.backoff_last_ms));
}

void FrameLink::Impl::read() {
    const auto space = channel->splitter.space();
    channel->socket.async_read_some(asio::buffer(space.data(), space.size()),
                                    [this, c = channel](error_code error, std::size_t size) {
                                        if (!current(c)) return;
                                        if (error) return lost();
                                        c->splitter.commit(size);
                                        deliver();
                                    });
}

void FrameLink::Impl::deliver() {
    for (;;) {
        const auto frame = channel->splitter.next();
        if (!frame) return lost();
        if (!*frame) return read();
        on_frame(**frame);
    }
}

// Takes all that waits; its own end looks for more.
void FrameLink::Impl::write() {
    {
        const std::lock_guard lock(mutex);
        if (queue.empty()) {
            wake_posted = false;
            return;
        }
        channel->output.clear();
        std::swap(channel->output, queue);
    }
    channel->writing = true;
    asio::async_write(channel->socket, asio::buffer(channel->output),
                      [this, c = channel](error_code error, std::size_t) {
                          if (!current(c)) return;
                          c->writing = false;
                          if (error) return lost();
                          write();
                      });
}

FrameLink::FrameLink(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FrameLink::~FrameLink() = default;

Result<std::unique_ptr<FrameLink>> FrameLink::start(FrameLinkConfig config, OnFrame on_frame,
                                                    OnState on_state) try {
    CHECK(on_frame && on_state && config.frame_bytes_max <= frame_bytes_ceiling);
    if (config.host.empty() || config.port == 0) return fail(ErrorKind::malformed, "link: address");
    auto impl = std::make_unique<Impl>(std::move(config), std::move(on_frame), std::move(on_state));
    asio::post(impl->io, [i = impl.get()] { i->connect(); });
    impl->thread = std::thread([&io = impl->io] { io.run(); });
    return std::unique_ptr<FrameLink>(new FrameLink(std::move(impl)));
} catch (const std::exception&) {  // No descriptor or thread left for a loop.
    return fail(ErrorKind::unavailable, "link: no resources");
}

Result<void> FrameLink::send(Buffer frame) {
    Impl& i = *impl_;
    if (frame.size() > i.config.frame_bytes_max) {
        return fail(ErrorKind::malformed, "link: frame too large");
    }
    bool wake = false;
    {
        const std::lock_guard lock(i.mutex);
        if (!i.up) return fail(ErrorKind::unavailable, "link: not connected");
        if (i.queue.size() + frame.size() + frame_length_bytes > i.config.queue_bytes_max) {
            return fail(ErrorKind::unavailable, "link: queue is full");
        }
        append_frame(i.queue, frame);
        wake = !std::exchange(i.wake_posted, true);
    }
    if (wake) {
        asio::post(i.io, [&i] {
            if (i.channel && i.channel->open && !i.channel->writing) i.write();
        });
    }
    return {};
}

void FrameLink::reconnect() {
    Impl& i = *impl_;
    asio::post(i.io, [&i] {
        if (i.channel && i.channel->open) i.lost();
    });
}

bool FrameLink::connected() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->up;
}

}  // namespace softpos::net
