// Reads SOFTPOS_DATA once.
#include "host/data_files.h"

#include "host/durable_file.h"

#include <cstdlib>

namespace softpos::host {
namespace {

constexpr std::size_t data_file_bytes_max = std::size_t{1024} * 1024;

const std::string& data_root() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody here changes the environment.
    static const std::string root = [] {
        const char* named = std::getenv("SOFTPOS_DATA");  // NOLINT(concurrency-mt-unsafe)
        return std::string(named == nullptr ? SOFTPOS_DATA_DIR : named);
    }();
    return root;
}

}  // namespace

std::string data_path(std::string_view relative) {
    return data_root() + "/" + std::string(relative);
}

Result<std::string> read_data(std::string_view relative) {
    const Buffer bytes = TRY(read_file(data_path(relative), data_file_bytes_max));
    return std::string(text_of(bytes));
}

}  // namespace softpos::host
