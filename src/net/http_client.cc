// Connection is what both clients are made of: one request at a time, asynchronous, connecting when
// needed. HttpClient runs its loop until the one answer is there; HttpLoad has many on a thread.
//
// Each connect makes a new Channel, and each operation holds the one it was started on: an
// operation that ends after its deadline finds that its channel is no longer the current one, and
// stops.
#include "net/http_client.h"

#include "base/check.h"
#include "net/http_wire.h"
#include "net/tls_context.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <exception>
#include <mutex>
#include <sys/socket.h>
#include <thread>
#include <utility>

namespace softpos::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Socket = asio::generic::stream_protocol::socket;
using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t input_slack_bytes =
    std::size_t{16} * 1024;  // Beyond the header: some body comes along.
constexpr std::size_t host_bytes_max = 255;

std::unexpected<Error> fail_sent(ErrorKind kind, Literal what, HttpSent sent) {
    return fail(kind, what, static_cast<std::uint32_t>(sent));
}

// What an operation's error tells the caller.
ErrorKind kind_of(const error_code& error) {
    const bool proof = error.category() == asio::error::get_ssl_category();
    return proof ? ErrorKind::denied : ErrorKind::unavailable;
}

struct SessionFree {
    void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};

// What every connection of one client has in common.
struct Shared {
    HttpClientConfig config;
    std::optional<asio::ssl::context> tls;
    std::string host_header;
    std::unique_ptr<SSL_SESSION, SessionFree> session;  // Spares the next handshake its proofs.
};

Result<std::unique_ptr<Shared>> make_shared_part(HttpClientConfig config) {
    auto shared = std::make_unique<Shared>();
    if (config.unix_path.empty() && (config.host.empty() || config.host.size() > host_bytes_max)) {
        return fail(ErrorKind::malformed, "http: host");
    }
    if (config.unix_path.size() >= sizeof(sockaddr_un::sun_path)) {
        return fail(ErrorKind::malformed, "http: socket path too long");
    }
    if (config.tls) shared->tls.emplace(TRY(make_client_tls(*config.tls)).release());
    if (!config.unix_path.empty()) {
        shared->host_header = "localhost";
    } else {
        const bool v6 = config.host.find(':') != std::string::npos;
        shared->host_header = v6 ? "[" + config.host + "]" : config.host;
        shared->host_header += ":" + std::to_string(config.port);
    }
    shared->config = std::move(config);
    return shared;
}

struct Channel {
    Channel(asio::io_context& io, Shared& shared)
        : socket(io),
          parser({shared.config.answer_header_bytes_max, shared.config.answer_bytes_max}) {
        if (shared.tls) tls.emplace(socket, *shared.tls);
        input.resize(shared.config.answer_header_bytes_max + input_slack_bytes);
    }

    // Any byte there was not asked for, most likely TLS's farewell: as useless as a closed one.
    bool stale() {
        char byte = 0;
        return ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
               errno != EAGAIN;
    }

    Socket socket;
    std::optional<asio::ssl::stream<Socket&>> tls;
    HttpResponseParser parser;
    std::vector<char> input;
    std::size_t begin = 0;
    std::size_t end = 0;
    std::string output;
};
using ChannelRef = std::shared_ptr<Channel>;  // Shared with the operation under way.

// One request at a time. Lives until its loop is done.
class Connection {
public:
    using Done = std::function<void(Result<HttpResponse>)>;

    Connection(asio::io_context& io, Shared& shared)
        : io_(io), shared_(shared), resolver_(io), timer_(io) {}
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // `call` stays until `done`.
    void request(const HttpCall& call, Done done);
    void disconnect();

private:
    void connect();
    void connect_unix();
    void resolve();
    void connect_tcp(std::vector<tcp::endpoint> endpoints, std::size_t index);
    void connected();
    void send();
    void read_more();
    void on_input(std::size_t size);
    void on_lost(const error_code& error);
    void succeed();
    void give_up(ErrorKind kind, Literal what);
    void arm(std::uint32_t after_ms, Literal what);

    bool current(const ChannelRef& channel) const { return done_ && channel == channel_; }

