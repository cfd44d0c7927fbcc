// One thread accepts, reads and writes. send() from elsewhere only fills a peer's queue and wakes
// the thread; all that waits for a peer is written in one piece.
#include "net/frame_server.h"

#include "base/check.h"
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
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace softpos::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto accept_pause = milliseconds(100);
constexpr auto sweep_pause_min = milliseconds(5);
constexpr auto sweep_pause_max = milliseconds(1'000);

// Shared by the server and the operation under way.
struct Peer {
    Peer(std::uint64_t id_in, tcp::socket socket_in, std::size_t frame_bytes_max,
         asio::ssl::context* context)
        : id(id_in), socket(std::move(socket_in)), splitter(frame_bytes_max) {
        if (context != nullptr) tls.emplace(socket, *context);
    }

    const std::uint64_t id;
    tcp::socket socket;
    std::optional<asio::ssl::stream<tcp::socket&>> tls;
    FrameSplitter splitter;
    SteadyClock::time_point last_heard = SteadyClock::now();
    Buffer output;  // Being written.
    bool writing = false;
    bool closed = false;

    // Guarded by the server's mutex.
    Buffer queue;
    bool overflow = false;
    bool wake_posted = false;  // Or a write is under way, which looks again when it ends.
};
using PeerRef = std::shared_ptr<Peer>;

}  // namespace

// Everything but send() and close() happens on the thread.
struct FrameServerState : std::enable_shared_from_this<FrameServerState> {
    FrameServerState(FrameServerConfig config_in, FrameServer::OnFrame on_frame_in,
                     FrameServer::OnClose on_close_in)
        : config(std::move(config_in)),
          on_frame(std::move(on_frame_in)),
          on_close(std::move(on_close_in)) {}

    Result<void> open();
    void accept();
    void admit(tcp::socket socket);
    void read(const PeerRef& peer);
    void deliver(const PeerRef& peer);
    void wake(const PeerRef& peer);
    void write(const PeerRef& peer);
    void drop(const PeerRef& peer);
    void sweep();
    void stop();

    void send(std::uint64_t id, Bytes frame);
    void close(std::uint64_t id);

    FrameConnection handle_of(const PeerRef& peer) { return {weak_from_this(), peer->id}; }

    FrameServerConfig config;
    FrameServer::OnFrame on_frame;
    FrameServer::OnClose on_close;
    std::optional<asio::ssl::context> tls;
    asio::io_context io{1};
    tcp::acceptor acceptor{io};
    asio::steady_timer accept_timer{io};
    asio::steady_timer sweep_timer{io};
    std::uint16_t bound_port = 0;
    std::uint64_t last_id = 0;

    std::mutex mutex;  // Guards what follows, and the queues in it.
    std::unordered_map<std::uint64_t, PeerRef> peers;
    bool stopped = false;

    std::thread thread;
};

Result<void> FrameServerState::open() {
    error_code error;
    const auto address = asio::ip::make_address(config.address, error);
    if (error) return fail(ErrorKind::malformed, "frame: address");
    const tcp::endpoint endpoint(address, config.port);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (!error) bound_port = acceptor.local_endpoint(error).port();
    if (error) return fail(ErrorKind::unavailable, "frame: cannot listen", config.port);
    return {};
}

void FrameServerState::accept() {
    acceptor.async_accept([this](error_code error, tcp::socket socket) {
        if (error == asio::error::operation_aborted) return;
        if (!error) {
            admit(std::move(socket));
            return accept();
        }
        // Out of descriptors, most likely: wait until some are given back.
        accept_timer.expires_after(accept_pause);
        accept_timer.async_wait([this](error_code timer_error) {
            if (!timer_error) accept();
        });
    });
}

void FrameServerState::admit(tcp::socket socket) {
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    const auto peer = std::make_shared<Peer>(++last_id, std::move(socket), config.frame_bytes_max,
                                             tls ? &*tls : nullptr);
    {
        const std::lock_guard lock(mutex);
        if (peers.size() >= config.connections_max) return;  // Closes this one.
        peers.emplace(peer->id, peer);
    }
    if (!peer->tls) return read(peer);
    peer->tls->async_handshake(asio::ssl::stream_base::server, [this, peer](error_code error) {
        if (peer->closed) return;
        const bool nobody = !error && !config.tls->client_ca_pem.empty() &&
                            peer_of(peer->tls->native_handle()).fingerprint.empty();
        if (error || nobody) return drop(peer);
        read(peer);
    });
}

void FrameServerState::read(const PeerRef& peer) {
    const auto space = peer->splitter.space();
    const auto buffer = asio::buffer(space.data(), space.size());
    auto then = [this, peer](error_code error, std::size_t size) {
        if (peer->closed) return;
        if (error) return drop(peer);
        peer->last_heard = SteadyClock::now();
        peer->splitter.commit(size);
        deliver(peer);
    };
    peer->tls ? peer->tls->async_read_some(buffer, std::move(then))
              : peer->socket.async_read_some(buffer, std::move(then));
}

