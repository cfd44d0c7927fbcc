// Sends and waits; messages are wiped as far as they are ours.
#include "platform/door/https_vault.h"

#include "base/log.h"
#include "platform/door/door.h"
#include "protocol/vault_door.h"

#include <algorithm>

namespace softpos::door {
namespace {

constexpr unsigned status_ok = 200;

void wipe_text(std::string& text) {
    wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

}  // namespace

Result<std::unique_ptr<HttpsVault>> HttpsVault::connect(Options options) {
    std::unique_ptr<HttpsVault> vault(new HttpsVault(options));
    vault->timeout_ms_ = options.timeout_ms;
    const net::HttpClientConfig config{.host = options.host,
                                       .port = options.port,
                                       .tls = net::ClientTls{.ca_pem = options.ca_pem,
                                                             .server_name = options.host,
                                                             .cert_pem = options.cert_pem,
                                                             .key_pem = options.key_pem,
                                                             .rules = net::TlsRules::strict},
                                       .connect_ms = options.timeout_ms,
                                       .handshake_ms = options.timeout_ms,
                                       .answer_bytes_max = Door::answer_bytes_max};
    for (unsigned i = 0; i < std::max(1U, options.connections_max); ++i) {
        auto one = std::make_unique<Connection>();
        one->client = TRY(net::HttpClient::make(config));
        vault->free_.push_back(one.get());
        vault->connections_.push_back(std::move(one));
    }
    wipe_text(options.key_pem);
    TRY_VOID(vault->status());
    return vault;
}

// One break tells that the door went away: the other connections are not tried by a payment each.
HttpsVault::Connection* HttpsVault::take() {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [this] { return !free_.empty(); });
    Connection* const connection = free_.back();
    free_.pop_back();
    const bool still = clock_.ticks().us - connection->used.us > still_us_max_;
    if (still || connection->breaks != breaks_) connection->client->disconnect();
    connection->breaks = breaks_;
    return connection;
}

void HttpsVault::give_back(Connection* connection, bool broke) {
    {
        const std::lock_guard lock(mutex_);
        if (broke) ++breaks_;
        connection->used = clock_.ticks();
        free_.push_back(connection);
    }
    freed_.notify_one();
}

Result<protocol::VaultAnswer> HttpsVault::exchange(const protocol::VaultRequest& request) {
    const auto unavailable =
        std::unexpected(protocol::error_of(ErrorKind::unavailable, protocol::VaultFault::other));
    Buffer message = protocol::encode(request);
    net::HttpCall call{.method = "POST",
                       .target = Door::call_path,
                       .body = std::string(text_of(message)),
                       .content_type = Door::content_type,
                       .timeout_ms = timeout_ms_};
    wipe(message);
    Connection* const connection = take();
    auto answer = connection->client->request(call);
    give_back(connection, !answer);
    wipe_text(call.body);
    if (!answer) {
        log(LogLevel::warning, "vault: its door does not answer", answer.error());
        return unavailable;
    }
    if (answer->status != status_ok) {
        log(LogLevel::warning, "vault: its door refuses",
            {{"status", std::int64_t{answer->status}}});
        return unavailable;
    }
    auto decoded = protocol::decode_vault_answer(bytes_of(answer->body));
    wipe_text(answer->body);
    if (!decoded) return unavailable;
    return decoded;
}

}  // namespace softpos::door
