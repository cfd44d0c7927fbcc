// What the parts of the simulated wallets share. Internal to them.
#pragma once

#include "crypto/public_key.h"
#include "world/sim/wallet_host.h"

namespace softpos::sim {

struct WalletHost::Impl {
    const Clock& clock;
    Random& random;
    crypto::RsaKey merchant_key, alipay_key, wechat_key, unionpay_key, stranger_key;
    crypto::PublicKey merchant_public;
    std::string api_v3_key = {};

    mutable std::mutex mutex = {};  // Guards what follows.
    std::map<std::string, SimTrade, std::less<>> trades = {};
    std::vector<WalletRule> rules = {};
    std::string payer = "payer-1";
    std::size_t refused_signatures = 0;
    std::uint64_t next_number = 1;

    // All with the mutex held.
    net::HttpResponse alipay(const net::HttpRequest& request);
    struct AlipayCall {
        const WalletRule& rule;
        const std::string& biz_content;
        std::string notify_url;
    };
    std::string carry_out(std::string_view call, SimTrade& trade, const AlipayCall& asked);
    net::HttpResponse unionpay(const net::HttpRequest& request);
    net::HttpResponse wechat(const net::HttpRequest& request);
    WalletRule rule_for(std::string_view call);
    void take(SimTrade& trade, Instant at) const;  // The payer has paid.
    void settle(SimTrade& trade) const;            // Whoever should have confirmed by now has.
    SimTrade& begin(std::string_view channel, const std::string& number, std::int64_t amount_minor);
    void pay(SimTrade& trade, const WalletRule& rule);
    // `number`: the merchant's, of the cancellation; empty where the wallet's bill names none.
    void cancel(SimTrade& trade, const std::string& number = {}) const;
    // False where it would be more than was paid. The same number again is the same refund.
    bool refund(SimTrade& trade, const std::string& number, std::int64_t amount_minor);
    SimNotice alipay_notice(const SimTrade& trade, const crypto::RsaKey& key) const;
    SimNotice unionpay_notice(const SimTrade& trade, const crypto::RsaKey& key) const;
    SimNotice wechat_notice(const SimTrade& trade, const crypto::RsaKey& key) const;
    SimNotice notice(const SimTrade& trade, bool forged) const;
};

// Of what no wallet has signed.
net::HttpResponse sim_no_answer();

// Who is who in the sandbox.
namespace sim_names {
inline constexpr std::string_view app_id = "2021000000000001";
inline constexpr std::string_view wechat_app = "wx0000000000000001";
inline constexpr std::string_view merchant_id = "1900000001";
inline constexpr std::string_view certificate_serial = "5157F09EFDC096DE15EBE81A47057A72";
inline constexpr std::string_view acquirer_code = "48020000";
inline constexpr std::string_view unionpay_certificate = "4000370693";
inline constexpr std::string_view unionpay_key_id = "4000370697";
inline constexpr std::string_view key_id = "PUB_KEY_ID_0119000000012026";
}  // namespace sim_names

}  // namespace softpos::sim