    asio::io_context& io_;
    Shared& shared_;
    tcp::resolver resolver_;
    asio::steady_timer timer_;
    std::uint64_t armed_ = 0;  // The deadline that counts; those before it are void.
    ChannelRef channel_;
    const HttpCall* call_ = nullptr;
    Done done_;
    HttpSent sent_ = HttpSent::not_sent;
    bool reused_ = false;  // Was open before this request: may have gone stale unseen.
    bool answered_ = false;
};

bool may_repeat(const HttpCall& call) {
    // Spec: [RFC-9110] 9.2.2.
    static constexpr std::array idempotent{"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};
    return call.retry_on_stale || std::ranges::find(idempotent, call.method) != idempotent.end();
}

void Connection::request(const HttpCall& call, Done done) {
    CHECK(!done_);
    call_ = &call;
    done_ = std::move(done);
    sent_ = HttpSent::not_sent;
    reused_ = channel_ && !channel_->stale();
    if (reused_) return send();
    connect();
}

void Connection::disconnect() {
    timer_.cancel();
    ++armed_;
    if (!channel_) return;
    if (channel_->tls) {
        SSL* ssl = channel_->tls->native_handle();
        SSL_SESSION* session = SSL_get1_session(ssl);
        if (session != nullptr && SSL_SESSION_is_resumable(session) == 1) {
            shared_.session.reset(session);
        } else {
            SSL_SESSION_free(session);
        }
    }
    error_code ignored;
    channel_->socket.close(ignored);
    channel_.reset();
}

void Connection::arm(std::uint32_t after_ms, Literal what) {
    timer_.expires_after(milliseconds(after_ms));
    timer_.async_wait([this, what, number = ++armed_](error_code error) {
        if (!error && number == armed_ && done_) give_up(ErrorKind::unavailable, what);
    });
}

void Connection::give_up(ErrorKind kind, Literal what) {
    disconnect();
    const Done done = std::exchange(done_, nullptr);
    done(fail_sent(kind, what, sent_));
}

void Connection::connect() {
    disconnect();
    channel_ = std::make_shared<Channel>(io_, shared_);
    arm(shared_.config.connect_ms, "http: connecting took too long");
    if (!shared_.config.unix_path.empty()) return connect_unix();
    error_code error;
    const auto address = asio::ip::make_address(shared_.config.host, error);
    if (error) return resolve();
    connect_tcp({tcp::endpoint(address, shared_.config.port)}, 0);
}

void Connection::connect_unix() {
    const asio::local::stream_protocol::endpoint endpoint(shared_.config.unix_path);
    channel_->socket.async_connect(endpoint, [this, channel = channel_](error_code error) {
        if (!current(channel)) return;
        if (error) return give_up(ErrorKind::unavailable, "http: cannot connect");
        connected();
    });
}

void Connection::resolve() {
    resolver_.async_resolve(
        shared_.config.host, std::to_string(shared_.config.port), tcp::resolver::numeric_service,
        [this, channel = channel_](error_code error, const tcp::resolver::results_type& found) {
            if (!current(channel)) return;
            if (error) return give_up(ErrorKind::unavailable, "http: no such host");
            connect_tcp({found.begin(), found.end()}, 0);
        });
}

// One address after the other.
void Connection::connect_tcp(std::vector<tcp::endpoint> endpoints, std::size_t index) {
    if (index == endpoints.size()) return give_up(ErrorKind::unavailable, "http: cannot connect");
    error_code ignored;
    channel_->socket.close(ignored);
    const tcp::endpoint endpoint = endpoints[index];
    channel_->socket.async_connect(
        endpoint,
        [this, channel = channel_, endpoints = std::move(endpoints), index](error_code error) {
            if (!current(channel)) return;
            if (error) return connect_tcp(endpoints, index + 1);
            error_code no_delay_error;
            channel->socket.set_option(tcp::no_delay(true), no_delay_error);
            connected();
        });
}

void Connection::connected() {
    if (!channel_->tls) return send();
    arm(shared_.config.handshake_ms, "http: TLS handshake took too long");
    SSL* ssl = channel_->tls->native_handle();
    set_wanted_server(ssl, shared_.config.tls->server_name);
    if (shared_.session) SSL_set_session(ssl, shared_.session.get());
    channel_->tls->async_handshake(
        asio::ssl::stream_base::client, [this, channel = channel_](error_code error) {
            if (!current(channel)) return;
            if (error) return give_up(kind_of(error), "http: TLS handshake failed");
            send();
        });
}

void Connection::send() {
    arm(call_->timeout_ms, "http: no answer in time");
    const HttpRequestParts parts{.method = call_->method,
                                 .target = call_->target,
                                 .host = shared_.host_header,
                                 .content_type = call_->content_type,
                                 .body = call_->body,
                                 .headers = call_->headers};
    if (!write_request(channel_->output, parts)) {
        return give_up(ErrorKind::malformed, "http: request cannot be written");
    }
    if (call_->method == "HEAD") channel_->parser.expect_no_body();
    answered_ = false;
    sent_ = HttpSent::sent_unknown;  // A failed write does not tell how much the kernel took.
    const auto then = [this, channel = channel_](error_code error, std::size_t) {
        if (!current(channel)) return;
        if (error) return on_lost(error);
        read_more();
    };
    if (channel_->tls) {
        asio::async_write(*channel_->tls, asio::buffer(channel_->output), then);
    } else {
        asio::async_write(channel_->socket, asio::buffer(channel_->output), then);
    }
}

void Connection::read_more() {
    Channel& c = *channel_;
    std::copy(c.input.begin() + static_cast<std::ptrdiff_t>(c.begin),
              c.input.begin() + static_cast<std::ptrdiff_t>(c.end), c.input.begin());
    c.end -= std::exchange(c.begin, 0);
    if (c.end == c.input.size()) return give_up(ErrorKind::malformed, "http: answer's header");
    const asio::mutable_buffer space(c.input.data() + c.end, c.input.size() - c.end);
    const auto then = [this, channel = channel_](error_code error, std::size_t size) {
        if (!current(channel)) return;
        if (error) return on_lost(error);
        on_input(size);
    };
    if (c.tls) {
        c.tls->async_read_some(space, then);
    } else {
        c.socket.async_read_some(space, then);
    }
}

void Connection::on_input(std::size_t size) {
    Channel& c = *channel_;
    answered_ = true;
    c.end += size;
    const auto taken = c.parser.feed({c.input.data() + c.begin, c.end - c.begin});
    if (!taken) return give_up(ErrorKind::malformed, "http: answer breaks HTTP or a limit");
    c.begin += *taken;
    if (!c.parser.done()) return read_more();
    succeed();
}

// Also where an answer without a length ends.
void Connection::on_lost(const error_code& error) {
    const bool ended = error == asio::error::eof || error == asio::ssl::error::stream_truncated;
    if (!answered_ && reused_ && kind_of(error) != ErrorKind::denied && may_repeat(*call_)) {
        reused_ = false;
        return connect();
    }
    // Only a proper end may complete an answer: a cut connection could be somebody's doing.
    if (answered_ && error == asio::error::eof && channel_->parser.feed_end() &&
        channel_->parser.done()) {
        return succeed();
    }
    if (ended) return give_up(ErrorKind::unavailable, "http: closed before the whole answer");
    give_up(kind_of(error), "http: connection lost");
}

void Connection::succeed() {
    const bool keep = channel_->parser.keep_alive() && channel_->begin == channel_->end;
    HttpResponse response = channel_->parser.take();
    timer_.cancel();
    ++armed_;
    if (!keep) disconnect();
    const Done done = std::exchange(done_, nullptr);
    done(std::move(response));
}

}  // namespace

