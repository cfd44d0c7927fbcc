// Line by line.
#include "world/conformance/stanzas.h"

#include <algorithm>

namespace softpos::conformance {
namespace {

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) {
        text.remove_suffix(1);
    }
    return text;
}

}  // namespace

bool Stanza::has(std::string_view name) const {
    return std::ranges::any_of(lines, [name](const auto& one) { return one.first == name; });
}

std::string_view Stanza::value(std::string_view name) const {
    for (const auto& [known, text] : lines) {
        if (known == name) return text;
    }
    return {};
}

std::vector<Stanza> stanzas_of(std::string_view text) {
    std::vector<Stanza> stanzas;
    bool open = false;
    for (unsigned number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty()) {
            open = false;
            continue;
        }
        const std::size_t equals = line.find('=');
        if (line.front() == '#' || equals == std::string_view::npos) continue;
        if (!open) stanzas.push_back({number, {}});
        open = true;
        stanzas.back().lines.emplace_back(trimmed(line.substr(0, equals)),
                                          trimmed(line.substr(equals + 1)));
    }
    return stanzas;
}

}  // namespace softpos::conformance
