// The clients against servers that misbehave on purpose: above all, what may have left.
#include "net/http_client.h"

#include "net/http_server.h"
#include "net/test_support.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>

namespace softpos::net {
namespace {

using testing::RawServer;
using testing::RawSocket;
using testing::TestFolder;

constexpr auto patience = std::chrono::seconds(20);
constexpr std::string_view ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::unique_ptr<HttpClient> client_of(HttpClientConfig config) {
    auto client = HttpClient::make(std::move(config));
    EXPECT_TRUE(client);
    return *std::move(client);
}

void expect_failure(const Result<HttpResponse>& result, ErrorKind kind, bool may_have_left) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, kind) << result.error().what.c_str();
    EXPECT_EQ(request_may_have_left(result.error()), may_have_left) << result.error().what.c_str();
}

// A port that nobody listens on any more.
std::uint16_t dead_port() {
    const RawServer server([](RawServer&) {});
    return server.port();
}

TEST(HttpClient, SendsWhatItWasGiven) {
    std::string seen;
    RawServer server([&](RawServer& s) {
        RawSocket socket = s.accept();
        seen = socket.read_until("{\"a\":1}");
        socket.send(ok);
    });
    const auto client = client_of({.port = server.port()});
    const auto answer = client->request({.method = "POST",
                                         .target = "/v1/x",
                                         .headers = {{"authorization", "Bearer k"}},
                                         .body = "{\"a\":1}"});
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "ok");
    EXPECT_EQ(seen, "POST /v1/x HTTP/1.1\r\nhost: 127.0.0.1:" + std::to_string(server.port()) +
                        "\r\nauthorization: Bearer k\r\ncontent-type: application/json\r\n"
                        "content-length: 7\r\n\r\n{\"a\":1}");
}

TEST(HttpClient, ResolvesNames) {
    RawServer server([](RawServer& s) {
        RawSocket socket = s.accept();
        socket.read_until("\r\n\r\n");
        socket.send(ok);
    });
    EXPECT_TRUE(client_of({.host = "localhost", .port = server.port()})->request({}));
}

TEST(HttpClient, NothingLeftWhereNobodyListens) {
    const TestFolder folder;
    expect_failure(client_of({.port = dead_port()})->request({}), ErrorKind::unavailable, false);
    expect_failure(client_of({.unix_path = folder.file("none")})->request({}),
                   ErrorKind::unavailable, false);
}

TEST(HttpClient, NothingLeftWhereTheRequestCannotBeWritten) {
    RawServer server([](RawServer& s) { s.accept().read_all(); });
    const auto client = client_of({.port = server.port()});
    expect_failure(client->request({.target = "/a b"}), ErrorKind::malformed, false);
}

TEST(HttpClient, RequestMayHaveLeftWhereTheServerClosesAfterReading) {
    RawServer server([](RawServer& s) { s.accept().read_until("\r\n\r\n"); });
    const auto client = client_of({.port = server.port()});
    expect_failure(client->request({.method = "POST"}), ErrorKind::unavailable, true);
}

TEST(HttpClient, RequestMayHaveLeftWhereTheAnswerIsCutShort) {
    RawServer server([](RawServer& s) {
        RawSocket socket = s.accept();
        socket.read_until("\r\n\r\n");
        socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
    });
    const auto client = client_of({.port = server.port()});
    expect_failure(client->request({}), ErrorKind::unavailable, true);
}

// Shows: A30
TEST(HttpClient, AnswerHasADeadline) {
    std::promise<void> over;
    RawServer server([&](RawServer& s) {
        RawSocket socket = s.accept();
        socket.read_until("\r\n\r\n");
        socket.send("HTTP/1.1 200 OK\r\n");
        over.get_future().wait();
    });
    const auto client = client_of({.port = server.port()});
    const auto result = client->request({.timeout_ms = 30});
    over.set_value();
    expect_failure(result, ErrorKind::unavailable, true);
}

TEST(HttpClient, ClientIsUsableAfterADeadline) {
    std::promise<void> over;
    RawServer server([&](RawServer& s) {
        const RawSocket silent = s.accept();
        RawSocket socket = s.accept();
        socket.read_until("\r\n\r\n");
        socket.send(ok);
        over.get_future().wait();
    });
    const auto client = client_of({.port = server.port()});
    expect_failure(client->request({.timeout_ms = 30}), ErrorKind::unavailable, true);
    const auto answer = client->request({});
    over.set_value();
    EXPECT_TRUE(answer);
}

