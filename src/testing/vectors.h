// Test cases kept apart from C++: our own in tests/vectors/*.vec, and the shared folder of cases
// that nobody here wrote, read where it lies and never copied.
//
//     # comment
//     [name of the case]
//     Key = value
#pragma once

#include "base/bytes.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::testing {

struct Vector {
    std::string name;
    std::map<std::string, std::string> fields;

    const std::string& at(const std::string& key) const;  // CHECKs that the key is there.
};

// Of tests/vectors/. A line that is no comment, name, field or blank fails a CHECK.
std::vector<Vector> read_vectors(const std::string& file_name);

// Hex with blanks, or a failed CHECK.
Buffer unhex(std::string_view text);

// The path of a file or folder below SOFTPOS_VECTORS (by default ../shared/vectors beside the
// project). Where the folder is missing: a failed CHECK in CI, else nullopt, and the test says
// GTEST_SKIP.
std::optional<std::string> shared_path(const std::string& relative);
std::optional<std::string> read_shared(const std::string& relative);

}  // namespace softpos::testing
