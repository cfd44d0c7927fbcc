// Reads the JSON object of a request and refuses everything that the call does not know: unknown
// fields, wrong types, values out of range. Remembers the first fault, so a reader takes all its
// fields in a row and asks once at the end.
//
//     StrictJson json(body);
//     const std::int64_t amount = json.integer("amount_minor", 1, amount_minor_max);
//     const std::string reference = json.optional_text("reference", 64).value_or("");
//     if (const auto fault = json.finish()) return refuse(fault->refusal, fault->field);
#pragma once

#include "base/bytes.h"
#include "base/refusal.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::codec {

struct JsonFault {
    Refusal refusal;    // bad_json, unknown_field, missing_field, wrong_type or bad_value.
    std::string field;  // "card.ksn"; a name that we know, or the first 64 clean characters of one
                        // that we do not.
};

class StrictJson {
public:
    static constexpr std::size_t depth_max = 8;

    explicit StrictJson(std::string_view body);
    ~StrictJson();
    StrictJson(StrictJson&&) noexcept;
    StrictJson& operator=(StrictJson&&) noexcept;

    // Required fields. After a fault they return empty values.
    std::string text(std::string_view name, std::size_t size_max);
    std::string lines(std::string_view name, std::size_t size_max);  // Line ends allowed: PEM.
    std::int64_t integer(std::string_view name, std::int64_t min, std::int64_t max);
    bool boolean(std::string_view name);
    Buffer hex(std::string_view name, std::size_t size_min, std::size_t size_max);  // In bytes.

    std::optional<std::string> optional_text(std::string_view name, std::size_t size_max);
    std::optional<std::int64_t> optional_integer(std::string_view name, std::int64_t min,
                                                 std::int64_t max);
    std::optional<bool> optional_boolean(std::string_view name);

    // An object inside, read by its own StrictJson; its faults and unknown fields count here too.
    StrictJson object(std::string_view name);
    bool has(std::string_view name) const;
    std::vector<StrictJson> objects(std::string_view name, std::size_t count_max);

    void fault(Refusal refusal, std::string_view field);  // What only the caller can see.

    // The first fault, unknown fields included. Call it last.
    std::optional<JsonFault> finish();

private:
    enum class Controls : std::uint8_t { none, line_ends };
    std::optional<std::string> text_of_field(std::string_view name, std::size_t size_max,
                                             Controls allowed);
    struct Document;
    struct Node;
    StrictJson(std::shared_ptr<Document> document, Node* node);
    std::shared_ptr<Document> document_;
    Node* node_;
};

}  // namespace softpos::codec
