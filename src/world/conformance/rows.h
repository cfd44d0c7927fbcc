// What all checkers share: a tally of rows, comparing that says which row differs, and a way into
// foreign JSON that never throws and never assumes a shape.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace boost::json {
class value;  // NOLINT(readability-identifier-naming): the library's name.
}

namespace softpos::conformance {

// A place in a JSON document, or nowhere: what is not there or has another type is empty. Borrows
// the document.
class Node {
public:
    Node() = default;
    explicit Node(const boost::json::value* value) : value_(value) {}

    explicit operator bool() const { return value_ != nullptr; }
    Node operator[](std::string_view key) const;
    Node operator[](std::size_t index) const;

    bool is_object() const;
    bool is_array() const;
    bool is_text() const;
    std::string text() const;
    std::optional<std::int64_t> number() const;
    std::optional<bool> flag() const;
    std::size_t size() const;
    std::vector<Node> items() const;                            // Of an array.
    std::vector<std::pair<std::string, Node>> members() const;  // Of an object, in file order.

private:
    const boost::json::value* value_ = nullptr;
};

class JsonDocument {
public:
    // malformed with the offset where it breaks off.
    static Result<JsonDocument> parse(std::string_view text);
    Node root() const { return Node(value_.get()); }

private:
    std::shared_ptr<const boost::json::value> value_;  // Shared only to leave its type to the .cc.
};

struct Tally {
    unsigned passed = 0;
    unsigned failed = 0;
    unsigned skipped = 0;
    std::string first_failure;

    void fail(std::string_view row, std::string_view why);
};

// One row; counted when it goes out of scope: failed where anything differed or was missing, passed
// where something was compared, else skipped. Only the first fault is kept.
//
//     Row row(tally, "ksn " + ksn);
//     row.same("pin key", key, node["pin_key"]);
class Row {
public:
    Row(Tally& tally, std::string name) : tally_(tally), name_(std::move(name)) {}
    Row(const Row&) = delete;
    Row& operator=(const Row&) = delete;
    ~Row();

    void fail(std::string_view why);
    void fail(std::string_view what, const Error& error);
    bool failed() const { return failed_; }
    void holds(std::string_view what, bool condition);  // A comparison already made.

    // Required parts: a fault and an empty value where they are missing or no such thing.
    std::string text(const Node& from, std::string_view key);
    Buffer hex(const Node& from, std::string_view key);
    Buffer hex(std::string_view digits, std::string_view what);
    Buffer hex_of_size(const Node& from, std::string_view key, std::size_t size);

    // Comparing. An empty expectation is a fault. Hex may be in either case.
    void same_text(std::string_view what, std::string_view got, std::string_view expected);
    void same(std::string_view what, Bytes got, const Node& expected);
    void same(std::string_view what, Bytes got, std::string_view expected_hex);
    void same(std::string_view what, const Result<SecretBytes>& got, const Node& expected);
    // As many bytes as are expected, from the left; at least bytes_min.
    void same_start(std::string_view what, Bytes got, const Node& expected, std::size_t bytes_min);

private:
    Tally& tally_;
    std::string name_;
    bool compared_ = false;
    bool failed_ = false;
};

// "what: text (detail) at byte n".
std::string describe(std::string_view what, const Error& error);

// Lines without those that are empty; a carriage return at the end is dropped.
std::vector<std::string_view> lines_of(std::string_view text);

std::optional<std::uint64_t> number_of(std::string_view digits, int base);

}  // namespace softpos::conformance
