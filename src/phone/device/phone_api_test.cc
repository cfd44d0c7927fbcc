// The local API over a real socket: what it refuses and with which words, and the C library called
// from C against it.
#include "phone/device/phone_api.h"

#include "net/http_client.h"
#include "phone/device/client_check.h"
#include "phone/device/device_test_support.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace softpos::device {
namespace {

using testing::World;

class PhoneApiTest : public ::testing::Test {
protected:
    void SetUp() override {
        world.start_enrolled();
        api = PhoneApi::listen(
                  {.socket_path = socket(), .server_default = {}}, *world.service, world.feed,
                  [] {
                      return Result<std::vector<std::string>>(std::vector<std::string>{"reader 0"});
                  },
                  &posture)
                  .value();
        client = net::HttpClient::make({.unix_path = socket()}).value();
    }
    std::string socket() const { return world.folder.file("device.sock"); }
    net::HttpResponse call(const std::string& method, const std::string& target,
                           const std::string& body = {}) {
        return client->request({.method = method, .target = target, .body = body}).value();
    }

    World world;
    posture::AppPosture posture{world.posture, world.clock};
    std::unique_ptr<PhoneApi> api;
    std::unique_ptr<net::HttpClient> client;
};

TEST_F(PhoneApiTest, TakesWhatAnAppSeesOfItsPhone) {
    const std::string body =
        R"({"claims":{"platform":"android","model":"P","os_version":"15","app_package":"cn.e",)"
        R"("app_version":1,"sdk_version":1},"hardware":"qr_show",)"
        R"("findings":[{"code":"SCREEN_CAPTURE","detail":1}]})";
    EXPECT_EQ(call("POST", "/v1/posture", body).status, 200U);
    const std::vector<protocol::Finding> expected = {
        {protocol::FindingCode::screen_capture, protocol::TrustClass::app, 1}};
    EXPECT_EQ(posture.look().findings, expected);
    const auto refused = call("POST", "/v1/posture", R"({"claims":{}})");
    EXPECT_EQ(refused.status, 400U);
    EXPECT_EQ(posture.look().findings, expected) << "what is no report changes nothing";
}

TEST_F(PhoneApiTest, RefusesStrictly) {
    struct Row {
        const char *method, *target, *body, *code, *field;
    };
    const Row rows[] = {
        {"GET", "/v1/nothing", "", "NO_SUCH_PATH", ""},
        {"GET", "/v1/purchase", "", "BAD_METHOD", ""},
        {"POST", "/v1/last", "{}", "BAD_METHOD", ""},
        {"POST", "/v1/posture", "{}", "MISSING_FIELD", "claims"},
        {"GET", "/v1/posture", "", "BAD_METHOD", ""},
        {"GET", "/v1/status?x=1", "", "UNKNOWN_FIELD", "query"},
        {"GET", "/v1/events?after=x", "", "BAD_VALUE", "after"},
        {"GET", "/v1/events?wait_ms=99999999", "", "BAD_VALUE", "wait_ms"},
        {"GET", "/v1/payments/a.b", "", "BAD_VALUE", "payment_id"},
        {"GET", "/v1/payments/nobody", "", "NOT_FOUND", ""},
        {"GET", "/v1/last", "", "NOT_FOUND", ""},
        {"POST", "/v1/purchase", "", "BAD_JSON", ""},
        {"POST", "/v1/purchase", "[1]", "BAD_JSON", ""},
        {"POST", "/v1/purchase", "{}", "MISSING_FIELD", "amount_minor"},
        {"POST", "/v1/purchase", R"({"amount_minor":"1"})", "WRONG_TYPE", "amount_minor"},
        {"POST", "/v1/purchase", R"({"amount_minor":1.0})", "WRONG_TYPE", "amount_minor"},
        {"POST", "/v1/purchase", R"({"amount_minor":0})", "BAD_VALUE", "amount_minor"},
        {"POST", "/v1/purchase", R"({"amount_minor":1,"tip":1})", "UNKNOWN_FIELD", "tip"},
        {"POST", "/v1/purchase", R"({"amount_minor":1,"currency":"USD"})", "BAD_VALUE", "currency"},
        {"POST", "/v1/purchase", R"({"amount_minor":1,"idempotency_key":"12"})", "BAD_VALUE",
         "idempotency_key"},
        {"POST", "/v1/refund", R"({"payment_id":"../x","amount_minor":1})", "BAD_VALUE",
         "payment_id"},
        {"POST", "/v1/void", "{}", "MISSING_FIELD", "payment_id"},
        {"POST", "/v1/enrol", R"({"activation_code":"c","ca_pem":"x"})", "MISSING_FIELD", "server"},
        {"POST", "/v1/cancel", R"({"why":1})", "UNKNOWN_FIELD", "why"},
    };
    for (const Row& row : rows) {
        const auto answer = call(row.method, row.target, row.body);
        const auto refusal = read_refusal(answer.body);
        ASSERT_TRUE(refusal) << row.target << row.body;
        EXPECT_EQ(refusal->code, row.code) << row.target << row.body;
        EXPECT_EQ(refusal->field, row.field) << row.target << row.body;
        const auto table = std::ranges::find(refusal_table(), refusal->code, &RefusalRow::code);
        EXPECT_EQ(answer.status, table->http_status);
    }
    EXPECT_EQ(world.platform.posts, 0);
    EXPECT_EQ(world.core.taps, 0);
}

TEST_F(PhoneApiTest, RefusesABodyOverTheLimit) {
    const auto answer =
        call("POST", "/v1/purchase", std::string(PhoneApi::body_bytes_max + 1, 'x'));
    EXPECT_EQ(answer.status, 413u);
}

TEST_F(PhoneApiTest, TakesAPaymentAndShowsIt) {
    const auto answer = call("POST", "/v1/purchase", R"({"amount_minor":1250,"reference":"桌7"})");
    ASSERT_EQ(answer.status, 200u) << answer.body;
    const auto payment = read_payment(answer.body);
    EXPECT_EQ(payment->result, PaymentResult::approved);
    EXPECT_EQ(payment->reference, "桌7");
    EXPECT_EQ(read_payment(call("GET", "/v1/last").body)->payment_id, payment->payment_id);
    EXPECT_EQ(call("GET", "/v1/payments/" + payment->payment_id).status, 200u);
    const std::string events = call("GET", "/v1/events?after=0").body;
    EXPECT_NE(events.find("请挥卡"), std::string::npos);
    EXPECT_NE(events.find(payment->idempotency_key), std::string::npos);
    EXPECT_NE(call("GET", "/v1/status").body.find(R"("enrolled":true)"), std::string::npos);
    EXPECT_EQ(call("GET", "/v1/readers").body, R"({"readers":["reader 0"]})");
    EXPECT_EQ(call("POST", "/v1/cancel", "{}").body, R"({"cancelled":false})");
}

TEST_F(PhoneApiTest, PreflightTriesTheRealThing) {
    const auto good = call("POST", "/v1/preflight", "{}");
    ASSERT_EQ(good.status, 200u) << good.body;
    EXPECT_EQ(world.core.reports, 1) << "the core signed one";
    EXPECT_NE(good.body.find(R"({"name":"platform","tried":true,"passed":true})"),
              std::string::npos)
        << good.body;
    EXPECT_EQ(call("GET", "/v1/preflight").status, 405u);
    EXPECT_EQ(call("POST", "/v1/preflight", R"({"why":1})").status, 400u);
}

TEST_F(PhoneApiTest, EventsComeWhenTheyHappenOrWhenTheTimeIsOver) {
    EXPECT_EQ(call("GET", "/v1/events?after=0&wait_ms=20").body, R"({"events":[],"last":0})");
    auto other = net::HttpClient::make({.unix_path = socket()}).value();
    std::string body;
    std::thread app(
        [&] { body = other->request({.target = "/v1/events?after=0&wait_ms=20000"})->body; });
    call("POST", "/v1/purchase", R"({"amount_minor":1})");
    app.join();
    EXPECT_NE(body.find("present_card"), std::string::npos);
}

TEST_F(PhoneApiTest, TheCLibraryTakesVoidsAndRefunds) {
    char key[40] = "";
    EXPECT_EQ(client_check_purchase(socket().c_str(), key), 0);
    EXPECT_EQ(world.platform.posts, 3);
    EXPECT_EQ(world.service->last()->kind, PaymentKind::void_sale);
    EXPECT_EQ(client_check_wallet(socket().c_str()), 0);
    EXPECT_EQ(client_check_arguments(socket().c_str()), 0);
    EXPECT_EQ(client_check_unreachable("/nonexistent/device.sock"), 0);
}

TEST(CLibrary, TellsScannedCodesApart) {
    EXPECT_EQ(client_check_codes(), 0);
}

}  // namespace
}  // namespace softpos::device
