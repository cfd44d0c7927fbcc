// Strict JSON and key files into dialects.
#include "platform/server/wallet_config.h"

#include "codec/base64.h"
#include "codec/strict_json.h"
#include "host/durable_file.h"
#include "platform/server/webhooks.h"

#include <optional>

namespace softpos::server {
namespace {

using codec::StrictJson;

constexpr std::size_t config_bytes_max = 16UL * 1024;
constexpr std::size_t key_bytes_max = 8UL * 1024;
constexpr std::uint32_t connect_ms = 5'000;

std::string_view trimmed(std::string_view text) {
    const std::size_t end = text.find_last_not_of(" \r\n");
    return text.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

bool is_file_name(std::string_view name) {
    return !name.empty() && name.front() != '.' && name.find('/') == std::string_view::npos;
}

Result<crypto::RsaKey> read_key(const std::string& folder, const std::string& name) {
    if (!is_file_name(name)) return fail(ErrorKind::malformed, "wallets.json: name of a key file");
    const SecretBytes text = TRY(host::read_secret_file(folder + "/" + name, key_bytes_max));
    Buffer der = TRY(codec::from_base64(trimmed(text_of(text.bytes()))));
    auto key = crypto::RsaKey::from_pkcs8(der);
    wipe(der);
    return key;
}

Result<crypto::PublicKey> read_public_key(const std::string& folder, const std::string& name) {
    if (!is_file_name(name)) return fail(ErrorKind::malformed, "wallets.json: name of a key file");
    const Buffer text = TRY(host::read_file(folder + "/" + name, key_bytes_max));
    return crypto::PublicKey::from_pem(text_of(text));
}

struct Common {
    WebhookUrl url;
    std::string key;
    std::string wallet_key;
};

Common read_common(StrictJson& json) {
    Common common;
    const auto url = parse_webhook_url(json.text("url", 256));
    if (!url) json.fault(Refusal::bad_value, "url");
    common.url = url.value_or(WebhookUrl{});
    common.key = json.text("key", 64);
    common.wallet_key = json.text("wallet_key", 64);
    return common;
}

struct AlipayFields {
    Common common;
    std::string app_id;
};
AlipayFields read_alipay(StrictJson json) {
    return {.common = read_common(json), .app_id = json.text("app_id", 32)};
}

struct WechatFields {
    Common common;
    std::string app_id, merchant_id, serial, key_id, api_v3_key;
};
WechatFields read_wechat(StrictJson json) {
    return {.common = read_common(json),
            .app_id = json.text("app_id", 32),
            .merchant_id = json.text("merchant_id", 32),
            .serial = json.text("certificate_serial", 64),
            .key_id = json.text("wallet_key_id", 64),
            .api_v3_key = json.text("api_v3_key", 64)};
}

struct UnionpayFields {
    Common common;
    std::string acquirer_code, certificate_id, key_id;
};
UnionpayFields read_unionpay(StrictJson json) {
    return {.common = read_common(json),
            .acquirer_code = json.text("acquirer_code", 16),
            .certificate_id = json.text("certificate_id", 64),
            .key_id = json.text("wallet_key_id", 64)};
}

net::HttpClientConfig http_of(const WebhookUrl& url, const std::string& ca_bundle) {
    net::HttpClientConfig http{.host = url.host, .port = url.port};
    http.connect_ms = connect_ms;
    if (url.tls) http.tls = net::ClientTls{.ca_pem = ca_bundle, .server_name = url.host};
    return http;
}

struct Loader {
    const std::string& folder;
    const std::string& ca_bundle;
    std::string notify_base;

    wallet::WalletTexts texts(pay::WalletChannel channel) const {
        wallet::WalletTexts texts;
        texts.notify_url = notify_base;
        texts.notify_url.append(wallet_notify_path).append(name_of(channel));
        return texts;
    }
    Result<WalletLine> alipay(const AlipayFields& fields) const {
        WalletLine line;
        line.http = http_of(fields.common.url, ca_bundle);
        line.dialect = wallet::alipay_dialect(
            {.target = fields.common.url.target,
             .app_id = fields.app_id,
             .key = TRY(read_key(folder, fields.common.key)),
             .alipay_key = TRY(read_public_key(folder, fields.common.wallet_key)),
             .texts = texts(pay::WalletChannel::alipay)});
        return line;
    }
    Result<WalletLine> unionpay(const UnionpayFields& fields) const {
        WalletLine line;
        line.http = http_of(fields.common.url, ca_bundle);
        wallet::UnionpayKeys keys;
        keys.emplace(fields.key_id, TRY(read_public_key(folder, fields.common.wallet_key)));
        line.dialect = wallet::unionpay_dialect({.target = fields.common.url.target,
                                                 .acquirer_code = fields.acquirer_code,
                                                 .certificate_id = fields.certificate_id,
                                                 .key = TRY(read_key(folder, fields.common.key)),
                                                 .unionpay_keys = std::move(keys),
                                                 .texts = texts(pay::WalletChannel::unionpay)});
        return line;
    }
    Result<WalletLine> wechat(const WechatFields& fields) const {
        if (!is_file_name(fields.api_v3_key)) {
            return fail(ErrorKind::malformed, "wallets.json: name of a key file");
        }
        const SecretBytes secret =
            TRY(host::read_secret_file(folder + "/" + fields.api_v3_key, key_bytes_max));
        const std::string_view text = trimmed(text_of(secret.bytes()));
        if (text.size() != wallet::wechat_api_key_bytes) {
            return fail(ErrorKind::malformed, "wallets.json: the api_v3_key has 32 characters");
        }
        WalletLine line;
        line.http = http_of(fields.common.url, ca_bundle);
        wallet::WechatKeys keys;
        keys.emplace(fields.key_id, TRY(read_public_key(folder, fields.common.wallet_key)));
        line.dialect = wallet::wechat_dialect({.app_id = fields.app_id,
                                               .merchant_id = fields.merchant_id,
                                               .certificate_serial = fields.serial,
                                               .key = TRY(read_key(folder, fields.common.key)),
                                               .wechat_keys = std::move(keys),
                                               .api_v3_key = SecretBytes::copy_of(bytes_of(text)),
                                               .texts = texts(pay::WalletChannel::wechat)});
        return line;
    }
};

}  // namespace

Result<WalletLines> load_wallets(const std::string& folder, const std::string& ca_bundle) {
    const auto text = host::read_file(folder + "/wallets.json", config_bytes_max);
    if (!text && text.error().kind == ErrorKind::not_found) return WalletLines{};
    if (!text) return std::unexpected(text.error());
    StrictJson json(text_of(*text));
    const Loader loader{folder, ca_bundle, json.text("notify_base", 256)};
    std::optional<AlipayFields> alipay;
    std::optional<WechatFields> wechat;
    std::optional<UnionpayFields> unionpay;
    if (json.has("unionpay")) unionpay = read_unionpay(json.object("unionpay"));
    if (json.has("alipay")) alipay = read_alipay(json.object("alipay"));
    if (json.has("wechat")) wechat = read_wechat(json.object("wechat"));
    if (const auto fault = json.finish()) {
        return fail(ErrorKind::malformed, "wallets.json: a field is missing or unknown");
    }
    WalletLines lines;
    if (alipay) lines.emplace(pay::WalletChannel::alipay, TRY(loader.alipay(*alipay)));
    if (wechat) lines.emplace(pay::WalletChannel::wechat, TRY(loader.wechat(*wechat)));
    if (unionpay) lines.emplace(pay::WalletChannel::unionpay, TRY(loader.unionpay(*unionpay)));
    return lines;
}

}  // namespace softpos::server
