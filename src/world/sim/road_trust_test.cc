// Phones that were good and are not any more, through every part from core to case: nothing is
// collected, and everything about it is known.
#include "base/hex.h"
#include "crypto/p256.h"
#include "host/data_files.h"
#include "host/durable_file.h"
#include "net/http_server.h"
#include "platform/monitor/policy.h"
#include "platform/server/webhooks.h"
#include "testing/bit_flips.h"
#include "world/sim/road_test_support.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <charconv>
#include <mutex>

namespace softpos::sim::test {
namespace {

namespace json = boost::json;
using protocol::CoreMode;
using protocol::Finding;
using protocol::FindingCode;
using protocol::TrustClass;

constexpr std::int64_t amount = 5'000;

class RoadTrust : public ::testing::Test {
protected:
    Id128 key() { return Id128::parse(world_.new_key()).value(); }
    Reply device() { return world_.acquirer("/v1/terminals/" + phone_.terminal()); }
    Reply incident() {
        const Reply list = world_.acquirer("/v1/incidents");
        if (list.size("incidents") == 0) return {};
        return world_.acquirer("/v1/incidents/" + list.text("incidents.0.incident_id"));
    }
    std::size_t incidents() { return world_.acquirer("/v1/incidents").size("incidents"); }
    void root() { phone_.device().posture().core = {{FindingCode::root, TrustClass::core, 7}}; }