TEST(HttpClient, AnswerHasASizeLimit) {
    for (const std::string& answer :
         {std::string("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n01234567890"),
          std::string("HTTP/1.1 200 OK\r\n\r\n01234567890"),
          "HTTP/1.1 200 OK\r\nx: " + std::string(200, 'x') + "\r\n\r\n"}) {
        RawServer server([&](RawServer& s) {
            RawSocket socket = s.accept();
            socket.read_until("\r\n\r\n");
            socket.send(answer);
        });
        const auto client = client_of(
            {.port = server.port(), .answer_bytes_max = 10, .answer_header_bytes_max = 100});
        expect_failure(client->request({}), ErrorKind::malformed, true);
    }
}

TEST(HttpClient, AnswerThatIsNoHttpIsMalformed) {
    RawServer server([](RawServer& s) {
        RawSocket socket = s.accept();
        socket.read_until("\r\n\r\n");
        socket.send("SSH-2.0-server\r\n");
    });
    expect_failure(client_of({.port = server.port()})->request({}), ErrorKind::malformed, true);
}

TEST(HttpClient, KeepsItsConnection) {
    RawServer server([](RawServer& s) {
        RawSocket socket = s.accept();
        for (int i = 0; i < 3; ++i) {
            socket.read_until("\r\n\r\n");
            socket.send(ok);
        }
    });
    const auto client = client_of({.port = server.port()});
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(client->request({}));
}

// Closed while idle: seen before anything is sent, so that even a POST goes out on a new one.
TEST(HttpClient, IdleConnectionThatWasClosedIsReplaced) {
    std::promise<void> closed;
    RawServer server([&](RawServer& s) {
        {
            RawSocket socket = s.accept();
            socket.read_until("\r\n\r\n");
            socket.send(ok);
        }
        closed.set_value();
        RawSocket socket = s.accept();
        socket.read_until("\r\n\r\n");
        socket.send(ok);
    });
    const auto client = client_of({.port = server.port()});
    ASSERT_TRUE(client->request({.method = "POST"}));
    ASSERT_EQ(closed.get_future().wait_for(patience), std::future_status::ready);
    EXPECT_TRUE(client->request({.method = "POST"}));
}

// Answers once on each connection and closes on reading the next request. Counts requests.
struct ClosingServer {
    std::atomic<int> requests = 0;
    RawServer server{[this](RawServer& s) {
        for (;;) {
            RawSocket socket = s.accept();
            if (!socket.open()) return;
            if (!take(socket)) continue;
            socket.send(ok);
            take(socket);
        }
    }};
    bool take(RawSocket& socket) {
        const bool whole = socket.read_until("\r\n\r\n").ends_with("\r\n\r\n");
        if (whole) ++requests;
        return whole;
    }
};

TEST(HttpClient, StaleConnectionIsRetriedWhereThatIsSafe) {
    ClosingServer closing;
    const auto client = client_of({.port = closing.server.port()});
    ASSERT_TRUE(client->request({}));
    EXPECT_TRUE(client->request({}));
    EXPECT_EQ(closing.requests, 3);
}

TEST(HttpClient, StaleConnectionIsRetriedWhereTheCallerSaysSo) {
    ClosingServer closing;
    const auto client = client_of({.port = closing.server.port()});
    ASSERT_TRUE(client->request({}));
    EXPECT_TRUE(client->request({.method = "POST", .retry_on_stale = true}));
    EXPECT_EQ(closing.requests, 3);
}

TEST(HttpClient, StaleConnectionIsNotRetriedForAPayment) {
    ClosingServer closing;
    const auto client = client_of({.port = closing.server.port()});
    ASSERT_TRUE(client->request({}));
    expect_failure(client->request({.method = "POST"}), ErrorKind::unavailable, true);
    EXPECT_EQ(closing.requests, 2);
}

// Having failed twice, the first try may still have arrived.
TEST(HttpClient, RetryThatFailsMayHaveLeft) {
    RawServer server([](RawServer& s) {
        RawSocket socket = s.accept();
        socket.read_until("\r\n\r\n");
        socket.send(ok);
        socket.read_until("\r\n\r\n");
    });
    const auto client = client_of({.port = server.port()});
    ASSERT_TRUE(client->request({}));
    expect_failure(client->request({.timeout_ms = 100}), ErrorKind::unavailable, true);
}

