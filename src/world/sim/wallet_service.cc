// Sockets around the wallets.
#include "world/sim/wallet_service.h"

#include "codec/strict_json.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "platform/server/answers.h"
#include "platform/server/webhooks.h"

#include <boost/json.hpp>

#include <mutex>

namespace softpos::sim {
namespace {

namespace json = boost::json;

constexpr std::string_view control_path = "/v1/wallets";
constexpr std::size_t pem_bytes_max = 16UL * 1024;
constexpr std::uint32_t notice_ms = 10'000;

}  // namespace

struct WalletService::Impl {
    std::string address;
    std::unique_ptr<WalletHost> host;
    std::mutex mutex;
    std::string ca_pem;
    std::unique_ptr<net::HttpServer> server;

    net::HttpResponse rules(codec::StrictJson& body) const;
    net::HttpResponse bill(std::string_view target, const pay::FeeTable& fees) const;
};

Result<std::unique_ptr<WalletService>> WalletService::start(const std::string& address,
                                                            const Clock& clock, Random& random) {
    auto impl = std::make_unique<Impl>();
    impl->address = address;
    impl->host = TRY(WalletHost::make(clock, random));
    net::HttpServerConfig config;
    config.address = address;
    WalletHost* const host = impl->host.get();
    impl->server = TRY(net::HttpServer::listen(
        config, [host](const net::HttpRequest& request, const net::Responder& respond) {
            respond(host->handle(request));
        }));
    return std::unique_ptr<WalletService>(new WalletService(std::move(impl)));
}

WalletService::WalletService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

WalletService::~WalletService() {
    if (impl_) impl_->server.reset();
}

WalletHost& WalletService::host() {
    return *impl_->host;
}

std::string WalletService::url() const {
    return "http://" + impl_->address + ":" + std::to_string(impl_->server->port());
}

void WalletService::trust(const std::string& ca_pem) {
    const std::lock_guard lock(impl_->mutex);
    impl_->ca_pem = ca_pem;
}

Result<net::HttpResponse> WalletService::send(const SimNotice& notice) {
    const auto url = server::parse_webhook_url(notice.url);
    if (!url) return fail(ErrorKind::unavailable, "wallet: nobody wants to be told");
    net::HttpClientConfig config{.host = url->host, .port = url->port};
    {
        const std::lock_guard lock(impl_->mutex);
        if (url->tls) {
            config.tls = net::ClientTls{.ca_pem = impl_->ca_pem, .server_name = url->host};
        }
    }
    const auto client = TRY(net::HttpClient::make(config));
    return client->request({.method = "POST",
                            .target = url->target,
                            .headers = notice.headers,
                            .body = notice.body,
                            .content_type = notice.content_type,
                            .timeout_ms = notice_ms});
}

net::HttpResponse WalletService::Impl::rules(codec::StrictJson& body) const {
    WalletRule rule;
    rule.call = body.optional_text("call", 16).value_or("pay");
    rule.action = body.text("action", 16);
    rule.times = static_cast<std::uint32_t>(body.optional_integer("times", 1, 1'000).value_or(1));
    rule.delay_ms = body.optional_integer("delay_ms", -1, 600'000).value_or(0);
    if (const auto fault = body.finish()) return server::refuse(*fault);
    host->add(std::move(rule));
    return {.status = 200, .body = "{}"};
}

net::HttpResponse WalletService::Impl::bill(std::string_view target,
                                            const pay::FeeTable& fees) const {
    const auto name = server::query_of(target, "wallet");
    const auto date = pay::parse_date(server::query_of(target, "date").value_or(""));
    if (!name || !date) return server::refuse(Refusal::missing_field);
    auto bill = host->bill(*name, date->yyyymmdd, fees);
    if (!bill) return server::refuse(Refusal::bad_value, {}, "wallet");
    return {.status = 200, .content_type = "text/csv", .body = *std::move(bill)};
}

std::optional<net::HttpResponse> WalletService::control(const net::HttpRequest& request,
                                                        const pay::FeeTable& fees) {
    if (!request.target.starts_with(control_path)) return std::nullopt;
    const std::string path = request.target.substr(control_path.size());
    WalletHost& wallets = host();
    if (request.method == "GET" && path.starts_with("/bill?")) {
        return impl_->bill(request.target, fees);
    }
    if (request.method == "GET" && path.empty()) {
        return net::HttpResponse{.status = 200,
                                 .body = json::serialize(json::object{
                                     {"taken_minor", wallets.taken_minor()},
                                     {"refused_signatures", wallets.refused_signatures()}})};
    }
    codec::StrictJson body(request.body);
    if (path == "/rules") return impl_->rules(body);
    if (path == "/payer") {
        const std::string payer = body.text("payer", 64);
        if (const auto fault = body.finish()) return server::refuse(*fault);
        wallets.set_payer(payer);
        return net::HttpResponse{.status = 200, .body = "{}"};
    }
    if (path == "/config") {
        const std::string folder = body.text("folder", 256);
        const std::string notify_base = body.text("notify_base", 256);
        trust(body.lines("ca_pem", pem_bytes_max));
        if (const auto fault = body.finish()) return server::refuse(*fault);
        const auto written = wallets.write_config(folder, url(), notify_base);
        if (!written) return server::refuse(Refusal::store_unavailable);
        return net::HttpResponse{.status = 200, .body = "{}"};
    }
    if (path != "/scan") return server::refuse(Refusal::no_such_path);
    const std::string code = body.text("code", 512);
    const std::string payer = body.optional_text("payer", 64).value_or("payer-1");
    const std::int64_t notices = body.optional_integer("notices", 0, 10).value_or(1);
    if (const auto fault = body.finish()) return server::refuse(*fault);
    const auto notice = wallets.scan(code, payer);
    if (!notice) return server::refuse(Refusal::not_found);
    std::int64_t taken = 0;
    for (std::int64_t i = 0; i < notices; ++i) {
        const auto answered = send(*notice);
        if (answered && answered->status == 200) ++taken;
    }
    return net::HttpResponse{.status = 200,
                             .body = json::serialize(json::object{{"notices_taken", taken}})};
}

}  // namespace softpos::sim
