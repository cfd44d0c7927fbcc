// What the two doors refuse, with the status and the code of the one table of refusals; and what
// they never let out.
#include "base/hex.h"
#include "codec/ber_tlv.h"
#include "crypto/x509.h"
#include "host/data_files.h"
#include "host/durable_file.h"
#include "world/sim/road_test_support.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <filesystem>
#include <string>
#include <unistd.h>
#include <vector>

namespace softpos::sim {
namespace {

using test::Reply;
using test::RoadPhone;
using test::RoadWorld;

constexpr std::int64_t amount = 12'800;
constexpr std::size_t file_bytes_max = std::size_t{64} * 1024 * 1024;

class RoadRefusals : public ::testing::Test {
protected:
    // `from` is replaced by `to` in a purchase that would be good.
    Reply changed(const std::string& from, const std::string& to) {
        std::string body = phone_.tap(amount);
        const std::size_t at = body.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        return phone_.send(body.replace(at, from.size(), to));
    }
    static void expect(const Reply& reply, unsigned status, const std::string& code,
                       const std::string& field = {}) {
        EXPECT_EQ(reply.status(), status) << reply.body();
        EXPECT_EQ(reply.refusal(), code) << reply.body();
        if (!field.empty()) EXPECT_EQ(reply.text("refusal.field"), field);
        EXPECT_FALSE(reply.text("refusal.class").empty());
        EXPECT_FALSE(reply.text("refusal.message_en").empty());
        EXPECT_FALSE(reply.text("refusal.message_zh").empty());
    }
    void expect_nothing_sold() {
        EXPECT_EQ(world_.sold(), 0);
        EXPECT_EQ(world_.spent(), 0);
    }

