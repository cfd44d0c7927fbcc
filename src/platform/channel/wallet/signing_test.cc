// Requests, answers and notifications of each wallet, signed by one side and judged by the other:
// what is whole passes, and no byte of it can be another.
#include "platform/channel/wallet/signing.h"

#include "codec/base64.h"
#include "crypto/aead.h"
#include "platform/channel/wallet/alipay.h"
#include "platform/channel/wallet/alipay_v3.h"
#include "platform/channel/wallet/wechat_v2.h"
#include "platform/channel/wallet/wechat_v3.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

namespace softpos::wallet {
namespace {

struct Pair {
    crypto::RsaKey secret;
    crypto::PublicKey open;
};

// Made once: it takes a second.
const Pair& wallet_keys() {
    static const Pair keys = [] {
        auto secret = crypto::RsaKey::generate(2048).value();
        auto open = crypto::PublicKey::from_spki(secret.spki()).value();
        return Pair{std::move(secret), std::move(open)};
    }();
    return keys;
}

ErrorKind kind_of(const auto& result) {
    EXPECT_FALSE(result.has_value());
    return result ? ErrorKind::internal : result.error().kind;
}

AlipayParameters parameters() {
    return {{"app_id", "2021000000000001"},
            {"method", "alipay.trade.query"},
            {"charset", "utf-8"},
            {"sign_type", "RSA2"},
            {"notify_url", ""},
            {"biz_content", R"({"subject":"茶 & 水=1"})"}};
}

TEST(Alipay, RequestIsAFormWhoseSignatureHolds) {
    const auto body = alipay_request(wallet_keys().secret, parameters());
    ASSERT_TRUE(body);
    const auto fields = read_form(*body);
    ASSERT_TRUE(fields);
    EXPECT_FALSE(fields->contains("notify_url"));
    EXPECT_TRUE(verify_text(wallet_keys().open, alipay_request_text(*fields), fields->at("sign")));
}

TEST(Alipay, SignsOnlyRsa2OverUtf8AndOnce) {
    for (const auto& [name, value] :
         {std::pair{"sign_type", "RSA"}, {"charset", "GBK"}, {"sign", "x"}}) {
        AlipayParameters other = parameters();
        other[name] = value;
        EXPECT_EQ(kind_of(alipay_request(wallet_keys().secret, other)), ErrorKind::conflict);
    }
}

std::string signed_answer(const std::string& part, const std::string& member) {
    const std::string sign = sign_text(wallet_keys().secret, part).value();
    return "{\"" + member + "\":" + part + ",\"sign\":\"" + sign + "\"}";
}

TEST(Alipay, AnswerIsTheBytesThatWereSigned) {
    const std::string part = R"({"code":"10000","url":"http:\/\/a"})";
    const std::string body = signed_answer(part, "alipay_trade_query_response");
    const auto answer = alipay_answer(wallet_keys().open, "alipay.trade.query", body);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->bytes, part);
    EXPECT_FALSE(answer->is_error);
    EXPECT_EQ(kind_of(alipay_answer(wallet_keys().open, "alipay.trade.pay", body)),
              ErrorKind::malformed);
    const auto refused = alipay_answer(wallet_keys().open, "alipay.trade.pay",
                                       signed_answer(part, "error_response"));
    ASSERT_TRUE(refused);
    EXPECT_TRUE(refused->is_error);
}

TEST(Alipay, AnswerWithoutASignatureIsNotBelieved) {
    const std::string_view body = R"({"alipay_trade_query_response":{"code":"10000"}})";
    EXPECT_EQ(kind_of(alipay_answer(wallet_keys().open, "alipay.trade.query", body)),
              ErrorKind::denied);
}

TEST(Alipay, TwoAnswersInOneAreNone) {
    const std::string body = R"({"error_response":{"code":"1"},"alipay_trade_query_response":{}})";
    EXPECT_EQ(kind_of(alipay_answer_part("alipay.trade.query", body)), ErrorKind::malformed);
}

TEST(Alipay, NoByteOfAnAnswerCanBeAnother) {
    auto prng = testing::Prng::from_environment();
    const std::string part = R"({"code":"10000","total_amount":"88.00"})";
    const std::string body = signed_answer(part, "alipay_trade_query_response");
    const std::size_t start = body.find(part);
    for (int round = 0; round < 300; ++round) {
        std::string other = body;
        other[start + prng.below(static_cast<unsigned>(part.size()))] ^=
            static_cast<char>(1U << prng.below(7));
        EXPECT_FALSE(alipay_answer(wallet_keys().open, "alipay.trade.query", other))
            << "seed " << prng.seed() << ": " << other;
    }
}

TEST(AlipayV3, AnswerHoldsWithinItsWindowOnly) {
    const AlipayV3Headers headers{"1790000000000", "n1", ""};
    const std::string body = R"({"code":"10000"})";
    const std::string sign =
        sign_text(wallet_keys().secret, alipay_v3_answer_text(headers, body)).value();
    const AlipayV3Headers with_sign{"1790000000000", "n1", sign};
    const auto at = [&](std::int64_t ms) {
        return alipay_v3_verify(wallet_keys().open, with_sign, body, {1'790'000'000'000 + ms});
    };
    EXPECT_TRUE(at(0));
    EXPECT_TRUE(at(alipay_v3_window_ms));
    EXPECT_EQ(kind_of(at(alipay_v3_window_ms + 1)), ErrorKind::denied);
    EXPECT_EQ(
        kind_of(alipay_v3_verify(wallet_keys().open, with_sign, body + " ", {1'790'000'000'000})),
        ErrorKind::denied);
}

constexpr std::string_view v2_key = "192006250b4c09247ec02edce69f6a2d";

TEST(WechatV2, MessageComesBackAuthentic) {
    const WechatFields fields{
        {"return_code", "SUCCESS"}, {"body", "茶<&>"}, {"attach", ""}, {"nonce_str", "n"}};
    for (const auto digest : {WechatDigest::md5, WechatDigest::hmac_sha256}) {
        const auto xml = wechat_v2_message(fields, bytes_of(v2_key), digest);
        ASSERT_TRUE(xml);
        const auto answer = wechat_v2_answer(*xml, bytes_of(v2_key), digest);
        ASSERT_TRUE(answer);
        EXPECT_TRUE(answer->authentic);
        EXPECT_EQ(answer->fields.at("body"), "茶<&>");
        const auto other =
            digest == WechatDigest::md5 ? WechatDigest::hmac_sha256 : WechatDigest::md5;
        EXPECT_EQ(kind_of(wechat_v2_answer(*xml, bytes_of(v2_key), other)), ErrorKind::denied);
    }
}

TEST(WechatV2, RefusalOfTheLineIsReadButNotAuthentic) {
    const auto answer = wechat_v2_answer("<xml><return_code><![CDATA[FAIL]]></return_code></xml>",
                                         bytes_of(v2_key), WechatDigest::hmac_sha256);
    ASSERT_TRUE(answer);
    EXPECT_FALSE(answer->authentic);
}

TEST(WechatV3, AuthorizationNamesMerchantAndCertificate) {
    const WechatRequest request{"POST", "/v3/pay/transactions/codepay", 1'790'000'000, "n1", "{}"};
    const auto header = wechat_authorization(wallet_keys().secret, {"1900000001", "0A1B"}, request);
    ASSERT_TRUE(header);
    EXPECT_TRUE(header->starts_with("WECHATPAY2-SHA256-RSA2048 mchid=\"1900000001\",nonce_str="));
    const std::size_t at = header->find("signature=\"") + 11;
    EXPECT_TRUE(verify_text(wallet_keys().open, wechat_request_text(request),
                            header->substr(at, header->size() - at - 1)));
    EXPECT_EQ(kind_of(wechat_authorization(wallet_keys().secret, {"19\"", "0A"}, request)),
              ErrorKind::malformed);
}

std::string notification_body(std::string_view key, std::string_view plain) {
    const Buffer sealed = crypto::gcm_seal(bytes_of(key), bytes_of("abcdefghijkl"),
                                           bytes_of("transaction"), bytes_of(plain))
                              .value();
    return R"({"id":"e1","event_type":"TRANSACTION.SUCCESS","resource_type":"encrypt-resource",)"
           R"("resource":{"algorithm":"AEAD_AES_256_GCM","original_type":"transaction",)"
           R"("associated_data":"transaction","nonce":"abcdefghijkl","ciphertext":")" +
           codec::to_base64(sealed) + "\"}}";
}

TEST(WechatV3, NotificationOpensUnderItsKeyOnly) {
    const std::string key(wechat_api_key_bytes, 'k');
    const std::string body = notification_body(key, R"({"trade_state":"SUCCESS"})");
    const auto event = wechat_notification(bytes_of(key), body);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->event_type, "TRANSACTION.SUCCESS");
    EXPECT_EQ(text_of(event->resource.bytes()), R"({"trade_state":"SUCCESS"})");
    const std::string other(wechat_api_key_bytes, 'x');
    EXPECT_EQ(kind_of(wechat_notification(bytes_of(other), body)), ErrorKind::denied);
}

