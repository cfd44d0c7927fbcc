// Where events may go, how they are signed, and how long somebody is waited for.
#include "platform/server/webhooks.h"

#include <gtest/gtest.h>

namespace softpos::server {
namespace {

TEST(WebhookUrl, IsHttpsOrThisMachine) {
    EXPECT_EQ(parse_webhook_url("https://pay.example/events?x=1"),
              (WebhookUrl{true, "pay.example", 443, "/events?x=1"}));
    EXPECT_EQ(parse_webhook_url("https://pay.example:8443"),
              (WebhookUrl{true, "pay.example", 8443, "/"}));
    EXPECT_EQ(parse_webhook_url("http://127.0.0.1:9/h"), (WebhookUrl{false, "127.0.0.1", 9, "/h"}));
    EXPECT_EQ(parse_webhook_url("http://[::1]:9/h"), (WebhookUrl{false, "::1", 9, "/h"}));
    for (const char* url : {"", "ftp://a/", "http://pay.example/", "http://10.0.0.1/", "https://",
                            "https:///x", "https://a:0/", "https://a:70000/", "https://a:1x/",
                            "https://u@a/", "https://a/x#y", "https://a b/", "https://a?x"}) {
        EXPECT_FALSE(parse_webhook_url(url)) << url;
    }
}

// Computed with the openssl command:
//   printf '1790000000.{"a":1}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0b…0b
TEST(WebhookSignature, IsHmacOverSecondsAndBody) {
    const Buffer secret(32, 0x0B);
    const std::string signature = webhook_signature(secret, {1'790'000'000'999}, R"({"a":1})");
    EXPECT_EQ(signature,
              "t=1790000000,v1=33D51427E6136D40B753F46A9AD19F060BF27183B27E0023826D4EE0385A98D7");
}

TEST(WebhookPause, DoublesUpToAnHourAndEndsAfterADay) {
    EXPECT_EQ(webhook_pause_ms(1), 1'000);
    EXPECT_EQ(webhook_pause_ms(4), 8'000);
    EXPECT_EQ(webhook_pause_ms(13), 3'600'000);
    std::int64_t sum_ms = 0;
    std::uint32_t attempts = 1;
    for (; const auto pause = webhook_pause_ms(attempts); ++attempts) sum_ms += *pause;
    EXPECT_GT(sum_ms, 18LL * 3'600'000);
    EXPECT_LT(sum_ms, 30LL * 3'600'000);
}

}  // namespace
}  // namespace softpos::server
