// Boost.JSON parses; this keeps count of which fields were asked for.
#include "codec/strict_json.h"

#include "base/check.h"
#include "base/hex.h"

#include <boost/json.hpp>

#include <algorithm>
#include <deque>
#include <set>

namespace softpos::codec {
namespace {

namespace json = boost::json;

constexpr std::size_t name_size_max = 64;

std::string clean_name(std::string_view name) {
    std::string text(name.substr(0, name_size_max));
    std::ranges::replace_if(
        text, [](unsigned char c) { return c < 0x20 || c > 0x7E || c == '"' || c == '\\'; }, '_');
    return text;
}

}  // namespace

struct StrictJson::Node {
    const json::object* object;
    std::string path;  // "" or "card."
    std::set<std::string, std::less<>> asked;
};

struct StrictJson::Document {
    json::value root;
    json::object empty;
    std::deque<Node> nodes;  // Stable addresses.
    std::optional<JsonFault> fault;
};

StrictJson::StrictJson(std::string_view body) : document_(std::make_shared<Document>()) {
    json::parse_options options;
    options.max_depth = depth_max;
    boost::system::error_code error;
    document_->root = json::parse(body, error, {}, options);
    const bool good = !error && document_->root.is_object();
    if (!good) document_->fault = JsonFault{Refusal::bad_json, ""};
    document_->nodes.push_back({good ? &document_->root.get_object() : &document_->empty, "", {}});
    node_ = &document_->nodes.back();
}

StrictJson::StrictJson(std::shared_ptr<Document> document, Node* node)
    : document_(std::move(document)), node_(node) {}
StrictJson::~StrictJson() = default;
StrictJson::StrictJson(StrictJson&&) noexcept = default;
StrictJson& StrictJson::operator=(StrictJson&&) noexcept = default;

void StrictJson::fault(Refusal refusal, std::string_view field) {
    if (!document_->fault) document_->fault = JsonFault{refusal, node_->path + clean_name(field)};
}

bool StrictJson::has(std::string_view name) const {
    return node_->object->contains(name);
}

std::optional<std::string> StrictJson::optional_text(std::string_view name, std::size_t size_max) {
    return text_of_field(name, size_max, Controls::none);
}

std::optional<std::string> StrictJson::text_of_field(std::string_view name, std::size_t size_max,
                                                     Controls allowed) {
    node_->asked.emplace(name);
    const json::value* value = node_->object->if_contains(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) {
        fault(Refusal::wrong_type, name);
        return std::nullopt;
    }
    const json::string& text = value->get_string();
    const bool clean = std::ranges::none_of(text, [allowed](unsigned char c) {
        const bool line_end = c == '\n' || c == '\r';
        return c < 0x20 && !(line_end && allowed == Controls::line_ends);
    });
    if (text.size() > size_max || !clean) {
        fault(Refusal::bad_value, name);
        return std::nullopt;
    }
    return std::string(text);
}

std::optional<std::int64_t> StrictJson::optional_integer(std::string_view name, std::int64_t min,
                                                         std::int64_t max) {
    node_->asked.emplace(name);
    const json::value* value = node_->object->if_contains(name);
    if (value == nullptr) return std::nullopt;
    if (!value->is_int64()) {
        fault(value->is_uint64() ? Refusal::bad_value : Refusal::wrong_type, name);
        return std::nullopt;
    }
    if (value->get_int64() < min || value->get_int64() > max) {
        fault(Refusal::bad_value, name);
        return std::nullopt;
    }
    return value->get_int64();
}

std::optional<bool> StrictJson::optional_boolean(std::string_view name) {
    node_->asked.emplace(name);
    const json::value* value = node_->object->if_contains(name);
    if (value == nullptr) return std::nullopt;
    if (value->is_bool()) return value->get_bool();
    fault(Refusal::wrong_type, name);
    return std::nullopt;
}

std::string StrictJson::text(std::string_view name, std::size_t size_max) {
    if (!has(name)) fault(Refusal::missing_field, name);
    auto value = optional_text(name, size_max);
    if (value && value->empty()) fault(Refusal::bad_value, name);
    return value ? *std::move(value) : std::string();
}

std::string StrictJson::lines(std::string_view name, std::size_t size_max) {
    if (!has(name)) fault(Refusal::missing_field, name);
    auto value = text_of_field(name, size_max, Controls::line_ends);
    if (value && value->empty()) fault(Refusal::bad_value, name);
    return value ? *std::move(value) : std::string();
}

std::int64_t StrictJson::integer(std::string_view name, std::int64_t min, std::int64_t max) {
    if (!has(name)) fault(Refusal::missing_field, name);
    return optional_integer(name, min, max).value_or(0);
}

bool StrictJson::boolean(std::string_view name) {
    if (!has(name)) fault(Refusal::missing_field, name);
    return optional_boolean(name).value_or(false);
}

Buffer StrictJson::hex(std::string_view name, std::size_t size_min, std::size_t size_max) {
    const std::string digits = text(name, size_max * 2);
    auto bytes = from_hex(digits);
    if (!bytes || bytes->size() < size_min || bytes->size() * 2 != digits.size()) {
        fault(Refusal::bad_value, name);
        return {};
    }
    return *std::move(bytes);
}

StrictJson StrictJson::object(std::string_view name) {
    node_->asked.emplace(name);
    const json::value* value = node_->object->if_contains(name);
    if (value == nullptr) fault(Refusal::missing_field, name);
    if (value != nullptr && !value->is_object()) fault(Refusal::wrong_type, name);
    const bool good = value != nullptr && value->is_object();
    document_->nodes.push_back({good ? &value->get_object() : &document_->empty,
                                node_->path + clean_name(name) + ".",
                                {}});
    return {document_, &document_->nodes.back()};
}

std::vector<StrictJson> StrictJson::objects(std::string_view name, std::size_t count_max) {
    node_->asked.emplace(name);
    std::vector<StrictJson> all;
    const json::value* value = node_->object->if_contains(name);
    if (value == nullptr) return all;
    if (!value->is_array()) {
        fault(Refusal::wrong_type, name);
        return all;
    }
    if (value->get_array().size() > count_max) fault(Refusal::bad_value, name);
    for (const json::value& item : value->get_array()) {
        if (!item.is_object()) fault(Refusal::wrong_type, name);
        if (!item.is_object() || all.size() == count_max) break;
        document_->nodes.push_back({&item.get_object(), node_->path + clean_name(name) + ".", {}});
        all.push_back(StrictJson(document_, &document_->nodes.back()));
    }
    return all;
}

std::optional<JsonFault> StrictJson::finish() {
    for (const Node& node : document_->nodes) {
        for (const auto& field : *node.object) {
            if (document_->fault) return document_->fault;
            const std::string_view name = field.key();
            if (node.asked.contains(name)) continue;
            document_->fault = JsonFault{Refusal::unknown_field, node.path + clean_name(name)};
        }
    }
    return document_->fault;
}

}  // namespace softpos::codec