TEST(WechatV3, SignatureOfAnUnknownKeyOrOutsideOfTheWindowIsRefused) {
    const WechatKeys keys{{"PUB_KEY_ID_1", wallet_keys().open}};
    const WechatHeaders bare{"1790000000", "n1", "PUB_KEY_ID_1", ""};
    const std::string sign =
        sign_text(wallet_keys().secret, wechat_answer_text(bare, "{}")).value();
    const WechatHeaders headers{"1790000000", "n1", "PUB_KEY_ID_1", sign};
    const Instant now{1'790'000'000'000};
    EXPECT_TRUE(wechat_verify(keys, headers, "{}", now));
    EXPECT_EQ(kind_of(wechat_verify(keys, headers, "{ }", now)), ErrorKind::denied);
    EXPECT_EQ(kind_of(wechat_verify({}, headers, "{}", now)), ErrorKind::not_found);
    EXPECT_EQ(kind_of(wechat_verify(keys, headers, "{}", {now.unix_ms + 300'001})),
              ErrorKind::denied);
    EXPECT_EQ(kind_of(wechat_verify(keys, headers, "{}", {now.unix_ms - 300'001})),
              ErrorKind::denied);
}

TEST(Form, SaysTheSameAfterReading) {
    auto prng = testing::Prng::from_environment();
    for (int round = 0; round < 500; ++round) {
        FormFields fields;
        for (unsigned i = 0; i < 1 + prng.below(5); ++i) {
            fields.emplace("n" + std::to_string(i), text_of(prng.bytes(prng.below(20))));
        }
        const auto read = read_form(write_form(fields));
        ASSERT_TRUE(read) << "seed " << prng.seed();
        EXPECT_EQ(*read, fields) << "seed " << prng.seed();
    }
}

TEST(Form, NamesTwiceAndBrokenEscapesAreRefused) {
    for (const std::string_view broken : {"a=1&a=2", "a=%4", "a=%zz", "=1"}) {
        EXPECT_EQ(kind_of(read_form(broken)), ErrorKind::malformed) << broken;
    }
}

}  // namespace
}  // namespace softpos::wallet
