// Requests a second that one server thread answers over kept TLS connections, driven by one client
// thread of this process; `server_us` is the server thread's own processor time for each, which
// does not depend on what else the machine does. `handshake` is the price of a new connection.
// links: net crypto benchmark
#include "base/check.h"
#include "base/clock.h"
#include "crypto/x509.h"
#include "net/http_client.h"
#include "net/http_server.h"

#include <benchmark/benchmark.h>

#include <atomic>
#include <condition_variable>
#include <ctime>
#include <mutex>

namespace {

namespace net = softpos::net;

constexpr std::size_t batch = 2'000;
constexpr const char* answer =
    R"({"payment_id":"0123456789abcdef0123456789abcdef","state":"approved","amount_minor":1000})";
constexpr const char* call_body = R"({"idempotency_key":"0123456789abcdef0123456789abcdef",)"
                                  R"("amount_minor":1000,"currency":"CNY"})";

std::int64_t thread_cpu_ns() {
    timespec time{};
    CHECK(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

enum class Security { plain, tls };

// Server and the client's settings for it.
struct Site {
    explicit Site(Security security) {
        net::HttpServerConfig config;
        if (security == Security::tls) {
            const softpos::Instant now = softpos::SystemClock().now();
            const auto ca = softpos::crypto::make_ca("bench", now, 2).value();
            const auto identity =
                softpos::crypto::issue_server(
                    ca, {.common_name = "bench", .dns = {"localhost"}, .ip = {}}, now, 2)
                    .value();
            config.tls = net::ServerTls{identity.cert_pem, identity.key_pem, ca.cert_pem};
            client.tls = net::ClientTls{.ca_pem = ca.cert_pem, .server_name = "localhost"};
        }
        server = net::HttpServer::listen(config, [this](const net::HttpRequest&,
                                                        const net::Responder& respond) {
                     server_cpu_ns = thread_cpu_ns();
                     respond({.body = answer});
                 }).value();
        client.port = server->port();
    }

    net::HttpClientConfig client;
    std::atomic<std::int64_t> server_cpu_ns = 0;
    std::unique_ptr<net::HttpServer> server;
};

// Lets the benchmark wait for a batch.
struct Countdown {
    void done() {
        const std::lock_guard lock(mutex);
        if (--left == 0) empty.notify_one();
    }
    void wait() {
        std::unique_lock lock(mutex);
        empty.wait(lock, [this] { return left == 0; });
    }
    std::mutex mutex;
    std::condition_variable empty;
    std::size_t left = batch;
};

void run_batch(net::HttpLoad& load) {
    Countdown countdown;
    for (std::size_t i = 0; i < batch; ++i) {
        load.submit({.method = "POST", .target = "/v1/phone/payments", .body = call_body},
                    [&](unsigned status, const std::string&, std::int64_t) {
                        CHECK(status == 200);
                        countdown.done();
                    });
    }
    countdown.wait();
}

void kept_connections(benchmark::State& state, Security security) {
    Site site(security);
    const auto load =
        net::HttpLoad::make(site.client, static_cast<std::size_t>(state.range(0))).value();
    run_batch(*load);  // Connects.
    const std::int64_t before = site.server_cpu_ns;
    for (auto _ : state) run_batch(*load);
    const std::int64_t cpu_ns = site.server_cpu_ns - before;
    const auto requests = state.iterations() * static_cast<std::int64_t>(batch);
    state.SetItemsProcessed(requests);
    state.counters["server_us"] =
        static_cast<double>(cpu_ns) / 1000 / static_cast<double>(requests);
}
BENCHMARK_CAPTURE(kept_connections, tls, Security::tls)->Arg(1)->Arg(64)->UseRealTime();
BENCHMARK_CAPTURE(kept_connections, plain, Security::plain)->Arg(64)->UseRealTime();

void handshake(benchmark::State& state) {
    Site site(Security::tls);
    for (auto _ : state) {
        const auto client = net::HttpClient::make(site.client).value();
        CHECK(client->request({}));
    }
}
BENCHMARK(handshake)->UseRealTime();

}  // namespace
