// What the wallets sign and how, as their own kits and documents show it: texts to sign, digests,
// signatures that hold and that do not, and what opens under which key.
#include "base/hex.h"
#include "codec/base64.h"
#include "crypto/public_key.h"
#include "crypto/rsa_key.h"
#include "platform/channel/wallet/alipay.h"
#include "platform/channel/wallet/alipay_v3.h"
#include "platform/channel/wallet/signing.h"
#include "platform/channel/wallet/wechat_v2.h"
#include "platform/channel/wallet/wechat_v3.h"
#include "world/conformance/checkers.h"

#include <charconv>

namespace softpos::conformance {
namespace {

wallet::FormFields fields_of(const Node& node) {
    wallet::FormFields fields;
    for (const auto& [name, value] : node.members()) fields.emplace(name, value.text());
    return fields;
}

void check_notify(Row& row, const Node& node) {
    const auto key = crypto::PublicKey::from_pem(row.text(node, "public_key_pem"));
    if (!key) return row.fail("key", key.error());
    wallet::AlipayParameters fields = fields_of(node["fields"]);
    fields.emplace("sign", row.text(node, "sign"));
    if (node["keep_sign_type"].flag() == false) fields.emplace("sign_type", "RSA2");
    const auto read = wallet::alipay_notification(*key, wallet::write_form(fields));
    row.holds("verdict on the notification",
              read.has_value() == node["verifies"].flag().value_or(!read.has_value()));
    if (read) row.holds("fields after the form was read", *read == fields);
}

void check_slice(Row& row, const Node& node, const std::string& key_pem) {
    std::string method = row.text(node, "response_key");
    constexpr std::string_view suffix = "_response";
    if (method.ends_with(suffix)) method.resize(method.size() - suffix.size());
    const std::string raw = row.text(node, "raw");
    const auto part = wallet::alipay_answer_part(method, raw);
    if (!part) return row.fail("finding the part", part.error());
    row.same_text("signed bytes", part->bytes, node["signed_slice"].text());
    const auto key = crypto::PublicKey::from_pem(key_pem);
    if (!key) return row.fail("key", key.error());
    row.holds("verdict on the signature", wallet::alipay_answer(*key, method, raw).has_value() ==
                                              node["verifies"].flag().value_or(false));
}

void check_own_key(const Node& own, Tally& tally) {
    const auto der = codec::from_base64(own["private_key_pkcs8_der_base64"].text());
    const auto key = crypto::RsaKey::from_pkcs8(der ? *der : Buffer{});
    Row opened(tally, "own key");
    if (!key) return opened.fail("reading", key.error());
    const auto known = crypto::PublicKey::from_pem(own["public_key_pem"].text());
    opened.holds("public half", known && known->spki() == key->spki());
    for (const Node& node : own["requests"].items()) {
        Row row(tally, "request " + node["params"]["method"].text());
        const wallet::AlipayParameters fields = fields_of(node["params"]);
        const std::string text = wallet::alipay_request_text(fields);
        row.same_text("text", text, row.text(node, "sign_string"));
        row.same_text("signature", wallet::sign_text(*key, text).value_or(""),
                      row.text(node, "sign_base64"));
    }
    for (const Node& node : own["v3"].items()) {
        Row row(tally, "request of version 3");
        row.same_text("signature",
                      wallet::sign_text(*key, row.text(node, "sign_string")).value_or(""),
                      row.text(node, "sign_base64"));
    }
}

void check_content(const Node& node, Tally& tally) {
    Row row(tally, "sealed content");
    const auto key = codec::from_base64(row.text(node, "key_base64"));
    if (!key) return row.fail("key", key.error());
    const std::string sealed = row.text(node, "ciphertext_base64");
    const std::string plain = row.text(node, "plaintext");
    row.same_text("sealed", wallet::alipay_encrypt(*key, plain).value_or(""), sealed);
    const auto opened = wallet::alipay_decrypt(*key, sealed);
    if (!opened) return row.fail("opening", opened.error());
    row.same_text("opened", text_of(opened->bytes()), plain);
}

void check_wechat_notify(Row& row, const Node& node) {
    const auto key = crypto::PublicKey::from_pem(row.text(node, "public_key_pem"));
    if (!key) return row.fail("key", key.error());
    const Node headers = node["headers"];
    const std::string timestamp = row.text(headers, "Wechatpay-Timestamp");
    const std::string nonce = row.text(headers, "Wechatpay-Nonce");
    const std::string serial = row.text(headers, "Wechatpay-Serial");
    const std::string signature = row.text(headers, "Wechatpay-Signature");
    const std::string body = row.text(node, "body");
    std::int64_t seconds = 0;
    std::from_chars(timestamp.data(), timestamp.data() + timestamp.size(), seconds);
    const wallet::WechatKeys keys{{serial, *key}};
    const wallet::WechatHeaders as_sent{timestamp, nonce, serial, signature};
    const auto verified = wallet::wechat_verify(keys, as_sent, body, {seconds * 1000});
    if (!verified) return row.fail("signature", verified.error());
    row.holds("passes ten minutes later",
              !wallet::wechat_verify(keys, as_sent, body, {(seconds + 600) * 1000}));
    const std::string api_key = row.text(node, "apiv3_key");
    const auto opened = wallet::wechat_notification(bytes_of(api_key), body);
    if (!opened) return row.fail("resource", opened.error());
    row.same_text("resource", text_of(opened->resource.bytes()), row.text(node, "plaintext"));
}

void check_resource(Row& row, const Node& node) {
    const std::string key = row.text(node, "key");
    const std::string nonce = row.text(node, "nonce");
    const std::string data = row.text(node, "associated_data");
    const std::string sealed = row.text(node, "ciphertext_base64");
    const auto opened =
        wallet::wechat_open_resource(bytes_of(key), {"AEAD_AES_256_GCM", nonce, data, sealed});
    if (!opened) return row.fail("opening", opened.error());
    row.same_text("opened", text_of(opened->bytes()), row.text(node, "plaintext"));
}

}  // namespace

void check_alipay(const Input& in, Tally& tally) {
    for (const Node& node : in.json["notify"].items()) {
        Row row(tally, "notification " + node["fields"]["notify_id"].text());
        check_notify(row, node);
    }
    const std::string key = in.json["response_public_key_pem"].text();
    for (const Node& node : in.json["response_slice"].items()) {
        Row row(tally, "answer " + node["response_key"].text());
        check_slice(row, node, key);
    }
    if (const Node own = in.json["own_key"]) check_own_key(own, tally);
    if (const Node aes = in.json["aes"]) check_content(aes, tally);
    // The certificates whose serial digests are stated are not in the file.
    if (in.json["cert_sn"]) ++tally.skipped;
}

void check_wechat_v2(const Input& in, Tally& tally) {
    for (const Node& node : in.json["vectors"].items()) {
        Row row(tally, node["fields"]["nonce_str"].text());
        const wallet::WechatFields fields = fields_of(node["fields"]);
        const std::string key = row.text(node, "key");
        row.same_text("text", wallet::wechat_v2_text(fields) + "&key=" + key,
                      row.text(node, "string"));
        using enum wallet::WechatDigest;
        row.same_text("MD5", wallet::wechat_v2_sign(fields, bytes_of(key), md5),
                      row.text(node, "md5"));
        row.same_text("HMAC", wallet::wechat_v2_sign(fields, bytes_of(key), hmac_sha256),
                      row.text(node, "hmac_sha256"));
    }
}

void check_wechat_v3(const Input& in, Tally& tally) {
    for (const Node& node : in.json["sign_strings"].items()) {
        Row row(tally, node["method"].text() + " " + node["url"].text());
        const std::string method = row.text(node, "method");
        const std::string target = row.text(node, "url");
        const std::string nonce = row.text(node, "nonce");
        const std::string body = node["body"].text();
        const std::int64_t seconds = node["timestamp"].number().value_or(0);
        row.same_text("text", wallet::wechat_request_text({method, target, seconds, nonce, body}),
                      row.text(node, "string"));
    }
    for (const Node& node : in.json["rsa_verify"].items()) {
        Row row(tally, "signature over " + node["message"].text());
        const auto key = crypto::PublicKey::from_pem(row.text(node, "public_key_pem"));
        if (!key) {
            row.fail("key", key.error());
            continue;
        }
        const std::string message = row.text(node, "message");
        const std::string signature = row.text(node, "signature_base64");
        row.holds("verdict", wallet::verify_text(*key, message, signature).has_value());
        row.holds("passes over another text",
                  !wallet::verify_text(*key, message + "x", signature).has_value());
    }
    for (const Node& node : in.json["notify"].items()) {
        Row row(tally, "notification " + node["headers"]["Wechatpay-Nonce"].text());
        check_wechat_notify(row, node);
    }
    for (const Node& node : in.json["aes_gcm"].items()) {
        Row row(tally, "resource " + node["nonce"].text());
        check_resource(row, node);
    }
}

}  // namespace softpos::conformance
