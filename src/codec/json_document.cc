// Boost.JSON underneath.
#include "codec/json_document.h"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace softpos::codec {
namespace {

namespace json = boost::json;

void print(const json::value& value, const std::string& indent, std::string& out) {
    const std::string inner = indent + "  ";
    if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
        out += "{\n";
        std::size_t left = object->size();
        for (const auto& member : *object) {
            out += inner + json::serialize(json::string(member.key())) + ": ";
            print(member.value(), inner, out);
            out += --left == 0 ? "\n" : ",\n";
        }
        out += indent + "}";
    } else if (const auto* array = value.if_array(); array != nullptr && !array->empty()) {
        out += "[\n";
        std::size_t left = array->size();
        for (const auto& item : *array) {
            out += inner;
            print(item, inner, out);
            out += --left == 0 ? "\n" : ",\n";
        }
        out += indent + "]";
    } else {
        out += json::serialize(value);
    }
}

const json::value* find(const json::value& root, std::string_view path) {
    const json::value* at = &root;
    while (!path.empty() && at != nullptr) {
        const std::size_t dot = std::min(path.find('.'), path.size());
        const std::string_view step = path.substr(0, dot);
        path.remove_prefix(std::min(dot + 1, path.size()));
        if (const auto* object = at->if_object()) {
            at = object->if_contains(step);
        } else if (const auto* array = at->if_array()) {
            std::size_t index = array->size();
            const char* const end = step.data() + step.size();
            const auto [stop, error] = std::from_chars(step.data(), end, index);
            const bool inside = error == std::errc() && stop == end && index < array->size();
            at = inside ? &(*array)[index] : nullptr;
        } else {
            at = nullptr;
        }
    }
    return at;
}

}  // namespace

struct JsonDocument::Value {
    explicit Value(json::value parsed) : root(std::move(parsed)) {}
    json::value root;
};

JsonDocument::JsonDocument(std::string_view text) {
    boost::system::error_code error;
    json::value root = json::parse(text, error);
    if (error) root = nullptr;
    value_ = std::make_shared<const Value>(std::move(root));
}

std::string JsonDocument::text(std::string_view path) const {
    const json::value* value = find(value_->root, path);
    if (value == nullptr || value->is_null()) return {};
    return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

std::int64_t JsonDocument::number(std::string_view path) const {
    const json::value* value = find(value_->root, path);
    return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

bool JsonDocument::flag(std::string_view path) const {
    const json::value* value = find(value_->root, path);
    return value != nullptr && value->is_bool() && value->get_bool();
}

std::size_t JsonDocument::size(std::string_view path) const {
    const json::value* value = find(value_->root, path);
    return value != nullptr && value->is_array() ? value->get_array().size() : 0;
}

std::string JsonDocument::pretty() const {
    std::string out;
    print(value_->root, "", out);
    return out;
}

}  // namespace softpos::codec