    RoadWorld world_;
    RoadPhone& phone_ = world_.phone();
};

// ---- Rooted while collecting ------------------------------------------------------------------

// Shows: A25, MPOC-3-INCIDENT, MPOC-1C-JUDGE
TEST_F(RoadTrust, RootedBetweenPermitAndTapNothingIsCollected) {
    ASSERT_EQ(phone_.purchase(amount).result(), "approved");
    auto permit = phone_.device().permit(amount);
    ASSERT_TRUE(permit) << "good at preflight";
    root();
    EXPECT_FALSE(phone_.device().tap_under(*permit, amount, key(), world_.clock().now()))
        << "the core lets go by itself";
    EXPECT_FALSE(phone_.device().permit(amount));
    const auto& refused = phone_.device().last_refusal();
    ASSERT_TRUE(refused);
    EXPECT_TRUE(refused->reference.starts_with(phone_.terminal())) << refused->reference;
    EXPECT_EQ(refused->reference.find("ROOT"), std::string::npos) << "and why is nobody's business";
    EXPECT_EQ(phone_.device().status()->mode, CoreMode::wiped) << "the command came with it";

    const Reply told = incident();
    EXPECT_EQ(told.text("finding.code"), "ROOT");
    EXPECT_EQ(told.text("finding.origin"), "core");
    EXPECT_EQ(told.text("terminal_id"), phone_.terminal());
    EXPECT_EQ(told.text("merchant_id"), world_.merchant());
    EXPECT_EQ(told.text("facts.device.model"), "fleet");
    EXPECT_GE(told.size("facts.last_evidence"), 2U);
    EXPECT_TRUE(RoadWorld::wait_until([&] { return incident().text("keys") == "revoked"; }));
    EXPECT_EQ(device().text("state"), "SUSPENDED");
    EXPECT_EQ(device().number("grade_possible"), 3) << "what its hardware is good for";
    EXPECT_EQ(device().number("grade_now"), 0);
    EXPECT_EQ(device().text("capabilities.2.name"), "card_no_pin");
    EXPECT_EQ(device().text("capabilities.2.available"), "false");
    EXPECT_EQ(device().text("capabilities.2.reasons.0.obstacle"), "suspended");
    EXPECT_EQ(device().text("capabilities.2.reasons.0.finding.code"), "ROOT");
    EXPECT_FALSE(device().text("capabilities.2.reasons.0.remedy_zh").empty());
    EXPECT_EQ(device().text("filing.status"), "disabled");
    EXPECT_EQ(world_.spent(), amount) << "what was sold before, and nothing since";
    world_.expect_consistent();
}

// Shows: MPOC-3-INCIDENT, JRT0156-6.9
TEST_F(RoadTrust, AReportAloneSuspendsAtOnce) {
    ASSERT_EQ(phone_.purchase(amount).result(), "approved");
    ASSERT_TRUE(phone_.device().report()) << "well";
    EXPECT_EQ(incidents(), 0U);
    root();
    EXPECT_TRUE(phone_.device().report());
    EXPECT_EQ(incidents(), 1U);
    EXPECT_EQ(phone_.device().status()->mode, CoreMode::wiped);
    EXPECT_TRUE(phone_.device().report()) << "a wiped core can still say so";
    EXPECT_EQ(device().text("commands.0.action"), "wipe_keys");
    EXPECT_EQ(device().text("commands.0.state"), "obeyed");
    EXPECT_EQ(incidents(), 1U) << "one case is enough";
}

// A payment whose answer has not come yet is given up: the cardholder gets the money back.
// Shows: A25, MPOC-3-INCIDENT
TEST_F(RoadTrust, AnOpenTransactionIsReversed) {
    world_.fault(R"({"action":"no_answer","mti":"0200"})");
    auto body = phone_.tap(amount);
    auto app = world_.client(phone_.device().client_config());
    std::thread sale([&] {
        (void)app->request({.method = "POST", .target = "/v1/phone/payments", .body = body});
    });
    ASSERT_TRUE(RoadWorld::wait_until([&] { return world_.spent() == amount; }))
        << "the issuer has approved";
    root();
    EXPECT_FALSE(phone_.device().permit(amount));
    sale.join();
    const Reply told = incident();
    const std::string payment = told.text("payment_id");
    ASSERT_FALSE(payment.empty()) << told.body();
    EXPECT_EQ(world_.final_state(payment), "reversed");
    EXPECT_EQ(world_.spent(), 0);
    world_.expect_consistent();
}

// Shows: MPOC-2-NOTICE
TEST_F(RoadTrust, TheLatchNeedsAPersonAndANewEnrolment) {
    root();
    (void)phone_.device().report();
    phone_.device().posture().core.clear();
    EXPECT_FALSE(phone_.device().permit(amount)) << "well again is not trusted again";
    const std::string at = "/v1/terminals/" + phone_.terminal();
    const std::string code = world_.acquirer(at + "/activation", "{}").text("activation_code");
    EXPECT_FALSE(phone_.device().enrol(world_.platform(), code)) << "nobody released it";
    EXPECT_EQ(world_.acquirer(at + "/resume", "{}").status(), 400U) << "that is for holds";
    EXPECT_EQ(world_.acquirer(at + "/release", "{}").status(), 200U);
    EXPECT_FALSE(phone_.device().permit(amount)) << "a person alone does not do";
    const std::string again = world_.acquirer(at + "/activation", "{}").text("activation_code");
    ASSERT_TRUE(phone_.device().enrol(world_.platform(), again));
    phone_.reconnect();  // With the new certificate.
    EXPECT_EQ(phone_.purchase(amount).result(), "approved");
    EXPECT_EQ(device().text("state"), "ACTIVE");
}

TEST_F(RoadTrust, APersonHoldsAndLetsGo) {
    const std::string at = "/v1/terminals/" + phone_.terminal();
    EXPECT_EQ(world_.acquirer(at + "/suspend", "{}").text("state"), "SUSPENDED");
    EXPECT_FALSE(phone_.device().permit(amount));
    EXPECT_EQ(world_.acquirer(at + "/resume", "{}").text("state"), "ACTIVE");
    EXPECT_TRUE(phone_.device().report()) << "hears that it may go on";
    EXPECT_EQ(phone_.device().status()->mode, CoreMode::ready);
    const auto permit = phone_.device().permit(amount);
    EXPECT_TRUE(permit) << world_.acquirer(at + "/evidence").body();
    EXPECT_EQ(phone_.purchase(amount).result(), "approved");
    EXPECT_EQ(world_.acquirer(at + "/retire", "{}").text("state"), "RETIRED");
    EXPECT_FALSE(phone_.device().permit(amount));
    EXPECT_EQ(world_.acquirer(at + "/resume", "{}").status(), 400U);
    EXPECT_EQ(world_.acquirer("/v1/terminals/99999999/suspend", "{}").status(), 404U);
}

// ---- Permits ----------------------------------------------------------------------------------

// A card is sealed for one terminal, amount and permit, and a permit is for one terminal and
// amount: which of the two is seen first does not matter.
void expect_refused(const Reply& reply) {
    const std::string code = reply.refusal();
    EXPECT_TRUE(code == "PERMIT_INVALID" || code == "CARD_DATA_INVALID") << reply.body();
}

// Shows: A29, MPOC-2A-1.5
TEST_F(RoadTrust, APermitIsSpentOnce) {
    const std::string body = phone_.tap(amount);
    EXPECT_EQ(phone_.send(body).result(), "approved");
    json::object again = json::parse(body).as_object();
    again["idempotency_key"] = world_.new_key();
    expect_refused(phone_.send(json::serialize(again)));
    EXPECT_EQ(world_.spent(), amount);
}

// Shows: A29, MPOC-2A-1.5
TEST_F(RoadTrust, APermitOfAnotherPhoneOrForLessIsNone) {
    RoadPhone& other = world_.add_phone();
    const json::object theirs = json::parse(other.tap(amount)).as_object();
    json::object ours = json::parse(phone_.tap(amount)).as_object();
    const json::object untouched = ours;
    ours["permit"] = theirs.at("permit");
    expect_refused(phone_.send(json::serialize(ours)));
    ours["permit"] = world_.new_key();
    expect_refused(phone_.send(json::serialize(ours)));
    ours = untouched;
    ours["amount_minor"] = 100'001;  // The permit is for the class up to 1,000 yuan.
    expect_refused(phone_.send(json::serialize(ours)));
    ours["amount_minor"] = amount + 1;  // Within the class, and not what the card was asked.
    expect_refused(phone_.send(json::serialize(ours)));
    ours = untouched;
    ours.erase("permit");
    EXPECT_EQ(phone_.send(json::serialize(ours)).refusal(), "MISSING_FIELD");
    EXPECT_EQ(world_.spent(), 0);
}

// Shows: A7, A34, MPOC-1A-5
TEST_F(RoadTrust, WhatIsChangedOnTheWayIsNotOfTheCore) {
    const auto ask = phone_.device().prepare_permit(amount).value();
    auto changed = ask;
    const auto refused = [&](std::size_t bit) {
        const auto answer = phone_.device().ask(changed);
        ASSERT_TRUE(answer);
        ASSERT_TRUE(std::holds_alternative<protocol::SpaRefused>(*answer)) << "bit " << bit;
    };
    testing::for_each_turned_bit(ask.request.body, [&](const auto& body, std::size_t bit) {
        changed.request.body = body;
        refused(bit);
    });
    changed = ask;
    testing::for_each_turned_bit(ask.request.signature, [&](const auto& signature, auto bit) {
        changed.request.signature = signature;
        refused(bit);
    });
    EXPECT_EQ(incidents(), 0U) << "who carries messages can suspend nobody";
    EXPECT_TRUE(std::holds_alternative<protocol::PermitGiven>(phone_.device().ask(ask).value()));
}

// The answer was lost, and the phone asks again with the same bytes.
// Shows: A30
TEST_F(RoadTrust, TheSameRequestAgainIsTheSamePermit) {
    const auto ask = phone_.device().prepare_permit(amount).value();
    const auto id_of = [&] {
        const auto answer = phone_.device().ask(ask).value();
        const auto body =
            protocol::decode_spa_body(std::get<protocol::PermitGiven>(answer).permit.body).value();
        return std::get<protocol::Permit>(body).id;
    };
    EXPECT_EQ(id_of(), id_of());
}

// ---- PINs -------------------------------------------------------------------------------------

class RoadPin : public RoadTrust {
protected:
    RoadPin() : pos_(world_.add_pin_phone("1234")) { pos_.device().customer().pin = "1234"; }
    RoadPhone& pos_;
};

// Shows: MPOC-5-PIN
TEST_F(RoadPin, ThePinGoesFromThePadToTheIssuer) {
    const Reply reply = pos_.purchase(amount);
    EXPECT_EQ(reply.result(), "approved") << reply.body();
    EXPECT_EQ(pos_.device().customer().pads, 1U);
    EXPECT_EQ(phone_.purchase(amount).result(), "approved") << "a card that asks for none";
    world_.expect_consistent();
}

TEST_F(RoadPin, AWrongPinIsTheIssuersToRefuse) {
    pos_.device().customer().pin = "4321";
    EXPECT_EQ(pos_.purchase(amount).text("response_code"), "55");
    EXPECT_EQ(pos_.purchase(amount).text("response_code"), "55");
    EXPECT_EQ(pos_.purchase(amount).text("response_code"), "38") << "three are enough";
    pos_.device().customer().pin = "1234";
    EXPECT_EQ(pos_.purchase(amount).text("response_code"), "38");
    EXPECT_EQ(world_.spent(), 0);
}

TEST_F(RoadPin, WithoutThePinNothingLeavesThePhone) {
    pos_.device().customer().pin.clear();
    EXPECT_FALSE(pos_.device().tap(amount, key(), world_.clock().now()));
    EXPECT_EQ(pos_.device().customer().pads, 1U);
    EXPECT_EQ(world_.spent(), 0);
}

// The PIN is for this tap of this terminal: elsewhere it does not open.
// Shows: MPOC-1E-BLOCK
TEST_F(RoadPin, APinServesNoOtherSale) {
    const json::object first = json::parse(pos_.tap(amount)).as_object();
    json::object second = json::parse(pos_.tap(amount)).as_object();
    second["pin"] = first.at("pin");
    EXPECT_NE(pos_.send(json::serialize(second)).result(), "approved");
    second.erase("pin");
    EXPECT_NE(pos_.send(json::serialize(second)).result(), "approved");
    EXPECT_EQ(world_.spent(), 0);
}

// Shows: A26, MPOC-1E-1.6
TEST_F(RoadPin, RootedBetweenPermitAndPinNothingIsCollected) {
    auto& posture = pos_.device().posture();
    pos_.device().customer().before_typing = [&posture] {
        posture.core = {{FindingCode::hook, TrustClass::core, 3}};
    };
    EXPECT_FALSE(pos_.device().tap(amount, key(), world_.clock().now()));
    EXPECT_EQ(pos_.device().customer().pads, 1U) << "it was asked for, and not taken";
    EXPECT_TRUE(pos_.device().report());
    EXPECT_EQ(incident().text("finding.code"), "HOOK");
    EXPECT_EQ(incident().text("terminal_id"), pos_.terminal());
    EXPECT_EQ(pos_.device().status()->mode, CoreMode::wiped);
    EXPECT_EQ(world_.spent(), 0);
}

// ---- Copies -----------------------------------------------------------------------------------

// Shows: A28
TEST_F(RoadTrust, ACopyIsFoundWithinOneTransaction) {
    ASSERT_EQ(phone_.purchase(amount).result(), "approved");
    auto twin = phone_.device().copy(host::data_path("cards"), 9).value();
    EXPECT_EQ(phone_.purchase(amount).result(), "approved");
    EXPECT_FALSE(twin->permit(amount));
    EXPECT_EQ(incident().text("finding.code"), "CLONE");
    EXPECT_FALSE(phone_.device().permit(amount)) << "nobody can tell which one is the merchant's";
    EXPECT_EQ(world_.spent(), 2 * amount);
}

// ---- Telling ----------------------------------------------------------------------------------

// Shows: MPOC-3-INCIDENT
TEST_F(RoadTrust, TheAcquirerIsToldAtOnceAndCanProveWhoTold) {
    std::mutex mutex;
    std::vector<net::HttpRequest> heard;
    const auto listener =
        net::HttpServer::listen({}, [&](net::HttpRequest request, const net::Responder& respond) {
            const std::lock_guard lock(mutex);
            heard.push_back(std::move(request));
            respond({.body = "{}"});
        });
    ASSERT_TRUE(listener);
    const std::string url = "http://127.0.0.1:" + std::to_string((*listener)->port()) + "/events";
    const Reply added = world_.acquirer(
        "/v1/webhooks", json::serialize(json::object{{"url", url}, {"topics", "incident.opened"}}));
    ASSERT_EQ(added.status(), 201U) << added.body();
    root();
    (void)phone_.device().report();
    ASSERT_TRUE(RoadWorld::wait_until([&] {
        const std::lock_guard lock(mutex);
        return !heard.empty();
    }));
    const std::lock_guard lock(mutex);
    const net::HttpRequest& event = heard.front();
    EXPECT_EQ(event.find_header("softpos-topic"), "incident.opened");
    EXPECT_NE(event.body.find(phone_.terminal()), std::string::npos);
    EXPECT_NE(event.body.find(world_.merchant()), std::string::npos);
    const std::string signature(event.find_header("softpos-signature"));
    const std::string_view digits = std::string_view(signature).substr(2);
    std::int64_t seconds = 0;
    std::from_chars(digits.data(), digits.data() + digits.find(','), seconds);
    const Buffer secret = from_hex(added.text("secret")).value();
    EXPECT_EQ(signature, server::webhook_signature(secret, {seconds * 1000}, event.body));
    EXPECT_EQ(world_.acquirer("/v1/webhooks", R"({"url":"http://example.com/"})").status(), 400U);
}

// ---- Policies ---------------------------------------------------------------------------------

// Shows: A32, MPOC-1C-POLICY, MPOC-3-POLICY
TEST_F(RoadTrust, OnlyASignedNewerPolicyComesIntoForce) {
    const Buffer key_pem = host::read_file(world_.folder() + "/server/policy.key", 4096).value();
    const auto key = crypto::P256Key::from_private_pem(text_of(key_pem)).value();
    std::string text = host::read_data("policy/trust-sandbox.policy.json").value();
    const auto upload = [&](const std::string& policy, const crypto::P256Key& signer) {
        const auto parsed = monitor::parse_policy(policy);
        const Buffer signature =
            parsed ? signer.sign(monitor::canonical_bytes(*parsed)) : Buffer(70, 1);
        return world_.acquirer(
            "/v1/policies",
            json::serialize(json::object{{"policy", policy}, {"signature", to_hex(signature)}}));
    };
    EXPECT_EQ(upload(text, key).status(), 400U) << "the version that is in force";
    const std::string newer = text.replace(text.find("\"version\": 1"), 12, "\"version\": 2");
    EXPECT_EQ(upload(newer, crypto::P256Key::generate().value()).status(), 400U);
    ASSERT_EQ(upload(newer, key).status(), 201U);
    EXPECT_EQ(phone_.purchase(amount).result(), "approved");
    EXPECT_EQ(world_.acquirer("/v1/policies/2/activate", "{}").status(), 200U);
    EXPECT_EQ(world_.acquirer("/v1/policies/1/activate", "{}").status(), 400U) << "never back";
    EXPECT_EQ(world_.acquirer("/v1/policies/7/activate", "{}").status(), 404U);
    EXPECT_EQ(phone_.purchase(amount).result(), "approved");
    const Reply evidence = world_.acquirer("/v1/terminals/" + phone_.terminal() + "/evidence");
    const std::string last = std::to_string(evidence.size("evidence") - 1);
    EXPECT_EQ(evidence.number("evidence." + last + ".policy_version"), 2);
}

// Shows: MPOC-5-AUDIT
TEST_F(RoadTrust, EvidenceIsAChainThatAnybodyCanFollow) {
    for (int i = 0; i < 3; ++i) ASSERT_EQ(phone_.purchase(amount).result(), "approved");
    const Reply list = world_.acquirer("/v1/terminals/" + phone_.terminal() + "/evidence");
    ASSERT_GE(list.size("evidence"), 4U);
    for (std::size_t i = 1; i < list.size("evidence"); ++i) {
        EXPECT_EQ(list.text("evidence." + std::to_string(i) + ".previous"),
                  list.text("evidence." + std::to_string(i - 1) + ".digest"));
    }
}

}  // namespace
}  // namespace softpos::sim::test
