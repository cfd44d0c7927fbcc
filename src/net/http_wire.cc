// Beast's parser does the grammar; it is fed from our own buffers and fills our own messages, so
// that a request is copied once and sockets need nothing of Beast.
#include "net/http_wire.h"

#include "base/check.h"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

namespace softpos::net {
namespace {

namespace http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

constexpr std::size_t reserve_bytes_max = 4096;  // Of a length that is only announced so far.

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lower_copy(string_view text) {
    std::string copy(text.data(), text.size());
    for (char& c : copy) c = lower(c);
    return copy;
}

bool is_continue(std::string_view value) {
    constexpr std::string_view wanted = "100-continue";
    return std::ranges::equal(value, wanted, {}, lower);
}

std::string_view header_of(const std::vector<HttpHeader>& headers, std::string_view name) {
    for (const HttpHeader& header : headers) {
        if (header.name == name) return header.value;
    }
    return {};
}

HttpFault fault_of(const error_code& error) {
    if (error == http::error::header_limit) return HttpFault::header_too_large;
    if (error == http::error::body_limit) return HttpFault::body_too_large;
    return HttpFault::malformed;
}

// What both directions have in common: headers and body go straight into the Message.
template <bool is_request, typename Message>
class Filler final : public http::basic_parser<is_request> {
public:
    using Base = http::basic_parser<is_request>;

    explicit Filler(HttpSizes sizes) {
        constexpr std::size_t top = std::numeric_limits<std::uint32_t>::max();
        Base::header_limit(static_cast<std::uint32_t>(std::min(sizes.header_bytes_max, top)));
        Base::body_limit(sizes.body_bytes_max);
        Base::eager(true);
    }

    std::expected<std::size_t, HttpFault> feed(std::string_view input) {
        std::size_t taken = 0;
        while (taken < input.size() && !Base::is_done()) {
            error_code error;
            const boost::asio::const_buffer rest(input.data() + taken, input.size() - taken);
            taken += Base::put(rest, error);
            if (error == http::error::need_more) break;
            if (error) return std::unexpected(fault_of(error));
        }
        return taken;
    }

    Message message;

private:
    void on_request_impl(http::verb, string_view method, string_view target, int,
                         error_code&) override {
        if constexpr (is_request) {
            message.method.assign(method.data(), method.size());
            message.target.assign(target.data(), target.size());
        }
    }

    void on_response_impl(int status, string_view, int, error_code&) override {
        if constexpr (!is_request) message.status = static_cast<unsigned>(status);
    }

    void on_field_impl(http::field, string_view name, string_view value, error_code&) override {
        message.headers.push_back({lower_copy(name), std::string(value.data(), value.size())});
    }

    void on_header_impl(error_code&) override {}

    void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
        if (length) message.body.reserve(std::min<std::size_t>(*length, reserve_bytes_max));
    }

    std::size_t on_body_impl(string_view bytes, error_code&) override {
        message.body.append(bytes.data(), bytes.size());
        return bytes.size();
    }

    void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}

    std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code&) override {
        message.body.append(bytes.data(), bytes.size());
        return bytes.size();
    }

    void on_finish_impl(error_code&) override {}
};

std::string_view reason_of(unsigned status) {
    switch (status) {
        case 100:
            return "Continue";
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 304:
            return "Not Modified";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 402:
            return "Payment Required";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 409:
            return "Conflict";
        case 413:
            return "Content Too Large";
        case 422:
            return "Unprocessable Content";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        default:
            return "";  // May be empty. Spec: [RFC-9112] 4.
    }
}

void append_number(std::string& out, std::size_t number) {
    char digits[20];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), number).ptr;
    out.append(digits, end);
}

// A value that carried a line break could start a header or an answer of its own.
void append_value(std::string& out, std::string_view value) {
    for (const char c : value) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    append_value(out, value);
    out += "\r\n";
}

// Spec: [RFC-9110] 5.6.2.
bool is_token(std::string_view text) {
    static constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        const char l = lower(c);
        return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') ||
               marks.find(c) != std::string_view::npos;
    });
}

bool is_target(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
}

}  // namespace

std::string_view HttpRequest::find_header(std::string_view lower_case_name) const {
    return header_of(headers, lower_case_name);
}

std::string_view HttpResponse::find_header(std::string_view lower_case_name) const {
    return header_of(headers, lower_case_name);
}

struct HttpRequestParser::Impl {
    HttpSizes sizes;
    std::optional<Filler<true, HttpRequest>> filler;  // A Beast parser takes one message.
};

