// A JSON text whose values are found by path: for our own programs and tests, which read answers of
// our own APIs. Foreign requests are read with StrictJson.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace softpos::codec {

// Paths are "payment.state" or "batches.0.balanced"; what is not there is empty or 0. A text that
// is no JSON has nothing in it.
class JsonDocument {
public:
    explicit JsonDocument(std::string_view text);

    std::string text(std::string_view path) const;  // What is no string, as JSON; null is "".
    std::int64_t number(std::string_view path) const;
    bool flag(std::string_view path) const;
    std::size_t size(std::string_view path) const;  // Of an array.
    std::string pretty() const;                     // The whole, a member a line.

private:
    struct Value;
    std::shared_ptr<const Value> value_;  // Never changes, so copies share it.
};

}  // namespace softpos::codec
