// The books of both wallets, and what a merchant has of them.
#include "world/sim/wallet_host.h"

#include "base/hex.h"
#include "codec/base64.h"
#include "host/durable_file.h"
#include "world/sim/wallet_host_impl.h"

#include <boost/json.hpp>

#include <algorithm>

namespace softpos::sim {
namespace {

namespace json = boost::json;

constexpr unsigned key_bits = 2048;

std::string pem_of(const crypto::RsaKey& key) {
    const std::string body = codec::to_base64(key.spki());
    std::string text = "-----BEGIN PUBLIC KEY-----\n";
    constexpr std::size_t line = 64;
    for (std::size_t at = 0; at < body.size(); at += line) text += body.substr(at, line) + "\n";
    return text + "-----END PUBLIC KEY-----\n";
}

}  // namespace

net::HttpResponse sim_no_answer() {
    return {.status = 502, .content_type = "text/plain", .body = "Bad Gateway"};
}

Result<std::unique_ptr<WalletHost>> WalletHost::make(const Clock& clock, Random& random) {
    auto merchant = TRY(crypto::RsaKey::generate(key_bits));
    auto open = TRY(crypto::PublicKey::from_spki(merchant.spki()));
    auto impl =
        std::unique_ptr<Impl>(new Impl{.clock = clock,
                                       .random = random,
                                       .merchant_key = std::move(merchant),
                                       .alipay_key = TRY(crypto::RsaKey::generate(key_bits)),
                                       .wechat_key = TRY(crypto::RsaKey::generate(key_bits)),
                                       .unionpay_key = TRY(crypto::RsaKey::generate(key_bits)),
                                       .stranger_key = TRY(crypto::RsaKey::generate(key_bits)),
                                       .merchant_public = std::move(open)});
    impl->api_v3_key = to_hex(random.take<16>());
    return std::unique_ptr<WalletHost>(new WalletHost(std::move(impl)));
}

WalletHost::WalletHost(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WalletHost::~WalletHost() = default;

net::HttpResponse WalletHost::handle(const net::HttpRequest& request) {
    const std::lock_guard lock(impl_->mutex);
    if (request.target == "/qrc") return impl_->unionpay(request);
    return request.target.starts_with("/v3/") ? impl_->wechat(request) : impl_->alipay(request);
}

void WalletHost::add(WalletRule rule) {
    const std::lock_guard lock(impl_->mutex);
    impl_->rules.push_back(std::move(rule));
}

void WalletHost::set_payer(const std::string& payer) {
    const std::lock_guard lock(impl_->mutex);
    impl_->payer = payer;
}

Result<SimNotice> WalletHost::scan(std::string_view code, const std::string& payer) {
    const std::lock_guard lock(impl_->mutex);
    for (auto& [number, trade] : impl_->trades) {
        if (trade.code.empty() || trade.code != code) continue;
        if (trade.state != "waiting") return fail(ErrorKind::conflict, "no longer to be paid");
        impl_->take(trade, impl_->clock.now());
        trade.payer = payer;
        return impl_->notice(trade, false);
    }
    return fail(ErrorKind::not_found, "nobody shows that code");
}

Result<SimNotice> WalletHost::notice_again(std::string_view number) {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->trades.find(number);
    if (found == impl_->trades.end()) return fail(ErrorKind::not_found, "no such trade");
    return impl_->notice(found->second, false);
}

Result<SimNotice> WalletHost::forged_notice(std::string_view number) {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->trades.find(number);
    if (found == impl_->trades.end()) return fail(ErrorKind::not_found, "no such trade");
    return impl_->notice(found->second, true);
}

std::int64_t WalletHost::taken_minor() const {
    const std::lock_guard lock(impl_->mutex);
    std::int64_t sum = 0;
    for (const auto& [number, trade] : impl_->trades) {
        if (trade.state == "paid") sum += trade.amount_minor - trade.refunded_minor;
    }
    return sum;
}

std::optional<SimTrade> WalletHost::trade(std::string_view number) const {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->trades.find(number);
    if (found == impl_->trades.end()) return std::nullopt;
    return found->second;
}

std::size_t WalletHost::refused_signatures() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->refused_signatures;
}

Result<void> WalletHost::write_config(const std::string& folder, const std::string& url,
                                      const std::string& notify_base) const {
    const auto write = [&folder](const char* name, std::string_view text) {
        return host::write_durably(folder + "/" + name, bytes_of(text), 0600);
    };
    const std::string key = codec::to_base64(impl_->merchant_key.pkcs8().bytes());
    TRY_VOID(write("alipay.key", key));
    TRY_VOID(write("wechat.key", key));
    TRY_VOID(write("unionpay.key", key));
    TRY_VOID(write("unionpay.pub", pem_of(impl_->unionpay_key)));
    TRY_VOID(write("alipay.pub", pem_of(impl_->alipay_key)));
    TRY_VOID(write("wechat.pub", pem_of(impl_->wechat_key)));
    TRY_VOID(write("wechat.v3", impl_->api_v3_key));
    const json::object config{
        {"notify_base", notify_base},
        {"alipay", json::object{{"url", url + "/gateway.do"},
                                {"app_id", sim_names::app_id},
                                {"key", "alipay.key"},
                                {"wallet_key", "alipay.pub"}}},
        {"unionpay", json::object{{"url", url + "/qrc"},
                                  {"acquirer_code", sim_names::acquirer_code},
                                  {"certificate_id", sim_names::unionpay_certificate},
                                  {"key", "unionpay.key"},
                                  {"wallet_key", "unionpay.pub"},
                                  {"wallet_key_id", sim_names::unionpay_key_id}}},
        {"wechat", json::object{{"url", url + "/"},
                                {"app_id", sim_names::wechat_app},
                                {"merchant_id", sim_names::merchant_id},
                                {"certificate_serial", sim_names::certificate_serial},
                                {"key", "wechat.key"},
                                {"wallet_key", "wechat.pub"},
                                {"wallet_key_id", sim_names::key_id},
                                {"api_v3_key", "wechat.v3"}}}};
    return write("wallets.json", json::serialize(config));
}

WalletRule WalletHost::Impl::rule_for(std::string_view call) {
    const auto found = std::ranges::find_if(
        rules, [&](const WalletRule& rule) { return rule.call == call && rule.times > 0; });
    if (found == rules.end()) return {};
    --found->times;
    return *found;
}

void WalletHost::Impl::settle(SimTrade& trade) const {
    if (trade.state != "waiting" || !trade.confirms_at) return;
    if (clock.now() >= *trade.confirms_at) take(trade, *trade.confirms_at);
}

SimTrade& WalletHost::Impl::begin(std::string_view channel, const std::string& number,
                                  std::int64_t amount_minor) {
    const auto [at, made] = trades.try_emplace(number);
    if (made) {
        at->second.channel = channel;
        at->second.number = number;
        at->second.amount_minor = amount_minor;
        at->second.payer = payer;
    }
    return at->second;
}

void WalletHost::Impl::take(SimTrade& trade, Instant at) const {
    trade.state = "paid";
    trade.entries.push_back({.at = at, .amount_minor = trade.amount_minor});
}

void WalletHost::Impl::pay(SimTrade& trade, const WalletRule& rule) {
    if (trade.state != "waiting" || trade.confirms_at) return;
    if (rule.action != "userpaying") {
        take(trade, clock.now());
    } else if (rule.delay_ms >= 0) {
        trade.confirms_at = Instant{clock.now().unix_ms + rule.delay_ms};
    }
}

void WalletHost::Impl::cancel(SimTrade& trade, const std::string& number) const {
    if (trade.state == "paid") {
        trade.entries.push_back({.at = clock.now(),
                                 .gives_back = true,
                                 .amount_minor = trade.amount_minor - trade.refunded_minor,
                                 .number = number});
    }
    trade.state = "closed";
    trade.confirms_at.reset();
}

bool WalletHost::Impl::refund(SimTrade& trade, const std::string& number,
                              std::int64_t amount_minor) {
    if (trade.refunds.contains(number)) return true;
    const bool fits =
        trade.state == "paid" && trade.refunded_minor + amount_minor <= trade.amount_minor;
    if (!fits) return false;
    trade.refunds.emplace(number, amount_minor);
    trade.entries.push_back({clock.now(), true, amount_minor, number});
    trade.refunded_minor += amount_minor;
    return true;
}

SimNotice WalletHost::Impl::notice(const SimTrade& trade, bool forged) const {
    // Notices tell of money. One that comes late still says what was so when it was written.
    SimTrade told = trade;
    told.state = "paid";
    told.refunded_minor = 0;
    if (trade.channel == "wechat") {
        return wechat_notice(told, forged ? stranger_key : wechat_key);
    }
    if (trade.channel == "unionpay") {
        return unionpay_notice(told, forged ? stranger_key : unionpay_key);
    }
    return alipay_notice(told, forged ? stranger_key : alipay_key);
}

}  // namespace softpos::sim
