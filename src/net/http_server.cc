// One acceptor hands connections round to the loops; each loop is a thread with its io_context, and
// a session never leaves the loop it was given. Callbacks instead of coroutines: this is the hot
// path, and a session has one operation under way at a time.
//
// Deadlines are not timers of their own: a loop looks over its sessions some times a second.
#include "net/http_server.h"

#include "base/check.h"
#include "base/refusal.h"
#include "net/http_wire.h"
#include "net/tls_context.h"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <unordered_set>
#include <utility>
#include <vector>

namespace softpos::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Protocol = asio::generic::stream_protocol;  // TCP and unix-domain alike.
using Socket = Protocol::socket;
using Acceptor = asio::basic_socket_acceptor<Protocol>;
using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto accept_pause = milliseconds(100);
constexpr auto sweep_pause_min = milliseconds(5);
constexpr auto sweep_pause_max = milliseconds(250);
constexpr auto closing_max = milliseconds(2'000);  // For a peer to take its last answer.
constexpr std::size_t drain_bytes_max = std::size_t{1024} * 1024;
constexpr std::size_t refused_connections_max = 64;  // Being told 503 at one time.
constexpr std::size_t input_slack_bytes = 4096;      // Beyond the header: some body comes along.
constexpr std::size_t output_kept_bytes = std::size_t{64} * 1024;

// Of the other end, without its port.
std::string address_of(int socket) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return {};
    const void* address = nullptr;
    if (peer.ss_family == AF_INET) address = &reinterpret_cast<sockaddr_in*>(&peer)->sin_addr;
    if (peer.ss_family == AF_INET6) address = &reinterpret_cast<sockaddr_in6*>(&peer)->sin6_addr;
    if (address == nullptr) return {};
    const char* shown = ::inet_ntop(peer.ss_family, address, text.data(), text.size());
    return shown == nullptr ? std::string() : std::string(shown);
}

void append_json_text(std::string& out, std::string_view text) {
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;  // The table's texts have no control characters.
    }
}

void append_json_member(std::string& out, std::string_view name, std::string_view text) {
    out += '"';
    out += name;
    out += "\":\"";
    append_json_text(out, text);
    out += '"';
}

HttpResponse refusal_response(Refusal refusal, unsigned status) {
    const RefusalRow& row = row_of(refusal);
    HttpResponse response{.status = status};
    std::string& out = response.body;
    out = "{\"refusal\":{";
    append_json_member(out, "code", row.code);
    out += ',';
    append_json_member(out, "class", name_of(row.klass));
    out += ',';
    append_json_member(out, "message_en", row.en);
    out += ',';
    append_json_member(out, "message_zh", row.zh);
    out += "}}";
    return response;
}

HttpResponse response_to(HttpFault fault) {
    switch (fault) {
        case HttpFault::body_too_large:
            return refusal_response(Refusal::body_too_large, 413);
        case HttpFault::header_too_large:
            return refusal_response(Refusal::bad_value, 431);
        case HttpFault::malformed:
            break;
    }
    return refusal_response(Refusal::bad_value, 400);
}

class Session;

// All that a Responder may reach, whenever it is called: empty once the loop is gone. Shared by the
// loop and every Responder it gave out.
struct Mailbox {
    std::mutex mutex;
    asio::io_context* io = nullptr;
};

// What all loops of one server have in common; outlives them.
struct Shared {
    HttpLimits limits;
    HttpHandler handler;
    std::optional<asio::ssl::context> tls;
    std::atomic<std::size_t> connections = 0;
    std::atomic<std::size_t> refused = 0;
};

struct Loop {
    explicit Loop(Shared& shared_in) : shared(shared_in) { mailbox->io = &io; }

    void sweep();

    Shared& shared;
    std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>();
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    asio::steady_timer sweep_timer{io};
    // Shared with the operation that is under way.
    std::unordered_set<std::shared_ptr<Session>> sessions;
    std::thread thread;
};

enum class Admission : std::uint8_t { served, refused };

class Session : public std::enable_shared_from_this<Session> {
public:
    Session(Loop& loop, Socket socket, Admission admission)
        : loop_(loop),
          limits_(loop.shared.limits),
          admission_(admission),
          socket_(std::move(socket)),
          parser_({limits_.header_bytes_max, limits_.body_bytes_max}) {
        address_ = address_of(socket_.native_handle());
        if (loop_.shared.tls) tls_.emplace(socket_, *loop_.shared.tls);
    }
    ~Session() {
        --(admission_ == Admission::served ? loop_.shared.connections : loop_.shared.refused);
    }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    void start();
    void answer(std::uint64_t number, const HttpResponse& response);
    void check_deadline(SteadyClock::time_point now);
    void close();

private:
    enum class State : std::uint8_t { opening, waiting, receiving, handling, writing, closing };