bool request_may_have_left(const Error& error) {
    return error.detail != static_cast<std::uint32_t>(HttpSent::not_sent);
}

struct HttpClient::Impl {
    explicit Impl(std::unique_ptr<Shared> shared_in) : shared(std::move(shared_in)) {}

    std::unique_ptr<Shared> shared;
    asio::io_context io{1};
    Connection connection{io, *shared};
};

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpClient>> HttpClient::make(HttpClientConfig config) try {
    auto shared = TRY(make_shared_part(std::move(config)));
    return std::unique_ptr<HttpClient>(new HttpClient(std::make_unique<Impl>(std::move(shared))));
} catch (const std::exception&) {  // No descriptor left for a loop.
    return fail(ErrorKind::unavailable, "http: no resources for a client");
}

Result<HttpResponse> HttpClient::request(const HttpCall& call) {
    std::optional<Result<HttpResponse>> result;
    impl_->connection.request(call, [&](Result<HttpResponse> r) { result = std::move(r); });
    impl_->io.restart();
    while (!result) {
        if (impl_->io.run_one() == 0) impl_->io.restart();
    }
    return *std::move(result);
}

void HttpClient::disconnect() {
    impl_->connection.disconnect();
}

namespace {

struct Job {
    HttpCall call;
    HttpLoad::Callback callback;
    SteadyClock::time_point submitted;
};

void finish(Job& job, unsigned status, std::string body) {
    const auto took = SteadyClock::now() - job.submitted;
    job.callback(status, std::move(body),
                 std::chrono::duration_cast<std::chrono::microseconds>(took).count());
}

struct Worker {
    Worker(asio::io_context& io, Shared& shared) : connection(io, shared) {}

