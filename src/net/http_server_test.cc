// The server over loopback: what it serves, what it refuses, and Responders used at bad times.
#include "net/http_server.h"

#include "net/http_client.h"
#include "net/test_support.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <future>
#include <mutex>
#include <set>
#include <sys/stat.h>
#include <thread>

namespace softpos::net {
namespace {

using testing::RawSocket;
using testing::TestFolder;

constexpr auto patience = std::chrono::seconds(20);

std::unique_ptr<HttpServer> serve(HttpHandler handler, HttpServerConfig config = {}) {
    auto server = HttpServer::listen(std::move(config), std::move(handler));
    EXPECT_TRUE(server);
    return server ? *std::move(server) : nullptr;
}

std::unique_ptr<HttpClient> client_of(const HttpServer& server) {
    auto client = HttpClient::make({.port = server.port()});
    EXPECT_TRUE(client);
    return *std::move(client);
}

void echo(const HttpRequest& request, const Responder& respond) {
    respond({.body = request.method + " " + request.target + " " + request.body});
}

constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr std::string_view get_last = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

TEST(HttpServer, AnswersOnOneConnectionAgainAndAgain) {
    const auto server = serve(echo);
    RawSocket socket = RawSocket::connect(server->port());
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(socket.send("POST /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"));
        const std::string answer = socket.read_until("POST /x hi");
        ASSERT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
        ASSERT_EQ(answer.find("connection: close"), std::string::npos);
    }
}

TEST(HttpServer, RequestMayComeByteByByte) {
    const auto server = serve(echo);
    RawSocket socket = RawSocket::connect(server->port());
    for (const char c : get) ASSERT_TRUE(socket.send({&c, 1}));
    EXPECT_TRUE(socket.read_until("GET / ").ends_with("GET / "));
}

TEST(HttpServer, RequestsSentTogetherAreAnsweredInOrder) {
    const auto server = serve(echo);
    RawSocket socket = RawSocket::connect(server->port());
    ASSERT_TRUE(
        socket.send("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"
                    "GET /3 HTTP/1.1\r\nConnection: close\r\n\r\n"));
    const std::string all = socket.read_all();
    EXPECT_LT(all.find("GET /1"), all.find("GET /2"));
    EXPECT_LT(all.find("GET /2"), all.find("GET /3"));
    EXPECT_NE(all.find("GET /3"), std::string::npos);
}

TEST(HttpServer, ClosesWhereThePeerAsksForIt) {
    const auto server = serve(echo);
    for (const std::string_view last : {get_last, std::string_view("GET / HTTP/1.0\r\n\r\n")}) {
        RawSocket socket = RawSocket::connect(server->port());
        ASSERT_TRUE(socket.send(last));
        EXPECT_NE(socket.read_all().find("connection: close\r\n"), std::string::npos);
    }
}

TEST(HttpServer, HeadHasNoBody) {
    const auto server = serve(echo);
    RawSocket socket = RawSocket::connect(server->port());
    ASSERT_TRUE(socket.send("HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n"));
    EXPECT_TRUE(socket.read_all().ends_with("content-length: 7\r\n\r\n"));
}

TEST(HttpServer, SaysContinueToWhoWaitsForIt) {
    const auto server = serve(echo);
    RawSocket socket = RawSocket::connect(server->port());
    ASSERT_TRUE(socket.send("PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    EXPECT_EQ(socket.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    ASSERT_TRUE(socket.send("hi"));
    EXPECT_TRUE(socket.read_until("PUT / hi").starts_with("HTTP/1.1 200"));
}

TEST(HttpServer, LargeAnswerArrivesWhole) {
    const std::string body(3'000'000, 'x');
    const auto server = serve([&](const HttpRequest&, const Responder& r) { r({.body = body}); });
    const auto client = HttpClient::make({.port = server->port(), .answer_bytes_max = 3'000'000});
    const auto answer = (*client)->request({});
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, body);
}

// A refusal as every API of ours writes it, and the connection ends.
void expect_refusal(const HttpServer& server, std::string_view sent, std::string_view status,
                    std::string_view code) {
    RawSocket socket = RawSocket::connect(server.port());
    ASSERT_TRUE(socket.send(sent));
    const std::string answer = socket.read_all();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + std::string(status))) << answer;
    EXPECT_NE(answer.find("connection: close\r\n"), std::string::npos) << answer;
    EXPECT_NE(answer.find("{\"refusal\":{\"code\":\"" + std::string(code) + "\",\"class\":\""),
              std::string::npos)
        << answer;
    EXPECT_NE(answer.find("\"message_zh\":\""), std::string::npos) << answer;
}