    void enter(State state, milliseconds at_most) {
        state_ = state;
        deadline_ = SteadyClock::now() + at_most;
    }
    void read_more();
    void on_input();
    void send_continue();
    void handle();
    void refuse(const HttpResponse& response);
    void write(const HttpResponse& response);
    void after_write();
    void shut_down();
    void drain(std::size_t so_far);

    template <typename Then>
    void write_bytes(asio::const_buffer bytes, Then then) {
        const auto done = [self = shared_from_this(), then](error_code error, std::size_t) {
            if (error) return self->close();
            then(*self);
        };
        if (tls_) {
            asio::async_write(*tls_, bytes, done);
        } else {
            asio::async_write(socket_, bytes, done);
        }
    }

    Loop& loop_;
    const HttpLimits& limits_;
    Admission admission_;
    Socket socket_;
    std::optional<asio::ssl::stream<Socket&>> tls_;
    TlsPeer peer_;
    std::string address_;
    State state_ = State::opening;
    SteadyClock::time_point deadline_;

    HttpRequestParser parser_;
    std::vector<char> input_;  // [begin_, end_) is not parsed yet.
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    bool continued_ = false;

    std::uint64_t number_ = 0;  // Of the request in the handler, so that late answers are known.
    HttpAfter after_ = HttpAfter::keep_alive;
    HttpBody body_ = HttpBody::sent;
    std::string output_;
};

// The Responder of one request.
struct Answer {
    std::shared_ptr<Mailbox> mailbox;
    std::weak_ptr<Session> session;  // Locked on the loop only: a session must die there.
    std::uint64_t number;

    void operator()(HttpResponse response) const {
        std::unique_lock lock(mailbox->mutex);
        if (mailbox->io == nullptr) return;
        if (!mailbox->io->get_executor().running_in_this_thread()) {
            asio::post(*mailbox->io,
                       [session = session, number = number, response = std::move(response)] {
                           if (const auto alive = session.lock()) alive->answer(number, response);
                       });
            return;
        }
        lock.unlock();
        if (const auto alive = session.lock()) alive->answer(number, response);
    }
};

void Session::start() {
    input_.resize(limits_.header_bytes_max + input_slack_bytes);
    if (admission_ == Admission::refused) {
        return refuse(refusal_response(Refusal::server_unavailable, 503));
    }
    if (!tls_) {
        enter(State::waiting, milliseconds(limits_.idle_ms));
        return read_more();
    }
    enter(State::opening, milliseconds(limits_.handshake_ms));
    tls_->async_handshake(asio::ssl::stream_base::server,
                          [self = shared_from_this()](error_code error) {
                              if (error) return self->close();
                              self->peer_ = peer_of(self->tls_->native_handle());
                              self->enter(State::waiting, milliseconds(self->limits_.idle_ms));
                              self->read_more();
                          });
}

void Session::read_more() {
    if (begin_ == end_) {
        begin_ = end_ = 0;
    } else if (end_ == input_.size()) {
        std::copy(input_.begin() + static_cast<std::ptrdiff_t>(begin_), input_.end(),
                  input_.begin());
        end_ -= std::exchange(begin_, 0);
    }
    // Only a header or a chunk's extension that does not end can fill the whole buffer.
    if (end_ == input_.size()) return refuse(response_to(HttpFault::header_too_large));
    const auto done = [self = shared_from_this()](error_code error, std::size_t size) {
        if (error) return self->close();
        self->end_ += size;
        self->on_input();
    };
    const asio::mutable_buffer space(input_.data() + end_, input_.size() - end_);
    if (tls_) {
        tls_->async_read_some(space, done);
    } else {
        socket_.async_read_some(space, done);
    }
}

void Session::on_input() {
    if (state_ == State::closing) return;
    if (state_ == State::waiting) enter(State::receiving, milliseconds(limits_.receive_ms));
    const auto taken = parser_.feed({input_.data() + begin_, end_ - begin_});
    if (!taken) return refuse(response_to(taken.error()));
    begin_ += *taken;
    if (parser_.done()) return handle();
    if (parser_.header_done() && !continued_ && parser_.expects_continue()) return send_continue();
    read_more();
}

void Session::send_continue() {
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    continued_ = true;
    write_bytes(asio::buffer(go_on.data(), go_on.size()), [](Session& s) { s.read_more(); });
}