HttpRequestParser::HttpRequestParser(HttpSizes sizes) : impl_(new Impl{sizes, std::nullopt}) {
    impl_->filler.emplace(sizes);
}
HttpRequestParser::~HttpRequestParser() = default;

std::expected<std::size_t, HttpFault> HttpRequestParser::feed(std::string_view input) {
    return impl_->filler->feed(input);
}
bool HttpRequestParser::header_done() const {
    return impl_->filler->is_header_done();
}
bool HttpRequestParser::done() const {
    return impl_->filler->is_done();
}
bool HttpRequestParser::keep_alive() const {
    return impl_->filler->keep_alive();
}
bool HttpRequestParser::expects_continue() const {
    return is_continue(impl_->filler->message.find_header("expect"));
}

HttpRequest HttpRequestParser::take() {
    CHECK(done());
    HttpRequest request = std::move(impl_->filler->message);
    impl_->filler.emplace(impl_->sizes);
    return request;
}

struct HttpResponseParser::Impl {
    HttpSizes sizes;
    bool no_body = false;
    std::optional<Filler<false, HttpResponse>> filler;

    void begin() {
        filler.emplace(sizes);
        filler->skip(no_body);
    }
    bool interim() const { return filler->is_done() && filler->message.status / 100 == 1; }
};

HttpResponseParser::HttpResponseParser(HttpSizes sizes)
    : impl_(new Impl{sizes, false, std::nullopt}) {
    impl_->begin();
}
HttpResponseParser::~HttpResponseParser() = default;

void HttpResponseParser::expect_no_body() {
    impl_->no_body = true;
    impl_->begin();
}

std::expected<std::size_t, HttpFault> HttpResponseParser::feed(std::string_view input) {
    std::size_t taken = 0;
    for (;;) {
        const auto more = impl_->filler->feed(input.substr(taken));
        if (!more) return more;
        taken += *more;
        if (!impl_->interim()) return taken;
        impl_->begin();
    }
}

std::expected<void, HttpFault> HttpResponseParser::feed_end() {
    error_code error;
    if (!impl_->filler->got_some()) return std::unexpected(HttpFault::malformed);
    impl_->filler->put_eof(error);
    if (error) return std::unexpected(fault_of(error));
    return {};
}

bool HttpResponseParser::done() const {
    return impl_->filler->is_done();
}
bool HttpResponseParser::keep_alive() const {
    return impl_->filler->keep_alive();
}

HttpResponse HttpResponseParser::take() {
    CHECK(done());
    HttpResponse response = std::move(impl_->filler->message);
    response.content_type = response.find_header("content-type");
    impl_->no_body = false;
    impl_->begin();
    return response;
}

void write_response(std::string& out, const HttpResponse& response, HttpAfter after,
                    HttpBody body) {
    CHECK(response.status >= 200 && response.status <= 599);
    out.assign("HTTP/1.1 ");
    append_number(out, response.status);
    out += ' ';
    out += reason_of(response.status);
    out += "\r\n";
    for (const HttpHeader& header : response.headers) {
        if (is_token(header.name)) append_header(out, header.name, header.value);
    }
    if (after == HttpAfter::close) out += "connection: close\r\n";
    // Neither has a body, and a length would be taken for one. Spec: [RFC-9110] 8.6.
    const bool bodiless = response.status == 204 || response.status == 304;
    if (!bodiless) {
        if (!response.body.empty()) append_header(out, "content-type", response.content_type);
        out += "content-length: ";
        append_number(out, response.body.size());
        out += "\r\n";
    }
    out += "\r\n";
    if (!bodiless && body == HttpBody::sent) out += response.body;
}

bool write_request(std::string& out, const HttpRequestParts& parts) {
    if (!is_token(parts.method) || !is_target(parts.target)) return false;
    for (const HttpHeader& header : parts.headers) {
        if (!is_token(header.name)) return false;
    }
    out.assign(parts.method);
    out += ' ';
    out += parts.target;
    out += " HTTP/1.1\r\n";
    append_header(out, "host", parts.host);
    for (const HttpHeader& header : parts.headers) append_header(out, header.name, header.value);
    if (!parts.body.empty()) append_header(out, "content-type", parts.content_type);
    // Said also of an empty body where the method usually has one. Spec: [RFC-9110] 8.6.
    if (!parts.body.empty() || parts.method == "POST" || parts.method == "PUT") {
        out += "content-length: ";
        append_number(out, parts.body.size());
        out += "\r\n";
    }
    out += "\r\n";
    out += parts.body;
    return true;
}

}  // namespace softpos::net
