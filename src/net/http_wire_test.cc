// How HTTP/1.1 is taken apart and written: limits, cuts, and what must be refused.
#include "net/http_wire.h"

#include "testing/prng.h"

#include <gtest/gtest.h>

#include <string>

namespace softpos::net {
namespace {

constexpr HttpSizes sizes{.header_bytes_max = 256, .body_bytes_max = 64};

constexpr std::string_view post =
    "POST /v1/x?y=1 HTTP/1.1\r\nHost: h\r\nX-Name: Some Value\r\nContent-Length: 5\r\n\r\nhello";

std::optional<HttpFault> fault_in(std::string_view text) {
    HttpRequestParser parser(sizes);
    const auto taken = parser.feed(text);
    return taken ? std::nullopt : std::optional(taken.error());
}

TEST(HttpWire, RequestIsReadWhole) {
    HttpRequestParser parser(sizes);
    EXPECT_EQ(parser.feed(post), post.size());
    ASSERT_TRUE(parser.done());
    EXPECT_TRUE(parser.keep_alive());
    const HttpRequest request = parser.take();
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.target, "/v1/x?y=1");
    EXPECT_EQ(request.find_header("x-name"), "Some Value");
    EXPECT_EQ(request.find_header("none"), "");
    EXPECT_EQ(request.body, "hello");
}

// What is not taken stays with the caller, as the server's buffer does.
TEST(HttpWire, RequestMayBeSplitAnywhere) {
    for (std::size_t cut = 1; cut < post.size(); ++cut) {
        HttpRequestParser parser(sizes);
        const auto first = parser.feed(post.substr(0, cut));
        ASSERT_TRUE(first && !parser.done()) << cut;
        ASSERT_TRUE(parser.feed(post.substr(*first))) << cut;
        ASSERT_TRUE(parser.done()) << cut;
        EXPECT_EQ(parser.take().body, "hello") << cut;
    }
}

TEST(HttpWire, RequestMayComeByteByByte) {
    HttpRequestParser parser(sizes);
    std::string pending;
    for (const char c : post) {
        pending += c;
        const auto taken = parser.feed(pending);
        ASSERT_TRUE(taken);
        pending.erase(0, *taken);
    }
    ASSERT_TRUE(parser.done());
    EXPECT_EQ(parser.take().find_header("host"), "h");
}

TEST(HttpWire, NextRequestIsLeftForTheNextFeed) {
    const std::string two = std::string(post) + "GET /2 HTTP/1.1\r\n\r\n";
    HttpRequestParser parser(sizes);
    EXPECT_EQ(parser.feed(two), post.size());
    EXPECT_EQ(parser.take().target, "/v1/x?y=1");
    ASSERT_TRUE(parser.feed(std::string_view(two).substr(post.size())));
    ASSERT_TRUE(parser.done());
    const HttpRequest second = parser.take();
    EXPECT_EQ(second.target, "/2");
    EXPECT_TRUE(second.headers.empty());
}

TEST(HttpWire, ChunkedBodyIsJoined) {
    HttpRequestParser parser(sizes);
    ASSERT_TRUE(
        parser.feed("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"));
    ASSERT_TRUE(parser.done());
    EXPECT_EQ(parser.take().body, "abcde");
}

TEST(HttpWire, MalformedRequestsAreRefused) {
    for (const std::string_view text :
         {"\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/3.0\r\n\r\n", "GET / HTTP/1.1\r\nNo colon\r\n\r\n",
          "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
          "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
          "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
          "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS where none is spoken\r\n\r\n"}) {
        EXPECT_EQ(fault_in(text), HttpFault::malformed) << text;
    }
}

// Two lengths are how one request is smuggled inside another. Spec: [RFC-9112] 6.3.
TEST(HttpWire, TwoLengthsAreRefused) {
    EXPECT_EQ(fault_in("POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"),
              HttpFault::malformed);
    EXPECT_EQ(
        fault_in("POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
        HttpFault::malformed);
    EXPECT_EQ(
        fault_in("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"),
        HttpFault::malformed);
}

TEST(HttpWire, HeaderLimitHolds) {
    const std::string filler(sizes.header_bytes_max, 'x');
    EXPECT_EQ(fault_in("GET /" + filler + " HTTP/1.1\r\n\r\n"), HttpFault::header_too_large);
    EXPECT_EQ(fault_in("GET / HTTP/1.1\r\nx: " + filler + "\r\n\r\n"), HttpFault::header_too_large);
    EXPECT_EQ(fault_in("GET / HTTP/1.1\r\nx: " + filler), HttpFault::header_too_large);
}

TEST(HttpWire, BodyLimitHolds) {
    const auto with_body = [](std::size_t size) {
        return "POST / HTTP/1.1\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
               std::string(size, 'b');
    };
    EXPECT_EQ(fault_in(with_body(sizes.body_bytes_max)), std::nullopt);
    EXPECT_EQ(fault_in(with_body(sizes.body_bytes_max + 1)), HttpFault::body_too_large);
    EXPECT_EQ(fault_in("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n41\r\n" +
                       std::string(0x41, 'b') + "\r\n0\r\n\r\n"),
              HttpFault::body_too_large);
}

TEST(HttpWire, ContinueIsExpectedWhereSaid) {
    HttpRequestParser parser(sizes);
    ASSERT_TRUE(parser.feed("PUT / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n"));
    EXPECT_TRUE(parser.header_done());
    EXPECT_FALSE(parser.done());
    EXPECT_TRUE(parser.expects_continue());
}

TEST(HttpWire, AnswerIsWrittenAndReadBack) {
    HttpResponse response{.status = 409, .body = "{\"a\":1}"};
    response.headers.push_back({"x-reference", "abc"});
    std::string wire;
    write_response(wire, response, HttpAfter::close, HttpBody::sent);
    HttpResponseParser parser(sizes);
    ASSERT_TRUE(parser.feed(wire));
    ASSERT_TRUE(parser.done());
    EXPECT_FALSE(parser.keep_alive());
    const HttpResponse read = parser.take();
    EXPECT_EQ(read.status, 409U);
    EXPECT_EQ(read.content_type, "application/json");
    EXPECT_EQ(read.find_header("x-reference"), "abc");
    EXPECT_EQ(read.body, response.body);
}

TEST(HttpWire, HeaderValueCannotStartAnother) {
    HttpResponse response;
    response.headers.push_back({"location", "/a\r\nset-cookie: b"});
    response.headers.push_back({"bad name\r\n", "left out"});
    std::string wire;
    write_response(wire, response, HttpAfter::keep_alive, HttpBody::sent);
    EXPECT_NE(wire.find("location: /a  set-cookie: b\r\n"), std::string::npos) << wire;
    EXPECT_EQ(wire.find("bad name"), std::string::npos) << wire;
}

TEST(HttpWire, HeadIsAnsweredWithLengthAlone) {
    std::string wire;
    write_response(wire, {.body = "12345"}, HttpAfter::keep_alive, HttpBody::left_out);
    EXPECT_TRUE(wire.ends_with("content-length: 5\r\n\r\n")) << wire;
    HttpResponseParser parser(sizes);
    parser.expect_no_body();
    ASSERT_TRUE(parser.feed(wire));
    EXPECT_TRUE(parser.done());
}

TEST(HttpWire, BodilessStatusHasNoLength) {
    std::string wire;
    write_response(wire, {.status = 204, .body = "x"}, HttpAfter::keep_alive, HttpBody::sent);
    EXPECT_EQ(wire, "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST(HttpWire, InterimAnswersAreSkipped) {
    HttpResponseParser parser(sizes);
    ASSERT_TRUE(
        parser.feed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nl: x\r\n\r\n"
                    "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"));
    ASSERT_TRUE(parser.done());
    const HttpResponse response = parser.take();
    EXPECT_EQ(response.status, 201U);
    EXPECT_EQ(response.body, "ok");
}

TEST(HttpWire, AnswerWithoutLengthEndsWithTheConnection) {
    HttpResponseParser parser(sizes);
    ASSERT_TRUE(parser.feed("HTTP/1.1 200 OK\r\n\r\nbody"));
    EXPECT_FALSE(parser.done());
    ASSERT_TRUE(parser.feed_end());
    ASSERT_TRUE(parser.done());
    EXPECT_EQ(parser.take().body, "body");
}

TEST(HttpWire, AnswerCutShortIsNoAnswer) {
    HttpResponseParser parser(sizes);
    EXPECT_FALSE(parser.feed_end());
    HttpResponseParser cut(sizes);
    ASSERT_TRUE(cut.feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbod"));
    EXPECT_FALSE(cut.feed_end());
}

TEST(HttpWire, RequestIsWrittenAndReadBack) {
    const std::vector<HttpHeader> headers{{"authorization", "Bearer k"}};
    std::string wire;
    ASSERT_TRUE(write_request(wire, {.method = "POST",
                                     .target = "/v1/x",
                                     .host = "h:1",
                                     .content_type = "application/json",
                                     .body = "{}",
                                     .headers = headers}));
    HttpRequestParser parser(sizes);
    ASSERT_TRUE(parser.feed(wire));
    ASSERT_TRUE(parser.done());
    const HttpRequest request = parser.take();
    EXPECT_EQ(request.find_header("host"), "h:1");
    EXPECT_EQ(request.find_header("authorization"), "Bearer k");
    EXPECT_EQ(request.find_header("content-type"), "application/json");
    EXPECT_EQ(request.body, "{}");
}

TEST(HttpWire, RequestThatWouldNotStayOneIsNotWritten) {
    const std::vector<HttpHeader> none;
    const std::vector<HttpHeader> bad{{"a: b\r\nc", "d"}};
    const auto writes = [](std::string_view method, std::string_view target,
                           const std::vector<HttpHeader>& headers) {
        std::string wire;
        return write_request(wire, {.method = method,
                                    .target = target,
                                    .host = "h",
                                    .content_type = "",
                                    .body = "",
                                    .headers = headers});
    };
    EXPECT_TRUE(writes("GET", "/", none));
    EXPECT_FALSE(writes("GET", "/ HTTP/1.1\r\nx: y", none));
    EXPECT_FALSE(writes("GET", "", none));
    EXPECT_FALSE(writes("GE T", "/", none));
    EXPECT_FALSE(writes("", "/", none));
    EXPECT_FALSE(writes("GET", "/", bad));
}

TEST(HttpWire, NoBytesAreTakenTwice) {
    testing::Prng prng = testing::Prng::from_environment();
    for (int round = 0; round < 2'000; ++round) {
        std::string text(post);
        text[prng.below(static_cast<unsigned>(text.size()))] = static_cast<char>(prng.below(256));
        HttpRequestParser parser(sizes);
        const auto taken = parser.feed(text);
        if (!taken) continue;
        ASSERT_LE(*taken, text.size()) << "SEED=" << prng.seed();
        if (!parser.done()) continue;
        ASSERT_LE(parser.take().body.size(), sizes.body_bytes_max) << "SEED=" << prng.seed();
    }
}

}  // namespace
}  // namespace softpos::net
