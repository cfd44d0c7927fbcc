// One thread. A lasting link has one connection at a time; frames wait with their lengths in one
// Buffer and are written in one piece: a burst costs one system call and one segment, not one for
// each frame. Per exchange each frame has its own connection.
#include "net/frame_link.h"

#include "base/check.h"
#include "base/log.h"
#include "net/frame_splitter.h"
#include "net/tls_context.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <future>
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
    Channel(asio::io_context& io, std::size_t frame_bytes_max, asio::ssl::context* context)
        : socket(io), timer(io), splitter(frame_bytes_max) {
        if (context != nullptr) tls.emplace(socket, *context);
    }

    template <typename Then>
    void read_some(Then then) {
        const auto space = splitter.space();
        const auto buffer = asio::buffer(space.data(), space.size());
        tls ? tls->async_read_some(buffer, std::move(then))
            : socket.async_read_some(buffer, std::move(then));
    }
    template <typename Then>
    void write(Then then) {
        tls ? asio::async_write(*tls, asio::buffer(output), std::move(then))
            : asio::async_write(socket, asio::buffer(output), std::move(then));
    }
    void close() {
        error_code ignored;
        timer.cancel();
        socket.close(ignored);
    }

    tcp::socket socket;
    std::optional<asio::ssl::stream<tcp::socket&>> tls;
    asio::steady_timer timer;  // Of the connecting, then of the exchange.
    FrameSplitter splitter;
    Buffer output;  // Being written; the link's queue fills meanwhile.
    std::function<void(const std::shared_ptr<Channel>&, bool)> dialled;  // Until it is known.
    bool open = false;
    bool writing = false;
};
using ChannelRef = std::shared_ptr<Channel>;
using Dialled = std::function<void(const ChannelRef&, bool reached)>;

// A frame whose sender waits for its connection. Whoever is first decides: the connection, or the
// sender's patience.
struct Exchange {
    Buffer output;
    std::promise<bool> reached;
    std::atomic<bool> decided = false;
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

    ChannelRef dial(Dialled dialled);
    void dial_one(const ChannelRef& c, std::vector<tcp::endpoint> endpoints, std::size_t index);
    void shake_hands(const ChannelRef& c);
    static void finish_dial(const ChannelRef& c, bool reached);

    void connect();
    void connected();
    void lost();
    void read();
    void deliver();
    void write();
    bool current(const ChannelRef& c) const { return c == channel; }

    void try_out();
    void reached();
    void not_reached();
    Result<void> exchange(Bytes frame);
    void begin(const std::shared_ptr<Exchange>& sending);
    void read_answer(const ChannelRef& c);
    void end(const ChannelRef& c);

    FrameLinkConfig config;
    OnFrame on_frame;
    OnState on_state;

    std::optional<asio::ssl::context> tls;
    std::mutex mutex;  // Guards queue, up, exchanges, wake_posted: send() comes from any thread.
    Buffer queue;
    bool up = false;
    std::size_t exchanges = 0;
    bool trying_out = false;
    bool wake_posted = false;  // Or a write is under way, which looks again when it ends.

    milliseconds backoff;
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    asio::steady_timer timer{io};
    tcp::resolver resolver{io};
    ChannelRef channel;
    std::thread thread;
};

// ---- Connecting -------------------------------------------------------------------------------

ChannelRef FrameLink::Impl::dial(Dialled dialled) {
    const auto c = std::make_shared<Channel>(io, config.frame_bytes_max, tls ? &*tls : nullptr);
    c->dialled = std::move(dialled);
    c->timer.expires_after(milliseconds(config.connect_ms));
    c->timer.async_wait([c](error_code error) {
        if (!error) finish_dial(c, false);
    });
    error_code error;
    const auto address = asio::ip::make_address(config.host, error);
    if (!error) {
        dial_one(c, {tcp::endpoint(address, config.port)}, 0);
        return c;
    }
    resolver.async_resolve(config.host, std::to_string(config.port), tcp::resolver::numeric_service,
                           [this, c](error_code failed, const tcp::resolver::results_type& found) {
                               if (failed) return finish_dial(c, false);
                               dial_one(c, {found.begin(), found.end()}, 0);
                           });
    return c;
}

// One address after the other.
void FrameLink::Impl::dial_one(const ChannelRef& c, std::vector<tcp::endpoint> endpoints,
                               std::size_t index) {
    if (!c->dialled) return;
    if (index == endpoints.size()) {
        // Not from within dial(): its caller does not have the channel yet.
        return asio::post(io, [c] { finish_dial(c, false); });
    }
    error_code ignored;
    c->socket.close(ignored);
    const tcp::endpoint endpoint = endpoints[index];
    c->socket.async_connect(endpoint,
                            [this, c, endpoints = std::move(endpoints), index](error_code error) {
                                if (error) return dial_one(c, endpoints, index + 1);
                                set_options(c->socket, config.keep_alive_s);
                                shake_hands(c);
                            });
}

void FrameLink::Impl::shake_hands(const ChannelRef& c) {
    if (!c->tls) return finish_dial(c, true);
    set_wanted_server(c->tls->native_handle(), config.tls->server_name);
    c->tls->async_handshake(asio::ssl::stream_base::client, [c](error_code error) {
        if (error && c->dialled) log(LogLevel::warning, "link: TLS handshake failed");
        finish_dial(c, !error);
    });
}

