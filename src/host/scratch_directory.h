// A directory for one test, removed at its end.
#pragma once

#include "base/check.h"

#include <cstdlib>
#include <filesystem>
#include <string>

namespace softpos::host {

class ScratchDirectory {
public:
    ScratchDirectory() : path_("/tmp/softpos_XXXXXX") { CHECK(::mkdtemp(path_.data()) != nullptr); }
    ScratchDirectory(const ScratchDirectory&) = delete;
    ScratchDirectory& operator=(const ScratchDirectory&) = delete;
    ~ScratchDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::string& path() const { return path_; }
    std::string file(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

}  // namespace softpos::host
