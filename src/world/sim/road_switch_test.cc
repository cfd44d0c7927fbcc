// The lines to the network: several of them, ones that die and ones that fall silent, and what is
// kept for the network while none is there.
#include "crypto/p256.h"
#include "crypto/x509.h"
#include "host/durable_file.h"
#include "net/frame_link.h"
#include "net/frame_server.h"
#include "world/sim/road_test_support.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace softpos::sim {
namespace {

using test::Reply;
using test::RoadPhone;
using test::RoadWorld;

// A leased line to the network that can be cut, laid again at the same place, and made silent.
class LeasedLine {
public:
    explicit LeasedLine(std::uint16_t network_port,
                        std::optional<net::ServerTls> tls = std::nullopt)
        : network_port_(network_port), tls_(std::move(tls)) {
        lay();
    }
    ~LeasedLine() { cut(); }
    LeasedLine(const LeasedLine&) = delete;
    LeasedLine& operator=(const LeasedLine&) = delete;

    std::uint16_t port() const { return port_; }
    unsigned requests() const { return requests_; }
    unsigned callers() const { return callers_; }
    void fall_silent() { silent_ = true; }

    void cut() {
        server_.reset();
        link_.reset();
    }
    void lay() {
        auto link = net::FrameLink::start(
            {.port = network_port_}, [this](Bytes frame) { answer(frame); }, [](net::LinkState) {});
        EXPECT_TRUE(link.has_value());
        link_ = *std::move(link);
        EXPECT_TRUE(RoadWorld::wait_until([this] { return link_->connected(); }));
        auto server = net::FrameServer::listen(
            {.port = port_, .tls = tls_},
            [this](net::FrameConnection from, Bytes frame) { ask(from, frame); });
        EXPECT_TRUE(server.has_value());
        server_ = *std::move(server);
        port_ = server_->port();
    }

private:
    void ask(const net::FrameConnection& from, Bytes frame) {
        ++requests_;
        {
            const std::lock_guard lock(mutex_);
            if (!caller_ || caller_->id() != from.id()) ++callers_;
            caller_ = from;
        }
        if (!silent_) (void)link_->send({frame.begin(), frame.end()});
    }
    void answer(Bytes frame) {
        const std::lock_guard lock(mutex_);
        if (caller_) caller_->send({frame.begin(), frame.end()});
    }

    std::uint16_t network_port_;
    std::optional<net::ServerTls> tls_;
    std::uint16_t port_ = 0;
    std::atomic<unsigned> requests_ = 0, callers_ = 0;
    std::atomic<bool> silent_ = false;
    std::mutex mutex_;
    std::optional<net::FrameConnection> caller_;
    std::unique_ptr<net::FrameLink> link_;
    std::unique_ptr<net::FrameServer> server_;
};

class RoadSwitch : public ::testing::Test {
protected:
    void write_plan(const std::string& rows) {
        const std::string text = "switch 1\n" + rows;
        ASSERT_TRUE(
            host::write_durably(world_.folder() + "/server/switch.conf", bytes_of(text), 0644));
    }
    void restart_with(const std::string& rows) {
        world_.stop_service();
        write_plan(rows);
        world_.start_service();
        phone_.reconnect();
    }
    static std::string row(const std::string& name, const LeasedLine& line,
                           const std::string& more = {}) {
        return "line " + name + " 127.0.0.1:" + std::to_string(line.port()) + more + "\n";
    }
    // The network's and ours, each of its own authority; ours is in the service's folder.
    net::ServerTls certificates() {
        const auto theirs = authority();
        const auto ours = authority();
        const std::string key = crypto::P256Key::generate()->private_pem();
        const auto own =
            crypto::sign_csr(ours, crypto::make_csr(key, "acquirer").value(),
                             {.common_name = "acquirer", .now = world_.clock().now(), .days = 1});
        world_.write_server_file("network-ca.pem", theirs.cert_pem);
        world_.write_server_file("own.pem", own.value());
        world_.write_server_file("own.key", key);
        return server(theirs, "acq.example", ours.cert_pem);
    }
    crypto::CertAndKey authority() {
        return crypto::make_ca("network authority", world_.clock().now(), 1).value();
    }
    net::ServerTls server(const crypto::CertAndKey& ca, const std::string& name,
                          const std::string& client_ca_pem) {
        const auto leaf = crypto::issue_server(
            ca, {.common_name = "network", .dns = {name}, .ip = {}}, world_.clock().now(), 1);
        return {
            .cert_pem = leaf->cert_pem, .key_pem = leaf->key_pem, .client_ca_pem = client_ca_pem};
    }
    bool connected() { return world_.acquirer("/v1/status").flag("network_connected"); }
    std::int64_t counted(const std::string& what) {
        return world_.network("/v1/state").number(what);
    }

