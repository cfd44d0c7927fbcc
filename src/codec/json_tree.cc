// Boost.JSON parses; this keeps what it reports, because its own objects drop a repeated name.
#include "codec/json_tree.h"

#include "base/check.h"

#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>

namespace softpos::codec {

namespace json = boost::json;

struct JsonTree::Node {
    enum class Kind : std::uint8_t { null, flag, integer, other_number, text, array, object };
    Kind kind = Kind::null;
    bool flag = false;
    std::int64_t integer = 0;
    std::string text;
    std::vector<std::string> names;  // Of an object, beside its items.
    std::vector<std::unique_ptr<Node>> items;
};

// Gets the parser's events. Values are appended to the innermost open array or object.
struct JsonTree::Builder {
    // The text as a whole is bounded before, and add() counts.
    static constexpr std::size_t max_object_size = SIZE_MAX;
    static constexpr std::size_t max_array_size = SIZE_MAX;
    static constexpr std::size_t max_key_size = SIZE_MAX;
    static constexpr std::size_t max_string_size = SIZE_MAX;

    std::size_t values_max = 0;
    std::unique_ptr<Node> root;
    std::vector<Node*> open;
    std::string partial;
    std::size_t values = 0;
    bool repeated = false;
    bool too_many = false;

    Node* add(Node::Kind kind, json::error_code& error) {
        if (++values > values_max) {
            too_many = true;
            error = json::error::array_too_large;
            return nullptr;
        }
        auto node = std::make_unique<Node>();
        node->kind = kind;
        Node* const raw = node.get();
        if (open.empty()) {
            root = std::move(node);
        } else {
            open.back()->items.push_back(std::move(node));
        }
        return raw;
    }
    bool add_open(Node::Kind kind, json::error_code& error) {
        Node* node = add(kind, error);
        if (node != nullptr) open.push_back(node);
        return node != nullptr;
    }
    // Looks for a repeated name at once, because others' lists have thousands.
    bool close_object(json::error_code& error) {
        std::vector<std::string_view> names(open.back()->names.begin(), open.back()->names.end());
        std::ranges::sort(names);
        repeated = std::ranges::adjacent_find(names) != names.end();
        if (repeated) error = json::error::syntax;
        open.pop_back();
        return !repeated;
    }

    // What the parser calls; its names are the library's.
    bool on_document_begin(json::error_code&) { return true; }
    bool on_document_end(json::error_code&) { return true; }
    bool on_object_begin(json::error_code& error) { return add_open(Node::Kind::object, error); }
    bool on_object_end(std::size_t, json::error_code& error) { return close_object(error); }
    bool on_array_begin(json::error_code& error) { return add_open(Node::Kind::array, error); }
    bool on_array_end(std::size_t, json::error_code&) {
        open.pop_back();
        return true;
    }
    bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
        partial.append(part.data(), part.size());
        return true;
    }
    bool on_key(json::string_view part, std::size_t, json::error_code&) {
        partial.append(part.data(), part.size());
        open.back()->names.push_back(std::move(partial));
        partial.clear();
        return true;
    }
    bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
        partial.append(part.data(), part.size());
        return true;
    }
    bool on_string(json::string_view part, std::size_t, json::error_code& error) {
        partial.append(part.data(), part.size());
        Node* node = add(Node::Kind::text, error);
        if (node != nullptr) node->text = std::move(partial);
        partial.clear();
        return node != nullptr;
    }
    bool on_number_part(json::string_view, json::error_code&) { return true; }
    bool on_int64(std::int64_t number, json::string_view, json::error_code& error) {
        Node* node = add(Node::Kind::integer, error);
        if (node != nullptr) node->integer = number;
        return node != nullptr;
    }
    // Numbers that no field of ours has: kept as being there, without their value.
    template <typename Number>
    bool on_other(Number, json::error_code& error) {
        return add(Node::Kind::other_number, error) != nullptr;
    }
    bool on_uint64(std::uint64_t number, json::string_view, json::error_code& error) {
        return on_other(number, error);
    }
    template <typename Number>
    bool on_double(Number number, json::string_view, json::error_code& error) {
        return on_other(number, error);
    }
    bool on_bool(bool flag, json::error_code& error) {
        Node* node = add(Node::Kind::flag, error);
        if (node != nullptr) node->flag = flag;
        return node != nullptr;
    }
    bool on_null(json::error_code& error) { return add(Node::Kind::null, error) != nullptr; }
    bool on_comment_part(json::string_view, json::error_code&) { return true; }
    bool on_comment(json::string_view, json::error_code&) { return true; }
};