void FrameLink::Impl::finish_dial(const ChannelRef& c, bool reached) {
    if (!c->dialled) return;
    c->timer.cancel();
    if (!reached) c->close();
    std::exchange(c->dialled, nullptr)(c, reached);
}

// ---- A lasting connection ---------------------------------------------------------------------

void FrameLink::Impl::connect() {
    channel = dial([this](const ChannelRef&, bool reached) { reached ? connected() : lost(); });
}

void FrameLink::Impl::connected() {
    channel->open = true;
    backoff = milliseconds(config.backoff_first_ms);
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
    channel->close();
    channel.reset();
    if (was_up) on_state(LinkState::disconnected);
    timer.expires_after(backoff);
    timer.async_wait([this](error_code error) {
        if (!error && !channel) connect();
    });
    backoff = std::min(backoff * 2, milliseconds(config.backoff_last_ms));
}

void FrameLink::Impl::read() {
    channel->read_some([this, c = channel](error_code error, std::size_t size) {
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
    channel->write([this, c = channel](error_code error, std::size_t) {
        if (!current(c)) return;
        c->writing = false;
        if (error) return lost();
        write();
    });
}

// ---- One connection for each exchange -----------------------------------------------------------

// A visit that says nothing, to learn whether the peer can be reached.
void FrameLink::Impl::try_out() {
    if (std::exchange(trying_out, true)) return;
    dial([this](const ChannelRef& c, bool there) {
        trying_out = false;
        c->close();
        there ? reached() : not_reached();
    });
}

void FrameLink::Impl::reached() {
    backoff = milliseconds(config.backoff_first_ms);
    {
        const std::lock_guard lock(mutex);
        if (std::exchange(up, true)) return;
    }
    on_state(LinkState::connected);
}

void FrameLink::Impl::not_reached() {
    bool was_up = false;
    {
        const std::lock_guard lock(mutex);
        was_up = std::exchange(up, false);
    }
    if (was_up) on_state(LinkState::disconnected);
    timer.expires_after(backoff);
    timer.async_wait([this](error_code error) {
        if (!error) try_out();
    });
    backoff = std::min(backoff * 2, milliseconds(config.backoff_last_ms));
}

// Waits for the connection only. Where the sender has given up, nothing is written any more.
Result<void> FrameLink::Impl::exchange(Bytes frame) {
    CHECK(thread.get_id() != std::this_thread::get_id());
    {
        const std::lock_guard lock(mutex);
        if (!up) return fail(ErrorKind::unavailable, "link: not connected");
        if (exchanges >= config.exchanges_max) {
            return fail(ErrorKind::unavailable, "link: too many exchanges");
        }
        ++exchanges;
    }
    const auto sending = std::make_shared<Exchange>();
    append_frame(sending->output, frame);
    std::future<bool> reached = sending->reached.get_future();
    asio::post(io, [this, sending] { begin(sending); });
    const auto patience = milliseconds(config.connect_ms) * 2;
    if (reached.wait_for(patience) != std::future_status::ready &&
        !sending->decided.exchange(true)) {
        return fail(ErrorKind::unavailable, "link: not connected");
    }
    if (reached.get()) return {};
    return fail(ErrorKind::unavailable, "link: not connected");
}

void FrameLink::Impl::begin(const std::shared_ptr<Exchange>& sending) {
    dial([this, sending](const ChannelRef& c, bool there) {
        const bool wanted = !sending->decided.exchange(true);
        if (wanted) sending->reached.set_value(there);
        if (!there) not_reached();
        if (!there || !wanted) return end(c);
        c->output = std::move(sending->output);
        c->timer.expires_after(milliseconds(config.exchange_ms));
        c->timer.async_wait([c](error_code error) {
            if (!error) c->close();
        });
        c->write([this, c](error_code error, std::size_t) {
            if (error) return end(c);
            read_answer(c);
        });
    });
}

void FrameLink::Impl::read_answer(const ChannelRef& c) {
    c->read_some([this, c](error_code error, std::size_t size) {
        if (error) return end(c);
        c->splitter.commit(size);
        const auto frame = c->splitter.next();
        if (frame && !*frame) return read_answer(c);
        if (frame) on_frame(**frame);
        end(c);
    });
}

void FrameLink::Impl::end(const ChannelRef& c) {
    c->close();
    const std::lock_guard lock(mutex);
    --exchanges;
}

FrameLink::FrameLink(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FrameLink::~FrameLink() = default;

Result<std::unique_ptr<FrameLink>> FrameLink::start(FrameLinkConfig config, OnFrame on_frame,
                                                    OnState on_state) try {
    CHECK(on_frame && on_state && config.frame_bytes_max <= frame_bytes_ceiling);
    if (config.host.empty() || config.port == 0) return fail(ErrorKind::malformed, "link: address");
    auto impl = std::make_unique<Impl>(std::move(config), std::move(on_frame), std::move(on_state));
    if (impl->config.tls) impl->tls.emplace(TRY(make_client_tls(*impl->config.tls)).release());
    asio::post(impl->io, [i = impl.get()] {
        i->config.kind == LinkKind::lasting ? i->connect() : i->try_out();
    });
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
    if (i.config.kind == LinkKind::per_exchange) return i.exchange(frame);
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
        if (i.config.kind == LinkKind::per_exchange) return i.not_reached();
        if (i.channel && i.channel->open) i.lost();
    });
}

bool FrameLink::connected() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->up;
}

}  // namespace softpos::net
