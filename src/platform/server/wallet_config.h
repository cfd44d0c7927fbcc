// Which wallets the acquirer takes: wallets.json in the service's folder, and the key files that it
// names. Without that file none is taken.
//
//     {"notify_base": "https://pay.example:8444",
//      "alipay": {"url": "https://openapi.alipay.com/gateway.do", "app_id": "2021...",
//                 "key": "alipay.key", "wallet_key": "alipay.pub"},
//      "wechat": {"url": "https://api.mch.weixin.qq.com/", "app_id": "wx...",
//                 "merchant_id": "1900000001", "certificate_serial": "7A...", "key": "wechat.key",
//                 "wallet_key": "wechat.pub", "wallet_key_id": "PUB_KEY_ID_...",
//                 "api_v3_key": "wechat.v3"},
//      "unionpay": {"url": "https://...", "acquirer_code": "48020000", "certificate_id": "123",
//                   "key": "unionpay.key", "wallet_key": "unionpay.pub", "wallet_key_id": "456"}}
//
// *.key holds PKCS #8 in one line of base64, as the wallets' own tools give it, mode 0600; *.pub
// the wallet's public key in PEM.
#pragma once

#include "base/result.h"
#include "net/http_client.h"
#include "platform/channel/wallet/wallet_dialect.h"

#include <map>
#include <memory>
#include <string>

namespace softpos::server {

struct WalletLine {
    std::unique_ptr<wallet::WalletDialect> dialect;
    net::HttpClientConfig http;
};
using WalletLines = std::map<pay::WalletChannel, WalletLine>;

constexpr std::string_view wallet_notify_path = "/v1/wallets/";  // And the channel's name.

// None where there is no such file; malformed where it or a key is not sound. `ca_bundle` proves
// https addresses; plain http is for this machine only.
Result<WalletLines> load_wallets(const std::string& folder, const std::string& ca_bundle);

}  // namespace softpos::server