TEST(HttpServer, MalformedRequestIsRefused) {
    const auto server = serve(echo);
    expect_refusal(*server, "HELLO\r\n\r\n", "400", "BAD_VALUE");
}

TEST(HttpServer, BodyLimitIsRefused) {
    const auto server = serve(echo, {.limits = {.body_bytes_max = 10}});
    const std::string body(50'000, 'b');  // More than was read when it is refused.
    expect_refusal(*server, "POST / HTTP/1.1\r\nContent-Length: 50000\r\n\r\n" + body, "413",
                   "BODY_TOO_LARGE");
    const auto client = client_of(*server);
    const auto answer = client->request({.method = "POST", .body = "0123456789"});
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200U);
}

TEST(HttpServer, HeaderLimitIsRefused) {
    const auto server = serve(echo, {.limits = {.header_bytes_max = 100}});
    expect_refusal(*server, "GET / HTTP/1.1\r\nx: " + std::string(20'000, 'h'), "431", "BAD_VALUE");
}

TEST(HttpServer, ConnectionLimitIsRefused) {
    const auto server = serve(echo, {.limits = {.connections_max = 2}});
    std::vector<std::unique_ptr<HttpClient>> clients;
    for (int i = 0; i < 2; ++i) {
        clients.push_back(client_of(*server));
        ASSERT_TRUE(clients.back()->request({}));
    }
    expect_refusal(*server, get, "503", "SERVER_UNAVAILABLE");
    for (const auto& client : clients) EXPECT_TRUE(client->request({}));
}

TEST(HttpServer, IdleConnectionIsClosed) {
    const auto server = serve(echo, {.limits = {.idle_ms = 30}});
    RawSocket socket = RawSocket::connect(server->port());
    EXPECT_EQ(socket.read_all(), "");
}

TEST(HttpServer, RequestThatDoesNotEndIsClosed) {
    const auto server = serve(echo, {.limits = {.receive_ms = 30}});
    RawSocket socket = RawSocket::connect(server->port());
    ASSERT_TRUE(socket.send("GET / HT"));
    EXPECT_EQ(socket.read_all(), "");
}

TEST(HttpServer, SlowHandlerIsAnsweredFor) {
    std::promise<Responder> kept;
    std::atomic<bool> first = true;
    const auto server = serve(
        [&](const HttpRequest& request, const Responder& respond) {
            if (first.exchange(false)) {
                kept.set_value(respond);
            } else {
                echo(request, respond);
            }
        },
        {.limits = {.request_ms = 30}});
    const auto client = client_of(*server);
    const auto late = client->request({});
    ASSERT_TRUE(late);
    EXPECT_EQ(late->status, 504U);
    EXPECT_NE(late->body.find("\"SERVER_UNAVAILABLE\""), std::string::npos) << late->body;
    kept.get_future().get()({.body = "too late"});  // Must not become the next answer.
    const auto next = client->request({.target = "/next"});
    ASSERT_TRUE(next);
    EXPECT_EQ(next->body, "GET /next ");
}

TEST(HttpServer, AnswerMayComeFromAnotherThread) {
    std::mutex mutex;
    std::vector<std::jthread> workers;
    const auto server = serve([&](HttpRequest request, Responder respond) {
        const std::lock_guard lock(mutex);
        workers.emplace_back([request = std::move(request), respond = std::move(respond)] {
            respond({.body = request.target});
        });
    });
    const auto client = client_of(*server);
    for (int i = 0; i < 50; ++i) {
        const std::string target = "/" + std::to_string(i);
        const auto answer = client->request({.target = target});
        ASSERT_TRUE(answer);
        ASSERT_EQ(answer->body, target);
    }
    const std::lock_guard lock(mutex);
    workers.clear();
}

TEST(HttpServer, OnlyTheFirstAnswerCounts) {
    const auto server = serve([](const HttpRequest& request, const Responder& respond) {
        respond({.body = "first " + request.target});
        respond({.body = "second"});
        std::thread([respond] { respond({.body = "third"}); }).join();
    });
    const auto client = client_of(*server);
    for (const char* target : {"/a", "/b", "/c"}) {
        const auto answer = client->request({.target = target});
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->body, std::string("first ") + target);
    }
}

// One that runs out of patience, and a server that has gone: the Responder shrugs.
TEST(HttpServer, AnswerAfterTheEndIsHarmless) {
    std::promise<Responder> kept;
    auto server = serve([&](const HttpRequest&, const Responder& r) { kept.set_value(r); });
    {
        RawSocket socket = RawSocket::connect(server->port());
        ASSERT_TRUE(socket.send(get));
        auto future = kept.get_future();
        ASSERT_EQ(future.wait_for(patience), std::future_status::ready);
        const Responder respond = future.get();
        socket.close();
        respond({.body = "to nobody"});
        server->stop();
        respond({.body = "to nothing"});
        server.reset();
        respond({.body = "to less than nothing"});
    }
}

TEST(HttpServer, StopsWithRequestsUnderWayOnOtherThreads) {
    for (int round = 0; round < 20; ++round) {
        std::promise<void> busy;
        std::atomic<int> begun = 0;
        std::mutex mutex;
        std::vector<std::jthread> workers;
        auto server = serve(
            [&](const HttpRequest&, const Responder& respond) {
                const std::lock_guard lock(mutex);
                if (++begun == 8) busy.set_value();
                workers.emplace_back([respond] { respond({.body = std::string(1'000, 'x')}); });
            },
            {.threads = 2});
        std::vector<RawSocket> sockets;
        for (int i = 0; i < 8; ++i) {
            sockets.push_back(RawSocket::connect(server->port()));
            ASSERT_TRUE(sockets.back().send(get));
        }
        ASSERT_EQ(busy.get_future().wait_for(patience), std::future_status::ready);
        server.reset();
        for (RawSocket& socket : sockets) socket.read_all();  // Ends.
    }
}

TEST(HttpServer, ThreadsShareTheConnections) {
    std::mutex mutex;
    std::set<std::thread::id> seen;
    const auto server = serve(
        [&](const HttpRequest& request, const Responder& respond) {
            const std::lock_guard lock(mutex);
            seen.insert(std::this_thread::get_id());
            echo(request, respond);
        },
        {.threads = 2});
    const auto first = client_of(*server);
    const auto second = client_of(*server);
    ASSERT_TRUE(first->request({}) && second->request({}));
    const std::lock_guard lock(mutex);
    EXPECT_EQ(seen.size(), 2U);
}

TEST(HttpServer, PortInUseIsUnavailable) {
    const auto server = serve(echo);
    const auto second = HttpServer::listen({.port = server->port()}, echo);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::unavailable);
    EXPECT_FALSE(HttpServer::listen({.address = "no address"}, echo));
}

TEST(HttpServer, ServesUnixSocketsWithTheModeAskedFor) {
    const TestFolder folder;
    for (const unsigned mode : {0600U, 0660U, 0666U}) {
        const std::string path = folder.file("api");
        const auto server = serve(echo, {.unix_path = path, .unix_mode = mode});
        struct stat found {};
        ASSERT_EQ(::stat(path.c_str(), &found), 0);
        EXPECT_EQ(found.st_mode & 0777U, mode);
        const auto client = HttpClient::make({.unix_path = path});
        const auto answer = (*client)->request({.target = "/u"});
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->body, "GET /u ");
    }
    struct stat found {};
    EXPECT_NE(::stat(folder.file("api").c_str(), &found), 0) << "left behind";
}

TEST(HttpServer, UnixPathOfALiveServerIsNotTaken) {
    const TestFolder folder;
    const std::string path = folder.file("api");
    const auto server = serve(echo, {.unix_path = path});
    EXPECT_FALSE(HttpServer::listen({.unix_path = path}, echo));
    const auto client = HttpClient::make({.unix_path = path});
    EXPECT_TRUE((*client)->request({}));
}

TEST(HttpServer, UnixPathThatIsNoSocketIsLeftAlone) {
    const TestFolder folder;
    const std::string path = folder.file("precious");
    std::ofstream(path) << "data";
    const auto server = HttpServer::listen({.unix_path = path}, echo);
    ASSERT_FALSE(server);
    EXPECT_EQ(server.error().kind, ErrorKind::conflict);
    EXPECT_TRUE(std::ifstream(path).good());
    EXPECT_FALSE(HttpServer::listen({.unix_path = std::string(200, 'p')}, echo));
}

}  // namespace
}  // namespace softpos::net