void Session::handle() {
    after_ = parser_.keep_alive() ? HttpAfter::keep_alive : HttpAfter::close;
    HttpRequest request = parser_.take();
    request.peer_common_name = peer_.common_name;
    request.peer_fingerprint = peer_.fingerprint;
    request.peer_address = address_;
    body_ = request.method == "HEAD" ? HttpBody::left_out : HttpBody::sent;
    continued_ = false;
    ++number_;
    enter(State::handling, milliseconds(limits_.request_ms));
    loop_.shared.handler(std::move(request), Answer{loop_.mailbox, weak_from_this(), number_});
}

void Session::answer(std::uint64_t number, const HttpResponse& response) {
    if (state_ != State::handling || number != number_) return;
    write(response);
}

// After this, where the next message starts in the stream is not known.
void Session::refuse(const HttpResponse& response) {
    after_ = HttpAfter::close;
    body_ = HttpBody::sent;
    write(response);
}

void Session::write(const HttpResponse& response) {
    enter(State::writing, milliseconds(limits_.idle_ms));
    write_response(output_, response, after_, body_);
    write_bytes(asio::buffer(output_), [](Session& s) { s.after_write(); });
}

void Session::after_write() {
    if (output_.capacity() > output_kept_bytes) output_ = {};
    if (after_ == HttpAfter::close) return shut_down();
    enter(State::waiting, milliseconds(limits_.idle_ms));
    if (begin_ != end_) return on_input();
    read_more();
}

// A close() with bytes unread would reset the connection, and the peer might lose the answer.
void Session::shut_down() {
    enter(State::closing, closing_max);
    const auto finish = [self = shared_from_this()](error_code) {
        error_code ignored;
        self->socket_.shutdown(Socket::shutdown_send, ignored);
        self->drain(0);
    };
    if (!tls_) return finish({});
    tls_->async_shutdown(finish);
}

void Session::drain(std::size_t so_far) {
    if (so_far > drain_bytes_max) return close();
    socket_.async_read_some(asio::buffer(input_), [self = shared_from_this(), so_far](
                                                      error_code error, std::size_t size) {
        if (error) return self->close();
        self->drain(so_far + size);
    });
}

void Session::check_deadline(SteadyClock::time_point now) {
    if (now < deadline_) return;
    if (state_ != State::handling) return close();
    // The payment may still be made: "ask for the status" is what the refusal says.
    write(refusal_response(Refusal::server_unavailable, 504));
}

void Session::close() {
    state_ = State::closing;
    error_code ignored;
    socket_.close(ignored);
    loop_.sessions.erase(shared_from_this());
}

void Loop::sweep() {
    const HttpLimits& limits = shared.limits;
    const std::uint32_t least_ms =
        std::min({limits.handshake_ms, limits.idle_ms, limits.receive_ms, limits.request_ms});
    sweep_timer.expires_after(
        std::clamp(milliseconds(least_ms / 4), sweep_pause_min, sweep_pause_max));
    sweep_timer.async_wait([this](error_code error) {
        if (error) return;
        const auto now = SteadyClock::now();
        const std::vector<std::shared_ptr<Session>> all(sessions.begin(), sessions.end());
        for (const auto& session : all) session->check_deadline(now);
        sweep();
    });
}

}  // namespace

