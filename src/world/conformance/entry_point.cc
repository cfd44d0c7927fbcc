// The published, EMVCo-numbered cases of the entry point: one row a case, all its runs.
#include "world/conformance/entry_point.h"

#include "host/durable_file.h"
#include "world/conformance/checkers.h"
#include "world/conformance/conformance.h"

namespace softpos::conformance {
namespace {

constexpr std::string_view settings_name = "term_settings.json";

void check_case(Row& row, const Node& one, const Node& settings) {
    const auto runs = one["runs"].items();
    if (runs.empty()) return row.fail("no runs");
    for (const Node& run : runs) {
        const std::string config = run["config"].text();
        const Node setting = settings[config];
        if (!setting) return row.fail("no terminal setting " + config);
        const TerminalSetting terminal = read_setting(row, setting);
        play_run(row, terminal, one["requested"], run["events"]);
        if (row.failed()) return;
    }
}

void check_line(std::string_view line, std::size_t number, const Node& settings, Tally& tally) {
    const auto document = JsonDocument::parse(line);
    if (!document)
        return tally.fail("line " + std::to_string(number), describe("", document.error()));
    const Node test = document->root();
    const auto cases = test["cases"].items();
    if (!test["cases"].is_array()) return tally.fail(test["id"].text(), "no cases");
    if (cases.empty()) ++tally.skipped;  // Only its number and title were published.
    for (std::size_t i = 0; i < cases.size(); ++i) {
        Row row(tally, test["id"].text() + " case " + std::to_string(i));
        check_case(row, cases[i], settings);
    }
}

}  // namespace

void check_entry_point(const Input& in, Tally& tally) {
    const auto bytes =
        host::read_file(in.folder + "/" + std::string(settings_name), file_bytes_max);
    if (!bytes) return tally.fail(settings_name, describe("", bytes.error()));
    const auto settings = JsonDocument::parse(text_of(*bytes));
    if (!settings) return tally.fail(settings_name, describe("", settings.error()));
    std::size_t number = 1;
    for (const std::string_view line : lines_of(in.text))
        check_line(line, number++, settings->root(), tally);
}

}  // namespace softpos::conformance