    std::optional<Job> job;
    Connection connection;
};

}  // namespace

struct HttpLoad::Impl {
    explicit Impl(std::unique_ptr<Shared> shared_in) : shared(std::move(shared_in)) {}

    // From any thread.
    void submit(Job job) {
        {
            const std::lock_guard lock(mutex);
            inbox.push_back(std::move(job));
            if (std::exchange(wake_posted, true)) return;
        }
        asio::post(io, [this] { take_inbox(); });
    }

    // On the loop's thread, as all below.
    void take_inbox() {
        std::vector<Job> jobs;
        {
            const std::lock_guard lock(mutex);
            jobs.swap(inbox);
            wake_posted = false;
        }
        for (Job& job : jobs) put(std::move(job));
    }

    void put(Job job) {
        if (idle.empty()) return waiting.push_back(std::move(job));
        Worker* worker = idle.back();
        idle.pop_back();
        begin(*worker, std::move(job));
    }

    void begin(Worker& worker, Job job) {
        worker.job = std::move(job);
        worker.connection.request(worker.job->call, [this, &worker](Result<HttpResponse> result) {
            Job done = *std::exchange(worker.job, std::nullopt);
            next(worker);
            finish(done, result ? result->status : 0, result ? std::move(result->body) : "");
        });
    }

    // Posted, not called: a row of requests that fail at once must not become a deep stack.
    void next(Worker& worker) {
        asio::post(io, [this, &worker] {
            if (waiting.empty()) return idle.push_back(&worker);
            Job job = std::move(waiting.front());
            waiting.pop_front();
            begin(worker, std::move(job));
        });
    }

    std::unique_ptr<Shared> shared;
    std::mutex mutex;  // Guards the inbox: submit() comes from any thread.
    std::vector<Job> inbox;
    bool wake_posted = false;
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    std::deque<Job> waiting;
    std::vector<std::unique_ptr<Worker>> workers;
    std::vector<Worker*> idle;
    std::thread thread;
};

HttpLoad::HttpLoad(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<HttpLoad>> HttpLoad::make(HttpClientConfig config,
                                                 std::size_t connections) try {
    CHECK(connections > 0);
    auto shared = TRY(make_shared_part(std::move(config)));
    auto impl = std::make_unique<Impl>(std::move(shared));
    for (std::size_t i = 0; i < connections; ++i) {
        impl->workers.push_back(std::make_unique<Worker>(impl->io, *impl->shared));
        impl->idle.push_back(impl->workers.back().get());
    }
    impl->thread = std::thread([&io = impl->io] { io.run(); });
    return std::unique_ptr<HttpLoad>(new HttpLoad(std::move(impl)));
} catch (const std::exception&) {
    return fail(ErrorKind::unavailable, "http: no resources for a client");
}

HttpLoad::~HttpLoad() {
    impl_->io.stop();
    impl_->thread.join();
    std::vector<Job> late;  // Taken first: what a callback submits from here on is dropped.
    {
        const std::lock_guard lock(impl_->mutex);
        late.swap(impl_->inbox);
        impl_->wake_posted = true;
    }
    for (const auto& worker : impl_->workers) {
        if (worker->job) finish(*worker->job, 0, "");
    }
    for (Job& job : impl_->waiting) finish(job, 0, "");
    for (Job& job : late) finish(job, 0, "");
}

void HttpLoad::submit(HttpCall call, Callback callback) {
    impl_->submit({std::move(call), std::move(callback), SteadyClock::now()});
}

}  // namespace softpos::net
