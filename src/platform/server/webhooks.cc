// One thread of its own: a slow listener holds up nobody but other listeners.
#include "platform/server/webhooks.h"

#include "base/hex.h"
#include "base/log.h"
#include "crypto/mac.h"
#include "net/http_client.h"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace softpos::server {
namespace {

constexpr std::size_t batch_max = 64;
constexpr std::uint32_t answer_ms = 10'000;
constexpr std::uint32_t connect_ms = 5'000;
constexpr std::size_t secret_bytes = 32;
constexpr std::size_t url_bytes_max = 512;
constexpr std::chrono::seconds round_every{5};
// 1, 2, 4, … seconds, then an hour each: the last attempt is about a day after the first.
constexpr std::uint32_t doubling_attempts = 12;
constexpr std::uint32_t attempts_max = 32;
constexpr std::int64_t hour_ms = 3'600'000;

bool is_here(std::string_view host) {
    return host == "127.0.0.1" || host == "localhost" || host == "::1";
}

bool wants(const store::WebhookRow& webhook, std::string_view topic) {
    if (webhook.disabled_at.unix_ms != 0) return false;
    std::string_view topics = webhook.topics;
    if (topics.empty()) return true;
    while (!topics.empty()) {
        const std::size_t end = std::min(topics.find(' '), topics.size());
        if (topics.substr(0, end) == topic) return true;
        topics.remove_prefix(std::min(end + 1, topics.size()));
    }
    return false;
}

}  // namespace

std::optional<WebhookUrl> parse_webhook_url(std::string_view url) {
    if (url.size() > url_bytes_max) return std::nullopt;
    const bool printable = std::ranges::all_of(url, [](char c) { return c > 0x20 && c < 0x7F; });
    if (!printable) return std::nullopt;
    WebhookUrl out;
    if (url.starts_with("https://")) {
        url.remove_prefix(8);
    } else if (url.starts_with("http://")) {
        url.remove_prefix(7);
        out.tls = false;
        out.port = 80;
    } else {
        return std::nullopt;
    }
    const std::size_t path = std::min(url.find_first_of("/?#"), url.size());
    if (path < url.size()) {
        if (url[path] != '/' || url.find('#') != std::string_view::npos) return std::nullopt;
        out.target = std::string(url.substr(path));
    }
    std::string_view authority = url.substr(0, path);
    if (authority.find('@') != std::string_view::npos) return std::nullopt;
    const std::size_t colon = authority.rfind(':');
    const std::size_t bracket = authority.rfind(']');
    const bool has_port =
        colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
    if (has_port) {
        const std::string_view port = authority.substr(colon + 1);
        const auto end = port.data() + port.size();
        const auto read = std::from_chars(port.data(), end, out.port);
        if (read.ec != std::errc() || read.ptr != end || out.port == 0) return std::nullopt;
        authority = authority.substr(0, colon);
    }
    if (authority.starts_with('[') && authority.ends_with(']')) {
        authority = authority.substr(1, authority.size() - 2);
    }
    if (authority.empty()) return std::nullopt;
    out.host = std::string(authority);
    if (!out.tls && !is_here(out.host)) return std::nullopt;
    return out;
}

std::string webhook_signature(Bytes secret, Instant at, std::string_view body) {
    const std::string seconds = std::to_string(at.unix_ms / 1000);
    const std::string message = seconds + "." + std::string(body);
    return "t=" + seconds + ",v1=" + to_hex(crypto::hmac_sha256(secret, bytes_of(message)));
}

std::optional<std::int64_t> webhook_pause_ms(std::uint32_t attempts) {
    if (attempts >= attempts_max) return std::nullopt;
    if (attempts == 0) return 0;
    if (attempts > doubling_attempts) return hour_ms;
    return std::min<std::int64_t>(std::int64_t{1000} << (attempts - 1), hour_ms);
}

Webhooks::Webhooks(Parts parts) : parts_(std::move(parts)) {
    if (parts_.rounds) thread_ = std::thread([this] { run(); });
}

Webhooks::~Webhooks() {
    stop();
}

void Webhooks::stop() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

Result<Webhooks::Added> Webhooks::add(std::string_view url, std::string_view topics) {
    Added added{Id128::make(parts_.random), {}};
    const auto secret = parts_.random.take<secret_bytes>();
    added.secret = to_hex(secret);
    store::WebhookRow row{.id = added.id};
    row.url = url;
    row.topics = topics;
    row.secret = TRY(parts_.numbers.seal(added.secret, parts_.random));
    row.created_at = parts_.clock.now();
    TRY_VOID(parts_.store.run([&](store::Tx& tx) { return tx.insert(row); }));
    return added;
}