void FrameServerState::deliver(const PeerRef& peer) {
    for (;;) {
        const auto frame = peer->splitter.next();
        if (!frame) return drop(peer);
        if (!*frame) return read(peer);
        on_frame(handle_of(peer), **frame);
    }
}

void FrameServerState::wake(const PeerRef& peer) {
    if (!peer->closed && !peer->writing) write(peer);
}

// Takes all that waits; its own end looks for more.
void FrameServerState::write(const PeerRef& peer) {
    bool overflow = false;
    {
        const std::lock_guard lock(mutex);
        overflow = peer->overflow;
        if (peer->queue.empty()) peer->wake_posted = false;
        peer->output.clear();
        std::swap(peer->output, peer->queue);
    }
    if (overflow) return drop(peer);
    if (peer->output.empty()) return;
    peer->writing = true;
    auto then = [this, peer](error_code error, std::size_t) {
        peer->writing = false;
        if (peer->closed) return;
        if (error) return drop(peer);
        write(peer);
    };
    const auto buffer = asio::buffer(peer->output);
    peer->tls ? asio::async_write(*peer->tls, buffer, std::move(then))
              : asio::async_write(peer->socket, buffer, std::move(then));
}

void FrameServerState::drop(const PeerRef& peer) {
    if (std::exchange(peer->closed, true)) return;
    error_code ignored;
    peer->socket.close(ignored);
    {
        const std::lock_guard lock(mutex);
        peers.erase(peer->id);
    }
    if (on_close) on_close(handle_of(peer));
}

void FrameServerState::sweep() {
    const milliseconds idle(config.idle_ms);
    sweep_timer.expires_after(std::clamp(idle / 4, sweep_pause_min, sweep_pause_max));
    sweep_timer.async_wait([this, idle](error_code error) {
        if (error) return;
        std::vector<PeerRef> late;
        const auto now = SteadyClock::now();
        {
            const std::lock_guard lock(mutex);
            for (const auto& [id, peer] : peers) {
                if (now - peer->last_heard >= idle || peer->overflow) late.push_back(peer);
            }
        }
        for (const PeerRef& peer : late) drop(peer);
        sweep();
    });
}

void FrameServerState::stop() {
    CHECK(thread.get_id() != std::this_thread::get_id());
    {
        const std::lock_guard lock(mutex);
        stopped = true;
    }
    io.stop();
    if (thread.joinable()) thread.join();
    error_code ignored;
    acceptor.close(ignored);
    // Sessions hold sockets of `io`, so they go while it is there.
    const std::lock_guard lock(mutex);
    for (const auto& [id, peer] : peers) peer->socket.close(ignored);
    peers.clear();
}

void FrameServerState::send(std::uint64_t id, Bytes frame) {
    CHECK(frame.size() <= frame_bytes_ceiling);
    const std::lock_guard lock(mutex);
    const auto found = peers.find(id);
    if (stopped || found == peers.end()) return;
    const PeerRef& peer = found->second;
    if (peer->queue.size() + frame_length_bytes + frame.size() > config.queue_bytes_max) {
        peer->overflow = true;  // A gap would be worse than an end.
    } else {
        append_frame(peer->queue, frame);
    }
    if (std::exchange(peer->wake_posted, true)) return;
    asio::post(io, [this, peer] { wake(peer); });
}

void FrameServerState::close(std::uint64_t id) {
    const std::lock_guard lock(mutex);
    const auto found = peers.find(id);
    if (stopped || found == peers.end()) return;
    asio::post(io, [this, peer = found->second] { drop(peer); });
}

void FrameConnection::send(const Buffer& frame) const {
    if (const auto server = server_.lock()) server->send(id_, frame);
}

void FrameConnection::close() const {
    if (const auto server = server_.lock()) server->close(id_);
}

FrameServer::FrameServer(std::shared_ptr<FrameServerState> state) : state_(std::move(state)) {}
FrameServer::~FrameServer() {
    state_->stop();
}

Result<std::unique_ptr<FrameServer>> FrameServer::listen(FrameServerConfig config, OnFrame on_frame,
                                                         OnClose on_close) try {
    CHECK(on_frame && config.frame_bytes_max <= frame_bytes_ceiling);
    auto state = std::make_shared<FrameServerState>(std::move(config), std::move(on_frame),
                                                    std::move(on_close));
    if (state->config.tls) state->tls.emplace(TRY(make_server_tls(*state->config.tls)).release());
    TRY_VOID(state->open());
    state->accept();
    state->sweep();
    state->thread = std::thread([&io = state->io] { io.run(); });
    return std::unique_ptr<FrameServer>(new FrameServer(std::move(state)));
} catch (const std::exception&) {  // No descriptor or thread left for the loop.
    return fail(ErrorKind::unavailable, "frame: no resources to listen");
}

std::uint16_t FrameServer::port() const {
    return state_->bound_port;
}
void FrameServer::stop() {
    state_->stop();
}

}  // namespace softpos::net
