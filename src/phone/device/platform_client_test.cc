// What each possible answer of the platform means, as tables.
#include "phone/device/platform_client.h"

#include "phone/device/device_config.h"

#include <gtest/gtest.h>

namespace softpos::device {
namespace {

constexpr char approved_json[] = R"({"kind":"purchase","result":"approved","amount_minor":5})";

Result<net::HttpResponse> answer(unsigned status, const std::string& body) {
    return net::HttpResponse{.status = status, .body = body};
}
Result<net::HttpResponse> refusal(Refusal refusal) {
    return answer(row_of(refusal).http_status, refusal_json(words_of(refusal)));
}
std::unexpected<Error> lost(net::HttpSent sent) {
    return fail(ErrorKind::unavailable, "lost", static_cast<std::uint32_t>(sent));
}

TEST(PlatformAnswers, OfAPayment) {
    const std::pair<Result<net::HttpResponse>, AnswerKind> rows[] = {
        {answer(200, approved_json), AnswerKind::payment},
        {answer(200, "<html>"), AnswerKind::unknown},
        {answer(502, "bad gateway"), AnswerKind::unknown},
        {answer(400, "bad request"), AnswerKind::unknown},
        {answer(200, R"({"kind":"refund","result":"approved","amount_minor":5})"),
         AnswerKind::unknown},
        {answer(200, R"({"kind":"purchase","result":"approved","amount_minor":6})"),
         AnswerKind::unknown},
        {refusal(Refusal::amount_over_limit), AnswerKind::refused},
        {refusal(Refusal::vault_unavailable), AnswerKind::refused},
        {refusal(Refusal::internal), AnswerKind::unknown},
        {refusal(Refusal::network_timeout), AnswerKind::unknown},
        {refusal(Refusal::payment_in_progress), AnswerKind::unknown},
        {refusal(Refusal::reversal_pending), AnswerKind::unknown},
        {refusal(Refusal::duplicate_transaction), AnswerKind::unknown},
        {lost(net::HttpSent::not_sent), AnswerKind::not_sent},
        {lost(net::HttpSent::sent_unknown), AnswerKind::unknown},
    };
    int number = 0;
    for (const auto& [answered, kind] : rows) {
        EXPECT_EQ(judge_payment(answered, {PaymentKind::purchase, 5}).kind, kind) << number;
        ++number;
    }
}

TEST(PlatformAnswers, OfAStatusQuery) {
    EXPECT_EQ(judge_status(answer(200, approved_json)).kind, AnswerKind::payment);
    EXPECT_EQ(judge_status(refusal(Refusal::not_found)).kind, AnswerKind::not_found);
    EXPECT_EQ(judge_status(answer(404, "no such page")).kind, AnswerKind::unknown);
    EXPECT_EQ(judge_status(refusal(Refusal::no_such_path)).kind, AnswerKind::unknown);
    EXPECT_EQ(judge_status(refusal(Refusal::forbidden)).kind, AnswerKind::unknown);
    EXPECT_EQ(judge_status(lost(net::HttpSent::not_sent)).kind, AnswerKind::unknown);
}

TEST(ServerUrl, IsHttpsHostAndPort) {
    EXPECT_EQ(parse_server_url("https://pay.example:8443")->port, 8443);
    EXPECT_EQ(parse_server_url("https://pay.example/")->host, "pay.example");
    EXPECT_EQ(parse_server_url("https://pay.example")->port, 443);
    EXPECT_EQ(parse_server_url("https://[::1]:9")->host, "::1");
    for (const char* url : {"", "http://a", "https://", "https://a:0", "https://a:70000",
                            "https://a:1x", "https://a/b", "https://a b", "https://[::1"}) {
        EXPECT_FALSE(parse_server_url(url)) << url;
    }
}

TEST(DeviceConfig, IsReadStrictly) {
    EXPECT_EQ(read_device_config("{}")->reader, "pcsc:");
    const auto config = read_device_config(R"({"reader":"socket:/r","trusted":"/t"})");
    EXPECT_EQ(config->trusted, "/t");
    EXPECT_EQ(parse_reader_spec(config->reader)->driver, ReaderSpec::Driver::socket);
    EXPECT_EQ(parse_reader_spec("pcsc:ACS")->name, "ACS");
    for (const char* json :
         {"", R"({"reader":"usb:"})", R"({"reader":"socket:"})", R"({"x":1})", R"({"server":7})"}) {
        EXPECT_FALSE(read_device_config(json)) << json;
    }
}

}  // namespace
}  // namespace softpos::device
