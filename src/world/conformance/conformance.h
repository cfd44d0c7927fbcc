// Runs published cases, and those of an acceptance, against what is built here: a folder of files
// in, what each of them says about us out. Files are found by the end of their path, in the layout
// that the table in conformance.cc lists, so that any folder with such files below it will do.
//
//     const auto results = TRY(Conformance::run(folder, [](const Progress& now) { show(now); }));
//     for (const FileResult& file : results) print(file);
#pragma once

#include "base/result.h"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::conformance {

constexpr std::size_t files_max = 10'000;
constexpr std::size_t file_bytes_max = std::size_t{16} * 1024 * 1024;
constexpr unsigned folder_depth_max = 16;

// A row is one case of a file. It passes where something of it was compared and nothing differed.
struct FileResult {
    std::string file;  // Below the folder.
    unsigned passed = 0;
    unsigned failed = 0;
    unsigned skipped = 0;       // Rows of a kind that we do not implement: neither of the above.
    bool understood = false;    // Else nothing in it was looked at.
    std::string first_failure;  // Names the row and what differed.
};

struct Progress {
    std::size_t index;  // From 0; only files that are understood count.
    std::size_t count;
    std::string_view file;
};

class Conformance {
public:
    // Every regular file below the folder, sorted by path. not_found where there is no such folder,
    // denied above files_max. What is wrong with a file is in its result.
    static Result<std::vector<FileResult>> run(
        const std::string& folder, const std::function<void(const Progress&)>& progress);

    static bool understands(std::string_view file);

    // One file whose text is at hand. `folder` is where its companions lie; may be empty.
    static FileResult check(std::string_view file, std::string_view text,
                            const std::string& folder = {});
};

}  // namespace softpos::conformance
