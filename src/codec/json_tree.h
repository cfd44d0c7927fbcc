// Reads JSON that others define and sign, whose fields may be more than we know. Strict where it
// matters: one value and nothing behind it, and no name twice in an object, because the one who
// signed and the one who checks may each look at another of the two.
//
//     const JsonTree json = TRY(JsonTree::parse(payload));
//     const std::string_view nonce = json.root()["requestDetails"]["nonce"].text().value_or("");
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace softpos::codec {

struct JsonLimits {
    std::size_t bytes_max = 64UL * 1024;
    std::size_t values_max = 1024;
};

class JsonTree {
public:
    static constexpr std::size_t depth_max = 8;

    // A value in the document, or nowhere: what is not there or has another type is empty, so that
    // a path can be followed without asking at each step. Borrows the tree.
    class Value;

    // malformed, with the offset; denied over a limit.
    static Result<JsonTree> parse(std::string_view text, const JsonLimits& limits = {});

    JsonTree(JsonTree&&) noexcept;
    JsonTree& operator=(JsonTree&&) noexcept;
    ~JsonTree();

    Value root() const;

private:
    struct Node;
    struct Builder;
    explicit JsonTree(std::unique_ptr<Node> root);
    std::unique_ptr<Node> root_;
};

class JsonTree::Value {
public:
    Value() = default;

    explicit operator bool() const { return node_ != nullptr; }
    Value operator[](std::string_view name) const;
    bool is_object() const;

    std::optional<std::string_view> text() const;
    std::optional<std::int64_t> integer() const;
    std::optional<bool> flag() const;
    std::vector<Value> items() const;  // Of an array.
    // Of an array of texts; nullopt where it is none, or anything else is in it.
    std::optional<std::vector<std::string_view>> texts() const;
    std::vector<std::pair<std::string_view, Value>> members() const;  // Of an object.

private:
    friend class JsonTree;
    explicit Value(const Node* node) : node_(node) {}
    const Node* node_ = nullptr;
};

}  // namespace softpos::codec
