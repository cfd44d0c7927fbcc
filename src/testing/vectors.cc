// The .vec reader and the way to the shared cases.
#include "testing/vectors.h"

#include "base/check.h"
#include "base/hex.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace softpos::testing {
namespace {

std::optional<std::string> environment(const char* name) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): tests set no environment.
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

const std::string& Vector::at(const std::string& key) const {
    const auto field = fields.find(key);
    CHECK(field != fields.end());
    return field->second;
}

std::vector<Vector> read_vectors(const std::string& file_name) {
    std::ifstream file(std::string(SOFTPOS_TEST_VECTORS "/") + file_name);
    CHECK(file.is_open());
    std::vector<Vector> vectors;
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line.front() == '#') continue;
        if (line.front() == '[') {
            CHECK(line.back() == ']');
            vectors.push_back({line.substr(1, line.size() - 2), {}});
            continue;
        }
        const std::size_t equals = line.find(" =");
        CHECK(equals != std::string::npos && !vectors.empty());
        const std::size_t value = line.find_first_not_of(' ', equals + 2);
        vectors.back().fields[line.substr(0, equals)] =
            value == std::string::npos ? "" : line.substr(value);
    }
    return vectors;
}

Buffer unhex(std::string_view text) {
    auto bytes = from_hex(text);
    CHECK(bytes.has_value());
    return *std::move(bytes);
}

std::optional<std::string> shared_path(const std::string& relative) {
    const std::string root = environment("SOFTPOS_VECTORS").value_or(SOFTPOS_SHARED_VECTORS);
    if (std::filesystem::exists(root)) return root + "/" + relative;
    CHECK(environment("CI") != "true");
    return std::nullopt;
}

std::optional<std::string> read_shared(const std::string& relative) {
    const auto path = shared_path(relative);
    if (!path) return std::nullopt;
    std::ifstream file(*path, std::ios::binary);
    CHECK(file.is_open());
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace softpos::testing
