// What a trade's engine says to a wallet and hears from it, in that wallet's own words: one object
// a wallet, which knows its keys and names and nothing of sockets.
//
//     const WalletRequest request = TRY(dialect.request(order));
//     ... send it ...
//     pay::TradeEvent event = TRY(dialect.answer(order, response));   // or WalletWord::unknown
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "crypto/public_key.h"
#include "crypto/rsa_key.h"
#include "platform/channel/wallet/unionpay_qrc.h"
#include "platform/channel/wallet/wechat_v3.h"
#include "platform/pay/wallet_machine.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace softpos::wallet {

using Headers = std::vector<std::pair<std::string, std::string>>;  // Names in lower case.

struct WalletRequest {
    std::string method = "POST";
    std::string target;
    std::string content_type;
    Headers headers = {};
    std::string body = {};
};

// An answer, or a notice that came by itself. Borrows for the call.
struct WalletReceived {
    unsigned status = 200;  // 0 for a notice.
    const Headers& headers;
    std::string_view body;
    Instant now;
};

// All that a call needs to know.
struct WalletOrder {
    pay::WalletCall call{};
    const pay::WalletTrade& trade;
    const pay::WalletTrade* original = nullptr;  // Of a void or refund.
    std::string_view payment_code = {};          // Of pay.
    Instant now;
    std::string_view nonce;  // New for each request, 32 letters and digits.
};

struct WalletNotice {
    Id128 trade;
    pay::TradeEvent event;  // notified; `at` is the caller's to set.
};

class WalletDialect {
public:
    virtual ~WalletDialect() = default;

    virtual Result<WalletRequest> request(const WalletOrder& order) const = 0;

    // An `answered` event; call and attempt are set, `at` is the caller's. An error where the
    // answer is not the wallet's, not about this trade, or none: then nobody knows anything.
    virtual Result<pay::TradeEvent> answer(const WalletOrder& order,
                                           const WalletReceived& received) const = 0;

    // denied where it is not the wallet's; not_found where it tells of something else than money.
    virtual Result<WalletNotice> notice(const WalletReceived& received) const = 0;
    // What the wallet wants to hear, so that it does not tell again.
    virtual std::string notice_taken() const = 0;
};

// The texts that payers read, and where wallets tell of payments.
struct WalletTexts {
    std::string subject = "消费";
    std::string notify_url;
};

struct AlipayAccount {
    std::string target = "/gateway.do";
    std::string app_id;
    crypto::RsaKey key;
    crypto::PublicKey alipay_key;
    WalletTexts texts = {};
};
std::unique_ptr<WalletDialect> alipay_dialect(AlipayAccount account);

struct WechatAccount {
    std::string app_id;
    std::string merchant_id;
    std::string certificate_serial;
    crypto::RsaKey key;
    WechatKeys wechat_keys;
    SecretBytes api_v3_key;
    WalletTexts texts = {};
};
std::unique_ptr<WalletDialect> wechat_dialect(WechatAccount account);

struct UnionpayAccount {
    std::string target = "/";
    std::string acquirer_code;
    std::string certificate_id;
    crypto::RsaKey key;
    UnionpayKeys unionpay_keys;
    WalletTexts texts = {};
};
std::unique_ptr<WalletDialect> unionpay_dialect(UnionpayAccount account);

// "12.34". The other way: nullopt unless it is whole fen and in range.
std::string yuan_text(std::int64_t amount_minor);
std::optional<std::int64_t> fen_of(std::string_view yuan);

std::string_view header_of(const Headers& headers, std::string_view lower_case_name);

}  // namespace softpos::wallet