TEST(HttpClient, FreshConnectionIsNeverRetried) {
    std::atomic<int> connections = 0;
    RawServer server([&](RawServer& s) {
        for (;;) {
            RawSocket socket = s.accept();
            if (!socket.open()) return;
            ++connections;
            socket.read_until("\r\n\r\n");
        }
    });
    expect_failure(client_of({.port = server.port()})->request({}), ErrorKind::unavailable, true);
    EXPECT_EQ(connections, 1);
}

TEST(HttpClient, HeadTakesNoBody) {
    RawServer server([](RawServer& s) {
        RawSocket socket = s.accept();
        socket.read_until("\r\n\r\n");
        socket.send("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n");
        socket.read_until("\r\n\r\n");
        socket.send(ok);
    });
    const auto client = client_of({.port = server.port()});
    const auto head = client->request({.method = "HEAD"});
    ASSERT_TRUE(head);
    EXPECT_EQ(head->body, "");
    const auto next = client->request({});
    ASSERT_TRUE(next);
    EXPECT_EQ(next->body, "ok");
}

TEST(HttpClient, UnusableAddressIsMalformed) {
    EXPECT_FALSE(HttpClient::make({.host = ""}));
    EXPECT_FALSE(HttpClient::make({.unix_path = std::string(200, 'p')}));
}

// Counts callbacks and lets a test wait for the last.
class Tally {
public:
    explicit Tally(int expected) : left_(expected) {}
    void add(unsigned status) {
        const std::lock_guard lock(mutex_);
        if (status == 200) ++ok_;
        if (status == 0) ++failed_;
        if (--left_ == 0) all_.set_value();
    }
    bool wait() { return all_.get_future().wait_for(patience) == std::future_status::ready; }
    int ok() const { return ok_; }
    int failed() const { return failed_; }

private:
    std::mutex mutex_;
    int left_;
    int ok_ = 0;
    int failed_ = 0;
    std::promise<void> all_;
};

TEST(HttpLoad, AnswersAllOverItsConnections) {
    std::atomic<int> served = 0;
    const auto server = HttpServer::listen({.limits = {.connections_max = 4}},
                                           [&](const HttpRequest& request, const Responder& r) {
                                               ++served;
                                               r({.body = request.target});
                                           });
    const auto load = HttpLoad::make({.port = (*server)->port()}, 4);
    Tally tally(500);
    for (int i = 0; i < 500; ++i) {
        const std::string target = "/" + std::to_string(i);
        (*load)->submit({.target = target},
                        [&, target](unsigned status, const std::string& body, std::int64_t us) {
                            EXPECT_EQ(body, target);
                            EXPECT_GT(us, 0);
                            tally.add(status);
                        });
    }
    ASSERT_TRUE(tally.wait());
    EXPECT_EQ(tally.ok(), 500);
    EXPECT_EQ(served, 500);
}

TEST(HttpLoad, CallbackMaySubmit) {
    const auto server =
        HttpServer::listen({}, [](const HttpRequest&, const Responder& r) { r({.body = "x"}); });
    const auto load = HttpLoad::make({.port = (*server)->port()}, 2);
    std::promise<void> done;
    int left = 100;
    HttpLoad::Callback again = [&](unsigned status, const std::string&, std::int64_t) {
        EXPECT_EQ(status, 200U);
        if (--left == 0) return done.set_value();
        (*load)->submit({}, again);
    };
    (*load)->submit({}, again);
    EXPECT_EQ(done.get_future().wait_for(patience), std::future_status::ready);
}

TEST(HttpLoad, FailureIsStatusZero) {
    const auto load = HttpLoad::make({.port = dead_port()}, 2);
    Tally tally(50);
    for (int i = 0; i < 50; ++i) {
        (*load)->submit(
            {}, [&](unsigned status, const std::string&, std::int64_t) { tally.add(status); });
    }
    ASSERT_TRUE(tally.wait());
    EXPECT_EQ(tally.failed(), 50);
}

TEST(HttpLoad, EndCallsBackWhatIsOpen) {
    std::mutex mutex;
    std::vector<Responder> kept;
    const auto server = HttpServer::listen({}, [&](const HttpRequest&, const Responder& r) {
        const std::lock_guard lock(mutex);
        kept.push_back(r);
    });
    Tally tally(5);
    {
        const auto load = HttpLoad::make({.port = (*server)->port()}, 2);
        for (int i = 0; i < 5; ++i) {
            (*load)->submit(
                {}, [&](unsigned status, const std::string&, std::int64_t) { tally.add(status); });
        }
    }
    EXPECT_EQ(tally.failed(), 5);
}

}  // namespace
}  // namespace softpos::net
