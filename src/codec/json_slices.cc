// Boost.JSON is given the text a byte at a time, so that its events happen where they lie.
#include "codec/json_slices.h"

#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <optional>

namespace softpos::codec {

namespace json = boost::json;

namespace {

constexpr std::size_t depth_max = 16;

// Notes where values of depth 1 begin and end. Its names are the library's.
struct Watcher {
    static constexpr std::size_t max_object_size = SIZE_MAX;
    static constexpr std::size_t max_array_size = SIZE_MAX;
    static constexpr std::size_t max_key_size = SIZE_MAX;
    static constexpr std::size_t max_string_size = SIZE_MAX;

    std::string_view text;
    std::size_t at = 0;  // Of the byte that is being read.
    std::size_t depth = 0;
    bool rooted = false;  // An object is outermost.
    std::string key;
    std::optional<std::size_t> key_end;  // Of the member of depth 1 that is being read.
    std::vector<JsonSlice> slices;

    // Between a key and its value there are blanks and one colon.
    void end_value() {
        if (depth != 1 || !key_end) return;
        const std::size_t start = text.find_first_not_of(" \t\r\n:", *key_end);
        slices.push_back({std::move(key), text.substr(start, at + 1 - start)});
        key.clear();
        key_end.reset();
    }
    void end_scalar() {
        if (depth != 1) return;
        key.clear();
        key_end.reset();
    }
    bool open() {
        ++depth;
        return true;
    }
    bool close() {
        --depth;
        end_value();
        return true;
    }

    bool on_document_begin(json::error_code&) { return true; }
    bool on_document_end(json::error_code&) { return true; }
    bool on_object_begin(json::error_code&) {
        rooted = rooted || depth == 0;
        return open();
    }
    bool on_object_end(std::size_t, json::error_code&) { return close(); }
    bool on_array_begin(json::error_code&) { return open(); }
    bool on_array_end(std::size_t, json::error_code&) { return close(); }
    bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
        if (depth == 1) key.append(part.data(), part.size());
        return true;
    }
    bool on_key(json::string_view part, std::size_t, json::error_code&) {
        if (depth != 1) return true;
        key.append(part.data(), part.size());
        key_end = at + 1;
        return true;
    }
    bool on_string_part(json::string_view, std::size_t, json::error_code&) { return true; }
    bool on_string(json::string_view, std::size_t, json::error_code&) {
        end_value();
        return true;
    }
    bool on_number_part(json::string_view, json::error_code&) { return true; }
    bool on_int64(std::int64_t, json::string_view, json::error_code&) { return scalar(); }
    bool on_uint64(std::uint64_t, json::string_view, json::error_code&) { return scalar(); }
    template <typename Number>
    bool on_double(Number, json::string_view, json::error_code&) {
        return scalar();
    }
    bool on_bool(bool, json::error_code&) { return scalar(); }
    bool on_null(json::error_code&) { return scalar(); }
    bool on_comment_part(json::string_view, json::error_code&) { return true; }
    bool on_comment(json::string_view, json::error_code&) { return true; }

    bool scalar() {
        end_scalar();
        return true;
    }
};

bool has_repeated_name(const std::vector<JsonSlice>& slices) {
    std::vector<std::string_view> names;
    for (const JsonSlice& slice : slices) names.push_back(slice.name);
    std::ranges::sort(names);
    return std::ranges::adjacent_find(names) != names.end();
}

}  // namespace

Result<std::vector<JsonSlice>> json_slices(std::string_view text) {
    if (text.size() > json_slices_bytes_max) return fail(ErrorKind::denied, "json: too long");
    json::parse_options options;
    options.max_depth = depth_max;
    json::basic_parser<Watcher> parser(options);
    Watcher& watcher = parser.handler();
    watcher.text = text;
    json::error_code error;
    for (; watcher.at < text.size() && !error; ++watcher.at) {
        if (parser.done()) break;
        parser.write_some(true, text.data() + watcher.at, 1, error);
        if (watcher.slices.size() > json_slices_max) {
            return fail(ErrorKind::denied, "json: too many members", 0, watcher.at);
        }
    }
    const std::size_t used = watcher.at;
    if (!error && !parser.done()) parser.write_some(false, text.data() + used, 0, error);
    if (error == json::error::too_deep) return fail(ErrorKind::denied, "json: too deep", 0, used);
    if (error || !parser.done() || !watcher.rooted) {
        return fail(ErrorKind::malformed, "json: no object", 0, used);
    }
    if (text.find_first_not_of(" \t\r\n", used) != std::string_view::npos) {
        return fail(ErrorKind::malformed, "json: something behind it", 0, used);
    }
    if (has_repeated_name(watcher.slices)) {
        return fail(ErrorKind::malformed, "json: a name twice");
    }
    return std::move(watcher.slices);
}

}  // namespace softpos::codec