JsonTree::JsonTree(std::unique_ptr<Node> root) : root_(std::move(root)) {}
JsonTree::JsonTree(JsonTree&&) noexcept = default;
JsonTree& JsonTree::operator=(JsonTree&&) noexcept = default;
JsonTree::~JsonTree() = default;

Result<JsonTree> JsonTree::parse(std::string_view text, const JsonLimits& limits) {
    if (text.size() > limits.bytes_max) return fail(ErrorKind::denied, "json: too long");
    json::parse_options options;
    options.max_depth = depth_max;
    json::basic_parser<Builder> parser(options);
    parser.handler().values_max = limits.values_max;
    json::error_code error;
    const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
    const Builder& builder = parser.handler();
    if (builder.too_many) return fail(ErrorKind::denied, "json: too many values", 0, used);
    if (builder.repeated) return fail(ErrorKind::malformed, "json: a name twice", 0, used);
    if (error == json::error::too_deep) return fail(ErrorKind::denied, "json: too deep", 0, used);
    if (error || !parser.done()) return fail(ErrorKind::malformed, "json: syntax", 0, used);
    if (text.find_first_not_of(" \t\r\n", used) != std::string_view::npos) {
        return fail(ErrorKind::malformed, "json: something behind it", 0, used);
    }
    CHECK(builder.root != nullptr);
    return JsonTree(std::move(parser.handler().root));
}

JsonTree::Value JsonTree::root() const {
    return Value(root_.get());
}

JsonTree::Value JsonTree::Value::operator[](std::string_view name) const {
    if (!is_object()) return {};
    const auto found = std::ranges::find(node_->names, name);
    if (found == node_->names.end()) return {};
    return Value(node_->items[static_cast<std::size_t>(found - node_->names.begin())].get());
}

bool JsonTree::Value::is_object() const {
    return node_ != nullptr && node_->kind == Node::Kind::object;
}

std::optional<std::string_view> JsonTree::Value::text() const {
    if (node_ == nullptr || node_->kind != Node::Kind::text) return std::nullopt;
    return node_->text;
}

std::optional<std::int64_t> JsonTree::Value::integer() const {
    if (node_ == nullptr || node_->kind != Node::Kind::integer) return std::nullopt;
    return node_->integer;
}

std::optional<bool> JsonTree::Value::flag() const {
    if (node_ == nullptr || node_->kind != Node::Kind::flag) return std::nullopt;
    return node_->flag;
}

std::vector<JsonTree::Value> JsonTree::Value::items() const {
    std::vector<Value> all;
    if (node_ == nullptr || node_->kind != Node::Kind::array) return all;
    for (const auto& item : node_->items) all.push_back(Value(item.get()));
    return all;
}

std::optional<std::vector<std::string_view>> JsonTree::Value::texts() const {
    if (node_ == nullptr || node_->kind != Node::Kind::array) return std::nullopt;
    std::vector<std::string_view> all;
    for (const auto& item : node_->items) {
        if (item->kind != Node::Kind::text) return std::nullopt;
        all.push_back(item->text);
    }
    return all;
}

std::vector<std::pair<std::string_view, JsonTree::Value>> JsonTree::Value::members() const {
    std::vector<std::pair<std::string_view, Value>> all;
    if (!is_object()) return all;
    for (std::size_t i = 0; i < node_->items.size(); ++i) {
        all.emplace_back(node_->names[i], Value(node_->items[i].get()));
    }
    return all;
}

}  // namespace softpos::codec