    RoadWorld world_;
    RoadPhone& phone_ = world_.phone();
};

TEST_F(RoadRefusals, ReadsNoBodyThatIsNoObject) {
    for (const char* body : {"", "x", "[]", "7", "{", "{}{}", "{\"a\":1,}", "\"text\""}) {
        expect(phone_.send(body), 400, "BAD_JSON");
    }
    expect_nothing_sold();
}

TEST_F(RoadRefusals, TakesNoFieldThatItDoesNotKnow) {
    expect(changed("{", R"({"tip_minor":5,)"), 400, "UNKNOWN_FIELD", "tip_minor");
    expect(changed(R"("card":{)", R"("card":{"pan":"6210948000000003",)"), 400, "UNKNOWN_FIELD",
           "card.pan");
    expect_nothing_sold();
}

TEST_F(RoadRefusals, WantsEveryField) {
    expect(phone_.send("{}"), 400, "MISSING_FIELD", "idempotency_key");
    expect(changed(R"("currency":"CNY",)", ""), 400, "MISSING_FIELD", "currency");
    expect(changed(R"("kind":"purchase",)", ""), 400, "MISSING_FIELD", "kind");
    expect_nothing_sold();
}

TEST_F(RoadRefusals, WantsTheRightTypes) {
    const std::string good = R"("amount_minor":12800)";
    expect(changed(good, R"("amount_minor":"12800")"), 400, "WRONG_TYPE", "amount_minor");
    expect(changed(good, R"("amount_minor":128.5)"), 400, "WRONG_TYPE", "amount_minor");
    expect(changed(good, R"("amount_minor":null)"), 400, "WRONG_TYPE", "amount_minor");
    expect(changed(R"("currency":"CNY")", R"("currency":156)"), 400, "WRONG_TYPE", "currency");
    expect_nothing_sold();
}

TEST_F(RoadRefusals, WantsValuesInRange) {
    const std::string good = R"("amount_minor":12800)";
    for (const char* bad : {"0", "-1", "9223372036854775807", "1000000000000"}) {
        expect(changed(good, R"("amount_minor":)" + std::string(bad)), 400, "BAD_VALUE",
               "amount_minor");
    }
    expect(changed("\"CNY\"", "\"USD\""), 400, "BAD_VALUE", "currency");
    expect(changed("\"purchase\"", "\"gift\""), 400, "BAD_VALUE", "kind");
    expect(changed("\"none\"", "\"trust_me\""), 400, "BAD_VALUE", "card.cvm");
    expect(changed("\"contactless\"", "\"keyed\""), 400, "BAD_VALUE", "card.entry");
    expect(changed("{", R"({"reference":")" + std::string(65, 'x') + R"(",)"), 400, "BAD_VALUE",
           "reference");
    expect_nothing_sold();
}

TEST_F(RoadRefusals, TakesNoBodyOverTheLimit) {
    expect(phone_.send(std::string(70'000, ' ')), 413, "BODY_TOO_LARGE");
    EXPECT_EQ(phone_.purchase(amount).result(), "approved") << "on a new connection";
}

TEST_F(RoadRefusals, KnowsItsPathsAndMethods) {
    expect(phone_.post("/v1/phone/pay", "{}"), 404, "NO_SUCH_PATH");
    expect(phone_.post("/v1/phone/payments/1/2/void", "{}"), 404, "NO_SUCH_PATH");
    expect(phone_.get("/v1/phone/payments"), 404, "NO_SUCH_PATH");
    expect(phone_.get("/v1/spa"), 405, "BAD_METHOD");
    expect(phone_.get("/v1/phone/payments/" + std::string(32, 'a')), 404, "NOT_FOUND");
    expect(phone_.get("/v1/phone/payments/nonsense"), 404, "NOT_FOUND");
    expect(phone_.get("/v1/phone/payments?last=1"), 404, "NOT_FOUND");
    expect(world_.acquirer("/v1/nothing"), 404, "NO_SUCH_PATH");
    expect(world_.acquirer("/v1/nothing", "{}"), 404, "NO_SUCH_PATH");
    expect(world_.acquirer("/v1/merchants/826000000000000"), 404, "NOT_FOUND");
    expect(world_.acquirer("/v1/days/yesterday/settle", "{}"), 400, "BAD_VALUE", "date");
    const auto client = world_.client(phone_.device().client_config());
    expect(world_.call(*client, {.method = "DELETE", .target = "/v1/phone/payments"}), 405,
           "BAD_METHOD");
}

// Shows: MPOC-1C-REACH
TEST_F(RoadRefusals, ServesNobodyWithoutACertificate) {
    const auto stranger = world_.client(world_.door(world_.phone_port()));
    const std::string body = phone_.tap(amount);
    expect(world_.call(*stranger, {.method = "POST", .target = "/v1/phone/payments", .body = body}),
           401, "NO_CREDENTIALS");
    expect_nothing_sold();
    EXPECT_EQ(phone_.send(body).result(), "approved");
}

// Signed by the right authority in the name of the right terminal, but not the one it was given.
// Shows: MPOC-1A-5
TEST_F(RoadRefusals, ServesNoOtherCertificateOfTheSameName) {
    const auto read = [&](const std::string& name) {
        return std::string(
            text_of(host::read_file(world_.folder() + "/server/" + name, 16'384).value()));
    };
    const crypto::CertAndKey ca{.cert_pem = read("ca.pem"), .key_pem = read("ca.key")};
    net::HttpClientConfig config = phone_.device().client_config();
    const std::string name = crypto::certificate_common_name(config.tls->cert_pem).value();
    const auto key = crypto::P256Key::generate().value();
    const std::string csr = crypto::make_csr(key.private_pem(), "phone").value();
    config.tls->key_pem = key.private_pem();
    config.tls->cert_pem =
        crypto::sign_csr(ca, csr, {.common_name = name, .now = world_.clock().now(), .days = 1})
            .value();
    const auto thief = world_.client(config);
    expect(world_.call(*thief, {.method = "GET", .target = "/v1/phone/payments?last=1"}), 401,
           "BAD_CREDENTIALS");
}

// A certificate of somebody else's authority does not get through the handshake.
// Shows: MPOC-1C-REACH
TEST_F(RoadRefusals, ServesNoCertificateOfAnotherAuthority) {
    const auto ca = crypto::make_ca("Somebody", world_.clock().now(), 1).value();
    net::HttpClientConfig config = phone_.device().client_config();
    const std::string name = crypto::certificate_common_name(config.tls->cert_pem).value();
    const auto key = crypto::P256Key::generate().value();
    const std::string csr = crypto::make_csr(key.private_pem(), "phone").value();
    config.tls->key_pem = key.private_pem();
    config.tls->cert_pem =
        crypto::sign_csr(ca, csr, {.common_name = name, .now = world_.clock().now(), .days = 1})
            .value();
    const auto stranger = world_.client(config);
    EXPECT_EQ(
        world_.call(*stranger, {.method = "GET", .target = "/v1/phone/payments?last=1"}).status(),
        0U);
}

// Shows: MPOC-1C-REACH
TEST_F(RoadRefusals, ShowsNoPaymentOfAnotherMerchantsPhone) {
    const Reply sale = phone_.purchase(amount);
    RoadPhone& colleague = world_.add_phone();
    EXPECT_EQ(colleague.get("/v1/phone/payments/" + sale.id()).status(), 200U)
        << "the same merchant";
    expect(colleague.get("/v1/phone/payments?last=1"), 404, "NOT_FOUND");
}

TEST_F(RoadRefusals, WantsTheApiKey) {
    const auto client = world_.client(world_.door(world_.acquirer_port()));
    const auto ask = [&](std::vector<net::HttpHeader> headers) {
        return world_.call(
            *client, {.method = "GET", .target = "/v1/ledger", .headers = std::move(headers)});
    };
    expect(ask({}), 401, "NO_CREDENTIALS");
    expect(ask({{"authorization", world_.api_key()}}), 401, "NO_CREDENTIALS");
    expect(ask({{"authorization", "Basic " + world_.api_key()}}), 401, "NO_CREDENTIALS");
    expect(ask({{"authorization", "Bearer x"}}), 401, "BAD_CREDENTIALS");
    expect(ask({{"authorization", "Bearer " + world_.api_key() + "0"}}), 401, "BAD_CREDENTIALS");
    std::string other = world_.api_key();
    other.back() = other.back() == '0' ? '1' : '0';
    expect(ask({{"authorization", "Bearer " + other}}), 401, "BAD_CREDENTIALS");
    EXPECT_EQ(ask({{"authorization", "Bearer " + world_.api_key()}}).status(), 200U);
}

// Shows: MPOC-5-MERCHANT
TEST_F(RoadRefusals, UsesAnActivationCodeOnce) {
    const std::string code = world_.enrolment_code();
    auto first = FleetPhone::make(host::data_path("cards"), 77, world_.random()).value();
    auto second = FleetPhone::make(host::data_path("cards"), 78, world_.random()).value();
    const FleetPlatform platform = world_.platform();
    ASSERT_TRUE(first->enrol(platform, code).has_value());
    const auto again = second->enrol(platform, code);
    ASSERT_FALSE(again.has_value());
    EXPECT_FALSE(again.has_value());
    EXPECT_EQ(second->last_refusal()->reference, "ACTIVATION_CODE_INVALID");
}

// Nothing may hold a card number, track 2 or the key: not the database, not its log, not what we
// print, not an answer.
class RoadScan : public ::testing::Test {
protected:
    // Into a file of ours from here on; what this process logs is in it.
    RoadScan() : kept_(::dup(STDERR_FILENO)) {
        const int file = ::open(log_.file("stderr").c_str(), O_CREAT | O_WRONLY, 0600);
        ::dup2(file, STDERR_FILENO);
        ::close(file);
    }
    ~RoadScan() override { give_stderr_back(); }
    void give_stderr_back() {
        if (kept_ < 0) return;
        ::dup2(kept_, STDERR_FILENO);
        ::close(std::exchange(kept_, -1));
    }
    static std::string content(const std::string& path) {
        const auto bytes = host::read_file(path, file_bytes_max);
        EXPECT_TRUE(bytes.has_value()) << path;
        return bytes ? std::string(text_of(*bytes)) : std::string();
    }

    host::ScratchDirectory log_;
    int kept_;
};

// Shows: MPOC-5-DATA, JRT0156-8
TEST_F(RoadScan, FindsNoCardNumberAndNoKeyAnywhere) {
    RoadWorld world;
    RoadPhone& phone = world.phone();
    const Reply sale = phone.purchase(amount);
    ASSERT_EQ(sale.result(), "approved");
    ASSERT_EQ(phone.void_sale(sale.id()).result(), "approved");
    world.fault(R"({"action":"no_answer","mti":"0200"})");
    const Reply lost = phone.purchase(200);
    ASSERT_EQ(world.final_state(lost.id()), "reversed");
    ASSERT_EQ(phone.purchase(1'051).result(), "declined");
    const std::string day = world.business_date();
    ASSERT_EQ(phone.purchase(300).result(), "approved");
    ASSERT_EQ(world.acquirer("/v1/days/" + day + "/settle", "{}").status(), 200U);
    const std::size_t ours = world.answers().size();
    const std::string file = world.network("/v1/cut-over", "{}").body();
    ASSERT_EQ(world.acquirer("/v1/days/" + day + "/clearing", file).status(), 200U);

    const std::string pan(phone.device().card_pan());
    const Buffer packed = from_hex(pan).value();
    const std::string key = world.api_key();
    // As digits, as packed digits (which is how track 2 begins), and the key as it is sent.
    const std::vector<std::string> secrets = {pan, std::string(text_of(packed)), key,
                                              key.substr(4)};
    ASSERT_NE(file.find(pan), std::string::npos) << "the search would find it";

    std::size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(world.folder())) {
        if (!entry.is_regular_file()) continue;
        ++files;
        const std::string text = content(entry.path().string());
        for (const std::string& secret : secrets) {
            EXPECT_EQ(text.find(secret), std::string::npos) << entry.path();
        }
    }
    EXPECT_GE(files, 8U) << "certificates, configuration, database, its log, the vault's";
    give_stderr_back();
    const std::string logged = content(log_.file("stderr"));
    EXPECT_NE(logged.find("upstream: signed in"), std::string::npos) << "it was captured";
    for (const std::string& secret : secrets) {
        EXPECT_EQ(logged.find(secret), std::string::npos);
    }
    for (std::size_t i = 0; i < world.answers().size(); ++i) {
        if (i == ours) continue;  // The network's own file.
        for (const std::string& secret : secrets) {
            EXPECT_EQ(world.answers()[i].find(secret), std::string::npos) << world.answers()[i];
        }
    }
}

}  // namespace
}  // namespace softpos::sim