Result<void> Webhooks::disable(const Id128& id) {
    return parts_.store.run([&](store::Tx& tx) -> Result<void> {
        auto row = TRY(tx.webhook(id));
        if (!row) return fail(ErrorKind::not_found, "webhook: no such address");
        row->disabled_at = parts_.clock.now();
        return tx.update(*row);
    });
}

void Webhooks::nudge() {
    {
        const std::lock_guard lock(mutex_);
        nudged_ = true;
    }
    changed_.notify_all();
}

void Webhooks::run() {
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            changed_.wait_for(lock, round_every, [this] { return nudged_ || stopping_; });
            if (stopping_) return;
            nudged_ = false;
        }
        auto done = fan_out();
        if (done) done = send_due();
        if (!done) log(LogLevel::warning, "webhooks: round failed", done.error());
    }
}

// From the outbox to one row for each address, in one commit.
Result<void> Webhooks::fan_out() {
    bool more = true;
    while (more) {
        TRY_VOID(parts_.store.run([&](store::Tx& tx) -> Result<void> {
            const auto messages = TRY(tx.outbox(batch_max));
            more = messages.size() == batch_max;
            if (messages.empty()) return {};
            const auto webhooks = TRY(tx.webhooks());
            for (const store::OutboxMessage& message : messages) {
                for (const store::WebhookRow& webhook : webhooks) {
                    if (!wants(webhook, message.topic)) continue;
                    store::DeliveryRow row{.webhook = webhook.id, .sequence = message.sequence};
                    row.topic = message.topic;
                    row.body = message.body;
                    row.created_at = message.created_at;
                    row.next_at = parts_.clock.now();
                    TRY_VOID(tx.insert(row));
                }
            }
            return tx.dequeue(messages.back().sequence);
        }));
    }
    return {};
}

Result<void> Webhooks::send_due() {
    std::vector<store::DeliveryRow> due;
    TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
        due = TRY(reader.deliveries_due(parts_.clock.now(), batch_max));
        return {};
    }));
    for (store::DeliveryRow& delivery : due) {
        {
            const std::lock_guard lock(mutex_);
            if (stopping_) return {};
        }
        const auto sent = send(delivery);
        if (!sent) log(LogLevel::warning, "webhook: not delivered", sent.error());
        ++delivery.attempts;
        const auto pause = webhook_pause_ms(delivery.attempts);
        delivery.next_at = {parts_.clock.now().unix_ms + pause.value_or(0)};
        delivery.state = sent     ? store::DeliveryState::done
                         : !pause ? store::DeliveryState::given_up
                                  : store::DeliveryState::due;
        TRY_VOID(parts_.store.run([&](store::Tx& tx) { return tx.update(delivery); }));
    }
    return {};
}

Result<void> Webhooks::send(store::DeliveryRow& delivery) {
    std::optional<store::WebhookRow> webhook;
    TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
        webhook = TRY(reader.webhook(delivery.webhook));
        return {};
    }));
    if (!webhook) return fail(ErrorKind::not_found, "webhook: the address is gone");
    const auto url = parse_webhook_url(webhook->url);
    if (!url) return fail(ErrorKind::malformed, "webhook: the address cannot be one");
    const SecretBytes hex = TRY(parts_.numbers.open(webhook->secret));
    const Buffer secret = TRY(from_hex(text_of(hex.bytes())));
    net::HttpClientConfig config;
    config.host = url->host;
    config.port = url->port;
    config.connect_ms = connect_ms;
    if (url->tls) config.tls = net::ClientTls{.ca_pem = parts_.ca_bundle, .server_name = url->host};
    const auto client = TRY(net::HttpClient::make(std::move(config)));
    const auto answered = TRY(client->request(
        {.method = "POST",
         .target = url->target,
         .headers = {{"softpos-topic", delivery.topic},
                     {"softpos-event-id", std::to_string(delivery.sequence)},
                     {"softpos-signature",
                      webhook_signature(secret, parts_.clock.now(), delivery.body)}},
         .body = delivery.body,
         .timeout_ms = answer_ms}));
    delivery.last_status = answered.status;
    if (answered.status / 100 == 2) return {};
    return fail(ErrorKind::denied, "webhook: the listener did not take it", answered.status);
}

}  // namespace softpos::server
