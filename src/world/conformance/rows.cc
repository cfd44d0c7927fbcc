// Boost.JSON stays in this file.
#include "world/conformance/rows.h"

#include "base/hex.h"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>

namespace softpos::conformance {
namespace {

namespace json = boost::json;

constexpr std::size_t shown_characters_max = 64;

std::string shown(std::string_view text) {
    if (text.size() <= shown_characters_max) return std::string(text);
    return std::string(text.substr(0, shown_characters_max)) + "...";
}

}  // namespace

Node Node::operator[](std::string_view key) const {
    if (!is_object()) return {};
    return Node(value_->get_object().if_contains(key));
}

Node Node::operator[](std::size_t index) const {
    if (!is_array() || index >= value_->get_array().size()) return {};
    return Node(&value_->get_array()[index]);
}

bool Node::is_object() const {
    return value_ != nullptr && value_->is_object();
}
bool Node::is_array() const {
    return value_ != nullptr && value_->is_array();
}
bool Node::is_text() const {
    return value_ != nullptr && value_->is_string();
}

std::string Node::text() const {
    return is_text() ? std::string(value_->get_string()) : std::string();
}

std::optional<std::int64_t> Node::number() const {
    if (value_ == nullptr || !value_->is_int64()) return std::nullopt;
    return value_->get_int64();
}

std::optional<bool> Node::flag() const {
    if (value_ == nullptr || !value_->is_bool()) return std::nullopt;
    return value_->get_bool();
}

std::size_t Node::size() const {
    if (is_array()) return value_->get_array().size();
    return is_object() ? value_->get_object().size() : 0;
}

std::vector<Node> Node::items() const {
    std::vector<Node> found;
    if (!is_array()) return found;
    for (const auto& item : value_->get_array()) found.emplace_back(&item);
    return found;
}

std::vector<std::pair<std::string, Node>> Node::members() const {
    std::vector<std::pair<std::string, Node>> found;
    if (!is_object()) return found;
    for (const auto& member : value_->get_object())
        found.emplace_back(std::string(member.key()), Node(&member.value()));
    return found;
}

Result<JsonDocument> JsonDocument::parse(std::string_view text) {
    json::stream_parser parser;
    json::error_code error;
    const std::size_t used = parser.write_some(text.data(), text.size(), error);
    const auto rest = text.substr(used);
    if (!error) parser.finish(error);
    if (error || rest.find_first_not_of(" \t\r\n") != std::string_view::npos)
        return fail(ErrorKind::malformed, "not JSON", 0, used);
    JsonDocument document;
    document.value_ = std::make_shared<const json::value>(parser.release());
    return document;
}

void Tally::fail(std::string_view row, std::string_view why) {
    ++failed;
    if (!first_failure.empty()) return;
    first_failure = std::string(row) + (row.empty() ? "" : ": ") + std::string(why);
}

Row::~Row() {
    if (failed_) return;
    ++(compared_ ? tally_.passed : tally_.skipped);
}

void Row::fail(std::string_view why) {
    if (failed_) return;
    failed_ = true;
    tally_.fail(name_, why);
}

void Row::fail(std::string_view what, const Error& error) {
    fail(describe(what, error));
}

void Row::holds(std::string_view what, bool condition) {
    compared_ = true;
    if (!condition) fail(what);
}

std::string Row::text(const Node& from, std::string_view key) {
    const Node node = from[key];
    if (!node.is_text()) fail(std::string(key) + " is missing or no text");
    return node.text();
}

Buffer Row::hex(std::string_view digits, std::string_view what) {
    auto bytes = from_hex(digits);
    if (!bytes) {
        fail(std::string(what) + " is not hex");
        return {};
    }
    return *std::move(bytes);
}

Buffer Row::hex(const Node& from, std::string_view key) {
    return hex(text(from, key), key);
}

Buffer Row::hex_of_size(const Node& from, std::string_view key, std::size_t size) {
    Buffer bytes = hex(from, key);
    if (bytes.size() != size)
        fail(std::string(key) + " has not " + std::to_string(size) + " bytes");
    bytes.resize(size);
    return bytes;
}

void Row::same_text(std::string_view what, std::string_view got, std::string_view expected) {
    compared_ = true;
    if (expected.empty()) return fail(std::string(what) + ": nothing is expected");
    if (got == expected) return;
    fail(std::string(what) + " is " + shown(got) + ", expected " + shown(expected));
}

void Row::same(std::string_view what, Bytes got, std::string_view expected_hex) {
    same_text(what, to_hex(got), to_hex(hex(expected_hex, what)));
}

void Row::same(std::string_view what, Bytes got, const Node& expected) {
    same(what, got, expected.text());
}

void Row::same(std::string_view what, const Result<SecretBytes>& got, const Node& expected) {
    if (!got) return fail(what, got.error());
    same(what, got->bytes(), expected);
}

void Row::same_start(std::string_view what, Bytes got, const Node& expected,
                     std::size_t bytes_min) {
    const Buffer wanted = hex(expected.text(), what);
    if (wanted.size() < bytes_min) return fail(std::string(what) + ": too few bytes are expected");
    same_text(what, to_hex(got.first(std::min(wanted.size(), got.size()))), to_hex(wanted));
}

std::string describe(std::string_view what, const Error& error) {
    std::string text(what);
    text += (what.empty() ? "" : ": ") + std::string(error.what.c_str());
    if (error.detail != 0) text += " (" + std::to_string(error.detail) + ")";
    if (error.at != 0) text += " at byte " + std::to_string(error.at);
    return text;
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        if (!line.empty()) lines.push_back(line);
    }
    return lines;
}

std::optional<std::uint64_t> number_of(std::string_view digits, int base) {
    std::uint64_t number = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return number;
}

}  // namespace softpos::conformance