struct HttpServer::Impl {
    explicit Impl(HttpServerConfig config_in) : config(std::move(config_in)) {
        shared.limits = config.limits;
    }
    ~Impl() { stop(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    Result<void> open();
    Result<void> open_unix();
    Result<void> bind(const Protocol::endpoint& endpoint);
    void accept();
    void admit(Loop& loop, Socket socket);
    void run();
    void stop();

    HttpServerConfig config;
    Shared shared;
    std::vector<std::unique_ptr<Loop>> loops;
    std::optional<Acceptor> acceptor;  // On the first loop.
    std::optional<asio::steady_timer> accept_timer;
    std::size_t next_loop = 0;
    std::uint16_t bound_port = 0;
    bool bound_unix = false;
};

Result<void> HttpServer::Impl::bind(const Protocol::endpoint& endpoint) {
    error_code error;
    acceptor->open(endpoint.protocol(), error);
    if (!error) acceptor->set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor->bind(endpoint, error);
    if (error) return fail(ErrorKind::unavailable, "http: cannot listen", config.port);
    return {};
}

Result<void> HttpServer::Impl::open_unix() {
    const std::string& path = config.unix_path;
    if (path.size() >= sizeof(sockaddr_un::sun_path)) {
        return fail(ErrorKind::malformed, "http: socket path too long");
    }
    struct stat found {};
    if (::lstat(path.c_str(), &found) == 0) {  // Left over by one that did not end well?
        if (!S_ISSOCK(found.st_mode)) return fail(ErrorKind::conflict, "http: path is no socket");
        error_code error;
        asio::local::stream_protocol::socket probe(loops.front()->io);
        probe.connect(asio::local::stream_protocol::endpoint(path), error);
        if (!error) return fail(ErrorKind::unavailable, "http: socket path is in use");
        ::unlink(path.c_str());
    }
    TRY_VOID(bind(Protocol::endpoint(asio::local::stream_protocol::endpoint(path))));
    bound_unix = true;
    // Before listen(): nobody can have connected under the mode that the umask gave.
    if (::chmod(path.c_str(), config.unix_mode) != 0) {
        return fail(ErrorKind::unavailable, "http: socket file mode");
    }
    return {};
}

Result<void> HttpServer::Impl::open() {
    acceptor.emplace(loops.front()->io);
    accept_timer.emplace(loops.front()->io);
    error_code error;
    if (!config.unix_path.empty()) {
        TRY_VOID(open_unix());
    } else {
        const auto address = asio::ip::make_address(config.address, error);
        if (error) return fail(ErrorKind::malformed, "http: address");
        TRY_VOID(bind(Protocol::endpoint(asio::ip::tcp::endpoint(address, config.port))));
        asio::ip::tcp::endpoint local;
        const auto bound = acceptor->local_endpoint(error);
        if (error) return fail(ErrorKind::unavailable, "http: no local address");
        std::copy_n(reinterpret_cast<const char*>(bound.data()), bound.size(),
                    reinterpret_cast<char*>(local.data()));
        bound_port = local.port();
    }
    acceptor->listen(asio::socket_base::max_listen_connections, error);
    if (error) return fail(ErrorKind::unavailable, "http: cannot listen", config.port);
    return {};
}

void HttpServer::Impl::accept() {
    Loop& loop = *loops[next_loop];
    next_loop = (next_loop + 1) % loops.size();
    acceptor->async_accept(loop.io, [this, &loop](error_code error, Socket socket) {
        if (error == asio::error::operation_aborted) return;
        if (!error) {
            admit(loop, std::move(socket));
            return accept();
        }
        // Out of descriptors, most likely: wait until some are given back.
        accept_timer->expires_after(accept_pause);
        accept_timer->async_wait([this](error_code timer_error) {
            if (!timer_error) accept();
        });
    });
}

void HttpServer::Impl::admit(Loop& loop, Socket socket) {
    auto admission = Admission::served;
    if (++shared.connections > config.limits.connections_max) {
        --shared.connections;
        // A handshake costs too much to spend it on a "no".
        if (shared.tls) return;
        if (++shared.refused > refused_connections_max) {
            --shared.refused;
            return;
        }
        admission = Admission::refused;
    }
    error_code ignored;
    if (config.unix_path.empty()) socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    auto session = std::make_shared<Session>(loop, std::move(socket), admission);
    asio::post(loop.io, [&loop, session = std::move(session)] {
        loop.sessions.insert(session);
        session->start();
    });
}

void HttpServer::Impl::run() {
    accept();
    for (const auto& loop : loops) {
        loop->sweep();
        loop->thread = std::thread([&io = loop->io] { io.run(); });
    }
}

void HttpServer::Impl::stop() {
    for (const auto& loop : loops) {
        const std::lock_guard lock(loop->mailbox->mutex);
        CHECK(!loop->thread.joinable() || loop->thread.get_id() != std::this_thread::get_id());
        loop->mailbox->io = nullptr;
        loop->io.stop();
    }
    for (const auto& loop : loops) {
        if (loop->thread.joinable()) loop->thread.join();
    }
    if (bound_unix) ::unlink(config.unix_path.c_str());
    bound_unix = false;
    acceptor.reset();
    accept_timer.reset();
    for (const auto& loop : loops) {
        const auto sessions = std::exchange(loop->sessions, {});
        for (const auto& session : sessions) session->close();
    }
    // Sessions in a loop's queue may belong to another loop: all go before any.
    loops.clear();
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::listen(HttpServerConfig config,
                                                       HttpHandler handler) try {
    CHECK(handler && config.threads > 0);
    auto impl = std::make_unique<Impl>(std::move(config));
    impl->shared.handler = std::move(handler);
    if (impl->config.tls) {
        impl->shared.tls.emplace(TRY(make_server_tls(*impl->config.tls)).release());
    }
    for (unsigned i = 0; i < impl->config.threads; ++i) {
        impl->loops.push_back(std::make_unique<Loop>(impl->shared));
    }
    TRY_VOID(impl->open());
    impl->run();
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
} catch (const std::exception&) {  // No descriptor or thread left for a loop.
    return fail(ErrorKind::unavailable, "http: no resources to listen");
}

std::uint16_t HttpServer::port() const {
    return impl_->bound_port;
}
void HttpServer::stop() {
    impl_->stop();
}

}  // namespace softpos::net
