// Frames under TLS, and links with a connection for each exchange: who is believed, and that what
// was not taken has provably left nothing.
#include "net/frame_link.h"
#include "net/frame_server.h"
#include "net/frame_splitter.h"
#include "net/test_support.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace softpos::net {
namespace {

using testing::make_certificate;
using testing::RawServer;
using testing::RawSocket;
using testing::TestCertificate;

constexpr auto patience = std::chrono::seconds(20);

// Counts what comes, and lets a test wait for it.
class Heard {
public:
    void frame(Bytes frame) {
        const std::lock_guard lock(mutex_);
        frames_.emplace_back(frame.begin(), frame.end());
        changed_.notify_all();
    }
    void state(LinkState state) {
        const std::lock_guard lock(mutex_);
        states_.push_back(state);
        changed_.notify_all();
    }
    bool frames(std::size_t count) {
        return wait([&] { return frames_.size() >= count; });
    }
    bool states(std::size_t count) {
        return wait([&] { return states_.size() >= count; });
    }
    LinkState last() {
        const std::lock_guard lock(mutex_);
        return states_.back();
    }
    std::vector<Buffer> all() {
        const std::lock_guard lock(mutex_);
        return frames_;
    }

private:
    template <typename Condition>
    bool wait(Condition condition) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, patience, condition);
    }
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Buffer> frames_;
    std::vector<LinkState> states_;
};

