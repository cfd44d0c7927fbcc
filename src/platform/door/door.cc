// Network threads only queue; workers wait for the vault.
#include "platform/door/door.h"

#include "base/log.h"
#include "base/refusal.h"
#include "host/durable_file.h"
#include "host/seqpacket.h"
#include "net/http_server.h"
#include "platform/door/revoked.h"
#include "protocol/vault_door.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace softpos::door {
namespace {

constexpr std::uint32_t idle_ms = 600'000;  // Callers keep their connections.
constexpr std::uint32_t spare_ms = 5'000;   // A call may wait for a worker besides.

net::HttpResponse refuse(Refusal refusal) {
    const RefusalRow& row = row_of(refusal);
    std::string body = "{\"refusal\":{\"code\":\"";
    body.append(row.code).append("\"}}");
    return {.status = row.http_status, .body = std::move(body)};
}

void wipe_text(std::string& text) {
    wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

struct Waiting {
    net::HttpRequest request;
    net::Responder respond;
};

}  // namespace

struct Door::Impl {
    explicit Impl(Options given) : options(std::move(given)) {}
    ~Impl() {
        if (server) server->stop();  // Nothing new; then those who wait are dropped.
        {
            const std::lock_guard lock(mutex);
            stopping = true;
        }
        wake.notify_all();
        for (std::thread& worker : workers) worker.join();
    }

    void take(net::HttpRequest request, const net::Responder& respond);
    void work();
    net::HttpResponse answer(net::HttpRequest& request, host::SeqpacketClient& vault) const;

    Options options;
    std::mutex mutex;
    std::condition_variable wake;
    std::deque<Waiting> queue;
    bool stopping = false;
    std::vector<std::thread> workers;
    std::unique_ptr<net::HttpServer> server;
};

void Door::Impl::take(net::HttpRequest request, const net::Responder& respond) {
    if (request.target != call_path) return respond(refuse(Refusal::no_such_path));
    if (request.method != "POST") return respond(refuse(Refusal::bad_method));
    if (request.body.empty()) return respond(refuse(Refusal::bad_value));
    if (!protocol::is_door_caller(request.peer_common_name)) {
        log(LogLevel::warning, "door: a certificate whose name no vault knows");
        return respond(refuse(Refusal::forbidden));
    }
    {
        const std::lock_guard lock(mutex);
        if (stopping || queue.size() >= options.waiting_max) {
            return respond(refuse(Refusal::server_unavailable));
        }
        queue.push_back({std::move(request), respond});
    }
    wake.notify_one();
}

void Door::Impl::work() {
    host::SeqpacketClient vault({.path = options.vault_socket,
                                 .timeout_ms = options.vault_ms,
                                 .server_uid = options.vault_uid});
    for (;;) {
        Waiting next;
        {
            std::unique_lock lock(mutex);
            wake.wait(lock, [this] { return stopping || !queue.empty(); });
            if (stopping) return;
            next = std::move(queue.front());
            queue.pop_front();
        }
        next.respond(answer(next.request, vault));
        wipe_text(next.request.body);
    }
}

net::HttpResponse Door::Impl::answer(net::HttpRequest& request,
                                     host::SeqpacketClient& vault) const {
    if (!options.revoked_path.empty()) {
        const auto list = host::read_file(options.revoked_path, revoked_bytes_max);
        const auto revoked = list ? is_revoked(text_of(*list), request.peer_fingerprint)
                                  : Result<bool>(std::unexpected(list.error()));
        if (!revoked) {
            log(LogLevel::error, "door: list of revoked certificates", revoked.error());
            return refuse(Refusal::vault_unavailable);
        }
        if (*revoked) {
            log(LogLevel::warning, "door: a revoked certificate",
                {{"caller", LogId(request.peer_common_name)}});
            return refuse(Refusal::forbidden);
        }
    }
    Buffer message = protocol::encode_door_call(request.peer_common_name, bytes_of(request.body));
    auto answer = vault.call(message);
    wipe(message);
    if (!answer) {
        log(LogLevel::error, "door: the vault does not answer", answer.error());
        return refuse(Refusal::vault_unavailable);
    }
    net::HttpResponse response{.content_type = content_type, .body = std::string(text_of(*answer))};
    wipe(*answer);
    return response;
}

Door::Door(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Door::~Door() = default;

std::uint16_t Door::port() const {
    return impl_->server->port();
}

Result<std::unique_ptr<Door>> Door::start(Options options) {
    if (options.client_ca_pem.empty()) {
        return fail(ErrorKind::malformed, "door: no authority for its callers");
    }
    net::HttpServerConfig config;
    config.address = options.address;
    config.port = options.port;
    config.tls = net::ServerTls{.cert_pem = options.cert_pem,
                                .key_pem = options.key_pem,
                                .client_ca_pem = options.client_ca_pem,
                                .rules = net::TlsRules::strict};
    config.limits.body_bytes_max = protocol::door_request_bytes_max;
    config.limits.connections_max = 256;
    config.limits.idle_ms = idle_ms;
    config.limits.request_ms = options.vault_ms + spare_ms;
    wipe_text(options.key_pem);
    auto impl = std::make_unique<Impl>(std::move(options));
    Impl* const self = impl.get();
    for (unsigned i = 0; i < std::max(1U, self->options.workers); ++i) {
        self->workers.emplace_back([self] { self->work(); });
    }
    self->server = TRY(net::HttpServer::listen(
        std::move(config), [self](net::HttpRequest request, const net::Responder& respond) {
            self->take(std::move(request), respond);
        }));
    return std::unique_ptr<Door>(new Door(std::move(impl)));
}

}  // namespace softpos::door