    RoadWorld world_;
    RoadPhone& phone_ = world_.phone();
};

TEST_F(RoadSwitch, GoesOverTheOtherLineWhereOneIsCut) {
    LeasedLine a(world_.network_port()), b(world_.network_port());
    restart_with(row("a", a) + row("b", b));
    EXPECT_EQ(phone_.purchase(1'000).result(), "approved");
    EXPECT_GT(a.requests(), 0U);
    a.cut();
    const unsigned before = b.requests();
    EXPECT_EQ(phone_.purchase(2'000).result(), "approved");
    EXPECT_GT(b.requests(), before);
    b.cut();
    ASSERT_TRUE(RoadWorld::wait_until([this] { return !connected(); }));
    EXPECT_EQ(phone_.purchase(3'000).refusal(), "NETWORK_UNAVAILABLE");
    a.lay();
    ASSERT_TRUE(RoadWorld::wait_until([this] { return connected(); }));
    EXPECT_EQ(phone_.purchase(4'000).result(), "approved");
    world_.expect_consistent();
    EXPECT_EQ(world_.sold(), 7'000);
}

TEST_F(RoadSwitch, RoutesByAmount) {
    LeasedLine a(world_.network_port()), b(world_.network_port());
    restart_with(row("a", a) + row("b", b) +
                 "route * * * 0-5000 * a,b\nroute * * * 5001-99999999 * b\n");
    ASSERT_EQ(phone_.purchase(5'000).result(), "approved");
    const unsigned a_before = a.requests(), b_before = b.requests();
    EXPECT_EQ(phone_.purchase(6'000).result(), "approved");
    EXPECT_EQ(a.requests(), a_before);
    EXPECT_EQ(b.requests(), b_before + 1);
    b.cut();
    ASSERT_TRUE(RoadWorld::wait_until([this] {
        return phone_.purchase(6'000).text("payment.refusal.code") == "NETWORK_UNAVAILABLE" ||
               !connected() || world_.acquirer("/v1/status").text("lines.1.health") == "down";
    }));
    EXPECT_NE(phone_.purchase(6'000).result(), "approved") << "the row does not name line a";
    EXPECT_EQ(phone_.purchase(4'000).result(), "approved");
    world_.expect_consistent();
}

TEST_F(RoadSwitch, AsksAQuietLineWhetherItLives) {
    LeasedLine a(world_.network_port());
    restart_with(row("a", a) + "echo 40 2000 2\n");
    ASSERT_EQ(phone_.purchase(1'000).result(), "approved");
    EXPECT_TRUE(RoadWorld::wait_until([this] { return counted("echoes") >= 3; }));
    EXPECT_EQ(a.callers(), 1U) << "one connection all the time";
    EXPECT_EQ(phone_.purchase(2'000).result(), "approved");
    world_.expect_consistent();
}

TEST_F(RoadSwitch, OpensASilentLineAnewAndTakesTheOther) {
    LeasedLine a(world_.network_port()), b(world_.network_port());
    restart_with(row("a", a) + row("b", b) + "echo 60 60 2\n");
    ASSERT_EQ(phone_.purchase(1'000).result(), "approved");
    a.fall_silent();
    EXPECT_TRUE(RoadWorld::wait_until([&] { return a.callers() >= 2; })) << "opened anew";
    // While it is in doubt, what is sold goes over the other line.
    EXPECT_TRUE(RoadWorld::wait_until(
        [&] { return phone_.purchase(2'000).result() == "approved" && b.requests() > 0; }));
    world_.expect_consistent();
}

constexpr char under_tls[] = " tls acq.example network-ca.pem own.pem own.key";

TEST_F(RoadSwitch, SellsOverALineUnderTlsWithCertificatesOfBothSides) {
    LeasedLine a(world_.network_port(), certificates());
    restart_with(row("a", a, under_tls));
    const Reply sale = phone_.purchase(1'000);
    EXPECT_EQ(sale.result(), "approved") << sale.body();
    EXPECT_EQ(phone_.void_sale(sale.id()).result(), "approved");
    EXPECT_EQ(a.callers(), 1U);
    a.cut();
    ASSERT_TRUE(RoadWorld::wait_until([this] { return !connected(); }));
    a.lay();
    ASSERT_TRUE(RoadWorld::wait_until([this] { return connected(); }));
    EXPECT_EQ(phone_.purchase(2'000).result(), "approved");
    world_.expect_consistent();
    EXPECT_EQ(world_.sold(), 2'000);
}

TEST_F(RoadSwitch, ALineOfSomebodyElseCarriesNothing) {
    const net::ServerTls right = certificates();
    const auto stranger = authority();  // Under the same name.
    LeasedLine forged(world_.network_port(), server(stranger, "acq.example", right.client_ca_pem));
    LeasedLine other(world_.network_port(), server(stranger, "other.example", right.client_ca_pem));
    LeasedLine good(world_.network_port(), right);
    restart_with(row("forged", forged, under_tls) + row("other", other, under_tls) +
                 row("good", good, under_tls));
    ASSERT_TRUE(RoadWorld::wait_until([this] { return connected(); }));
    for (int i = 0; i < 4; ++i) EXPECT_EQ(phone_.purchase(1'000).result(), "approved");
    const Reply status = world_.acquirer("/v1/status");
    EXPECT_EQ(status.text("lines.0.health"), "down");
    EXPECT_EQ(status.text("lines.1.health"), "down");
    EXPECT_EQ(status.text("lines.2.health"), "well");
    EXPECT_EQ(forged.requests() + other.requests(), 0U) << "nothing was said to a stranger";
    good.cut();
    ASSERT_TRUE(RoadWorld::wait_until([this] { return !connected(); }));
    EXPECT_EQ(phone_.purchase(1'000).refusal(), "NETWORK_UNAVAILABLE");
    world_.expect_consistent();
}

TEST_F(RoadSwitch, OpensAConnectionForEachExchangeWhereTheNetworkWantsIt) {
    LeasedLine a(world_.network_port());
    restart_with(row("a", a, " short"));
    const Reply sale = phone_.purchase(1'000);
    EXPECT_EQ(sale.result(), "approved") << sale.body();
    EXPECT_EQ(phone_.void_sale(sale.id()).result(), "approved");
    EXPECT_EQ(phone_.purchase(2'000).result(), "approved");
    EXPECT_EQ(a.callers(), a.requests()) << "also the sign-in";
    EXPECT_GE(a.requests(), 4U);
    // The answer is lost with its connection: the reversal goes over one of its own.
    world_.fault(R"({"action":"no_answer","mti":"0200"})");
    const Reply lost = phone_.purchase(3'000);
    EXPECT_EQ(lost.result(), "indeterminate") << lost.body();
    EXPECT_EQ(world_.final_state(lost.id()), "reversed");
    EXPECT_EQ(a.callers(), a.requests());
    // Nothing can be asked before: that it is gone is seen with the next payment.
    a.cut();
    EXPECT_EQ(phone_.purchase(4'000).refusal(), "NETWORK_UNAVAILABLE");
    a.lay();
    EXPECT_TRUE(
        RoadWorld::wait_until([this] { return phone_.purchase(5'000).result() == "approved"; }));
    world_.wait_until_nothing_is_open();
    world_.expect_consistent();
    EXPECT_EQ(world_.sold(), 7'000);
}

TEST_F(RoadSwitch, AConnectionForEachExchangeMayBeUnderTls) {
    LeasedLine a(world_.network_port(), certificates());
    restart_with(row("a", a, std::string(" short") + under_tls));
    EXPECT_EQ(phone_.purchase(1'000).result(), "approved");
    EXPECT_EQ(phone_.purchase(2'000).result(), "approved");
    EXPECT_EQ(a.callers(), a.requests());
    world_.expect_consistent();
}

TEST_F(RoadSwitch, SignsOutAtTheEndAndInAtTheStart) {
    ASSERT_EQ(phone_.purchase(1'000).result(), "approved");
    const std::int64_t ins = counted("sign_ins");
    world_.stop_service();
    EXPECT_EQ(counted("sign_outs"), 1);
    world_.start_service();
    EXPECT_TRUE(RoadWorld::wait_until([&] { return counted("sign_ins") == ins + 1; }))
        << "without a payment";
    phone_.reconnect();
    const Reply sale = phone_.purchase(2'000);
    ASSERT_EQ(sale.result(), "approved");
    EXPECT_EQ(counted("sign_ins"), ins + 1) << "and not again";
    EXPECT_EQ(phone_.void_sale(sale.id()).result(), "approved") << "the batch went on";
    world_.expect_consistent();
}

TEST_F(RoadSwitch, TellsTheNetworkThatTheDayIsOver) {
    ASSERT_EQ(phone_.purchase(1'000).result(), "approved");
    const std::string day = "/v1/days/" + world_.business_date();
    EXPECT_TRUE(world_.acquirer(day + "/settle", "{}").flag("batches.0.balanced"));
    EXPECT_TRUE(RoadWorld::wait_until([this] { return counted("sign_outs") == 1; }));
    EXPECT_EQ(phone_.purchase(2'000).result(), "approved") << "in a new batch";
    const Reply again = world_.acquirer(day + "/settle", "{}");
    EXPECT_EQ(again.size("batches"), 2U) << again.body();
    EXPECT_TRUE(again.flag("batches.0.balanced"));
    EXPECT_TRUE(again.flag("batches.1.balanced"));
}

TEST_F(RoadSwitch, KeepsRefundsForTheNetworkAndTheirOrder) {
    LeasedLine a(world_.network_port());
    restart_with(row("a", a));
    std::vector<std::string> refunds;
    // Of another day: what was sold today is voided.
    const std::string first = phone_.purchase(5'000).id(), second = phone_.purchase(6'000).id();
    ASSERT_EQ(world_.network("/v1/cut-over", "{}").status(), 200U);
    const std::string unsigned_in = phone_.purchase(7'000).id();
    ASSERT_EQ(world_.final_state(unsigned_in), "reversed") << "not signed in on the new day";
    ASSERT_EQ(phone_.purchase(7'000).result(), "approved");
    a.cut();
    ASSERT_TRUE(RoadWorld::wait_until([this] { return !connected(); }));
    for (const auto& [sale, amount] : {std::pair(first, 1'000), {second, 2'000}, {first, 3'000}}) {
        const Reply refund = phone_.refund(sale, amount);
        EXPECT_EQ(refund.result(), "indeterminate") << refund.body();
        refunds.push_back(refund.id());
    }
    world_.stop_service();
    world_.start_service();  // What waits is durable.
    phone_.reconnect();
    EXPECT_EQ(phone_.purchase(8'000).refusal(), "NETWORK_UNAVAILABLE");
    a.lay();
    std::vector<std::string> references;
    for (const std::string& refund : refunds) {
        EXPECT_EQ(world_.final_state(refund), "approved");
        references.push_back(world_.payment(refund).text("payment.rrn"));
    }
    // The network numbers what it carries out one after the other.
    EXPECT_LT(references[0], references[1]);
    EXPECT_LT(references[1], references[2]);
    world_.expect_consistent();
}

}  // namespace
}  // namespace softpos::sim