class FrameTls : public ::testing::Test {
protected:
    // An echo that knows how many connections asked, and saw a whole handshake fail or not.
    std::unique_ptr<FrameServer> serve(std::optional<ServerTls> tls, std::uint16_t port = 0) {
        FrameServerConfig config;
        config.port = port;
        config.tls = std::move(tls);
        auto server = FrameServer::listen(
            std::move(config),
            [this](FrameConnection from, Bytes frame) {
                {
                    const std::lock_guard lock(mutex_);
                    callers_.insert(from.id());
                }
                from.send(Buffer(frame.begin(), frame.end()));
            },
            [this](const FrameConnection&) { ++closed_; });
        EXPECT_TRUE(server);
        return *std::move(server);
    }
    std::unique_ptr<FrameLink> link(std::uint16_t port, LinkKind kind,
                                    std::optional<ClientTls> tls = std::nullopt) {
        FrameLinkConfig config;
        config.port = port;
        config.kind = kind;
        config.tls = std::move(tls);
        config.backoff_first_ms = 5;
        config.backoff_last_ms = 20;
        auto started = FrameLink::start(
            std::move(config), [this](Bytes frame) { heard_.frame(frame); },
            [this](LinkState state) { heard_.state(state); });
        EXPECT_TRUE(started);
        return *std::move(started);
    }
    std::size_t callers() {
        const std::lock_guard lock(mutex_);
        return callers_.size();
    }
    ServerTls server_tls() const { return {server_.cert_pem, server_.key_pem}; }
    ClientTls client_tls() const { return {.ca_pem = ca_.cert_pem, .server_name = "acq.example"}; }
    // As many handshakes as show that it is not a matter of time.
    void expect_never_up(FrameLink& link) {
        const auto until = std::chrono::steady_clock::now() + patience;
        while (closed_ < 3 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
        EXPECT_GE(closed_, 3U);
        EXPECT_FALSE(link.connected());
        const auto sent = link.send({1});
        ASSERT_FALSE(sent);
        EXPECT_EQ(sent.error().kind, ErrorKind::unavailable);
        EXPECT_EQ(callers(), 0U);
    }

    TestCertificate ca_ = make_certificate({.common_name = "Network"});
    TestCertificate server_ = make_certificate(
        {.common_name = "front", .alternative_name = "DNS:acq.example", .issuer = &ca_});
    std::mutex mutex_;
    std::set<std::uint64_t> callers_;
    std::atomic<unsigned> closed_ = 0;
    Heard heard_;
};

TEST_F(FrameTls, ALastingLinkKeepsOneConnection) {
    const auto server = serve(server_tls());
    const auto test = link(server->port(), LinkKind::lasting, client_tls());
    ASSERT_TRUE(heard_.states(1));
    for (std::uint8_t i = 0; i < 50; ++i) ASSERT_TRUE(test->send(Buffer(1'000, i)));
    ASSERT_TRUE(heard_.frames(50));
    for (std::uint8_t i = 0; i < 50; ++i) EXPECT_EQ(heard_.all()[i], Buffer(1'000, i));
    EXPECT_EQ(callers(), 1U);
}

TEST_F(FrameTls, EachExchangeHasItsConnection) {
    for (const bool secret : {false, true}) {
        Heard& heard = heard_;
        const std::size_t before = heard.all().size();
        const std::size_t callers_before = callers();
        const auto server = serve(secret ? std::optional(server_tls()) : std::nullopt);
        const auto test = link(server->port(), LinkKind::per_exchange,
                               secret ? std::optional(client_tls()) : std::nullopt);
        ASSERT_TRUE(heard.states(secret ? 2 : 1));
        for (std::uint8_t i = 0; i < 5; ++i) {
            ASSERT_TRUE(test->send({i, 7}));
            ASSERT_TRUE(heard.frames(before + i + 1));
        }
        EXPECT_EQ(heard.all().back(), (Buffer{4, 7}));
        // Connections of another server have numbers of their own; sets do not grow by them.
        EXPECT_GE(callers(), std::max<std::size_t>(5, callers_before));
        EXPECT_TRUE(test->connected());
    }
}

TEST_F(FrameTls, ExchangesGoOnTogether) {
    const auto server = serve(server_tls());
    const auto test = link(server->port(), LinkKind::per_exchange, client_tls());
    ASSERT_TRUE(heard_.states(1));
    {
        std::vector<std::jthread> threads;
        for (std::uint8_t t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                for (std::uint8_t i = 0; i < 10; ++i) EXPECT_TRUE(test->send({t, i}));
            });
        }
    }
    ASSERT_TRUE(heard_.frames(40));
    EXPECT_EQ(callers(), 40U);
}

TEST_F(FrameTls, AnotherAuthorityIsNotBelieved) {
    const TestCertificate other = make_certificate({.common_name = "Network"});
    const auto server = serve(server_tls());
    for (const LinkKind kind : {LinkKind::lasting, LinkKind::per_exchange}) {
        closed_ = 0;
        const auto test = link(server->port(), kind,
                               ClientTls{.ca_pem = other.cert_pem, .server_name = "acq.example"});
        expect_never_up(*test);
    }
}

TEST_F(FrameTls, AnExpiredCertificateIsNotBelieved) {
    server_ = make_certificate({.common_name = "front",
                                .alternative_name = "DNS:acq.example",
                                .issuer = &ca_,
                                .first_day = -9,
                                .last_day = -1});
    const auto server = serve(server_tls());
    const auto test = link(server->port(), LinkKind::per_exchange, client_tls());
    expect_never_up(*test);
}

TEST_F(FrameTls, AnotherNameIsNotBelieved) {
    const auto server = serve(server_tls());
    ClientTls tls = client_tls();
    tls.server_name = "other.example";
    const auto test = link(server->port(), LinkKind::lasting, tls);
    expect_never_up(*test);
}

TEST_F(FrameTls, APeerInTheClearIsNotBelieved) {
    const auto server = serve(std::nullopt);
    const auto test = link(server->port(), LinkKind::lasting, client_tls());
    expect_never_up(*test);
}

TEST_F(FrameTls, WhoMustHaveACertificateAndHasNoneIsClosed) {
    const TestCertificate ours = make_certificate({.common_name = "acquirer", .issuer = &ca_});
    ServerTls mutual = server_tls();
    mutual.client_ca_pem = ca_.cert_pem;
    const auto server = serve(mutual);
    {
        // With TLS 1.3 a client learns of it only afterwards: nothing is answered.
        const auto nobody = link(server->port(), LinkKind::lasting, client_tls());
        const auto until = std::chrono::steady_clock::now() + patience;
        while (closed_ < 2 && std::chrono::steady_clock::now() < until) {
            (void)nobody->send({1});
            std::this_thread::yield();
        }
        EXPECT_GE(closed_, 2U);
        EXPECT_EQ(callers(), 0U);
        EXPECT_TRUE(heard_.all().empty());
    }
    ClientTls tls = client_tls();
    tls.cert_pem = ours.cert_pem;
    tls.key_pem = ours.key_pem;
    const auto known = link(server->port(), LinkKind::per_exchange, tls);
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!known->connected() && std::chrono::steady_clock::now() < until) {
        std::this_thread::yield();
    }
    ASSERT_TRUE(known->send({2}));
    ASSERT_TRUE(heard_.frames(1));
}

TEST_F(FrameTls, WhatCannotBeReachedHasLeftNothing) {
    auto server = serve(std::nullopt);
    const std::uint16_t port = server->port();
    const auto test = link(port, LinkKind::per_exchange);
    ASSERT_TRUE(heard_.states(1));
    server.reset();
    const auto sent = test->send({1});
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().kind, ErrorKind::unavailable);
    ASSERT_TRUE(heard_.states(2));
    EXPECT_EQ(heard_.last(), LinkState::disconnected);
    server = serve(std::nullopt, port);
    ASSERT_TRUE(heard_.states(3));
    EXPECT_EQ(heard_.last(), LinkState::connected);
    ASSERT_TRUE(test->send({2}));
    ASSERT_TRUE(heard_.frames(1));
    EXPECT_EQ(heard_.all(), std::vector<Buffer>{Buffer{2}});
}

TEST_F(FrameTls, APeerThatClosesAtOnceAnswersNothing) {
    RawServer server([](RawServer& s) {
        for (;;) {
            RawSocket socket = s.accept();
            if (!socket.open()) return;
        }
    });
    const auto test = link(server.port(), LinkKind::per_exchange);
    ASSERT_TRUE(heard_.states(1));
    // More than may be open at a time: those that ended have made room.
    for (unsigned i = 0; i < 200; ++i) {
        const auto until = std::chrono::steady_clock::now() + patience;
        while (!test->send({1}) && std::chrono::steady_clock::now() < until) {
            std::this_thread::yield();
        }
    }
    EXPECT_TRUE(heard_.all().empty());
}

TEST_F(FrameTls, MayEndWhileItConnects) {
    const auto server = serve(server_tls());
    for (int i = 0; i < 20; ++i) {
        const auto test = link(server->port(), LinkKind::per_exchange, client_tls());
    }
}

}  // namespace
}  // namespace softpos::net
