// softpos conformance: published cases against what is built here, a line a file.
#include "app/commands.h"
#include "app/console.h"
#include "world/conformance/conformance.h"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace softpos::app {
namespace {

namespace json = boost::json;
using conformance::FileResult;

constexpr std::int64_t silent_us = 2'000'000;
constexpr int exit_failed = 1;
constexpr int exit_unusable = 2;
constexpr std::size_t number_width = 8;

struct ConformanceOptions {
    std::string folder;
    bool json = false;
};

struct Totals {
    std::size_t understood = 0, not_understood = 0;
    std::uint64_t passed = 0, failed = 0, skipped = 0;
};

Totals totals_of(const std::vector<FileResult>& results) {
    Totals totals;
    for (const FileResult& result : results) {
        ++(result.understood ? totals.understood : totals.not_understood);
        totals.passed += result.passed;
        totals.failed += result.failed;
        totals.skipped += result.skipped;
    }
    return totals;
}

void show_json(const std::vector<FileResult>& results) {
    json::array rows;
    for (const FileResult& result : results) {
        rows.push_back(json::object{{"file", result.file},
                                    {"passed", result.passed},
                                    {"failed", result.failed},
                                    {"skipped", result.skipped},
                                    {"understood", result.understood},
                                    {"first_failure", result.first_failure}});
    }
    std::printf("%s\n", json::serialize(rows).c_str());
}

std::string padded(std::string text, std::size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
}

std::string column(std::uint64_t number) {
    const std::string digits = std::to_string(number);
    return std::string(number_width - std::min(number_width, digits.size()), ' ') + digits;
}

void show_file(const FileResult& result, std::size_t width) {
    const std::string name = padded(result.file, width);
    if (!result.understood) {
        std::printf("%s\n", coloured(Colour::dim, name + "  not understood").c_str());
        return;
    }
    const bool good = result.failed == 0;
    std::printf(
        "%s%s%s%s  %s\n", name.c_str(), column(result.passed).c_str(),
        coloured(good ? Colour::plain : Colour::red, column(result.failed)).c_str(),
        column(result.skipped).c_str(),
        good ? coloured(Colour::green, "ok").c_str() : coloured(Colour::red, "FAILED").c_str());
    if (!good) std::printf("    %s\n", coloured(Colour::red, result.first_failure).c_str());
}

void show_table(const std::vector<FileResult>& results) {
    std::size_t width = 4;
    for (const FileResult& result : results) width = std::max(width, result.file.size());
    std::printf("%s\n",
                coloured(Colour::bold, padded("file", width) + "  passed  failed skipped").c_str());
    for (const FileResult& result : results) show_file(result, width);
    const Totals totals = totals_of(results);
    std::printf("\n%s\n", coloured(totals.failed == 0 ? Colour::green : Colour::red,
                                   std::to_string(totals.passed) + " rows passed, " +
                                       std::to_string(totals.failed) + " failed")
                              .c_str());
    std::printf("%llu rows are of a kind that is not implemented here and were skipped.\n",
                static_cast<unsigned long long>(totals.skipped));
    std::printf("%zu files understood, %zu not: nothing is said about those.\n", totals.understood,
                totals.not_understood);
}

int run_conformance(const ConformanceOptions& options) {
    const Stopwatch watch;
    const auto results =
        conformance::Conformance::run(options.folder, [&](const conformance::Progress& now) {
            if (watch.us() < silent_us) return;
            std::fprintf(stderr, "checking %zu of %zu: %.*s\n", now.index + 1, now.count,
                         static_cast<int>(now.file.size()), now.file.data());
        });
    if (!results) {
        report("'" + options.folder + "': " + results.error().what.c_str());
        return exit_unusable;
    }
    options.json ? show_json(*results) : show_table(*results);
    return totals_of(*results).failed == 0 ? 0 : exit_failed;
}

}  // namespace

void add_conformance(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<ConformanceOptions>();
    CLI::App* command =
        app.add_subcommand("conformance", "published cases against this build, a line a file");
    command->add_option("folder", options->folder, "where the case files lie")->required();
    command->add_flag("--json", options->json, "one JSON array in place of the table");
    command->footer(
        "A row passes where something of it was compared and nothing differed. Exit code: 0 where "
        "no row failed,\n1 where one did, 2 where the folder cannot be read.");
    command->callback([&chosen, options] { chosen = [=] { return run_conformance(*options); }; });
}

}  // namespace softpos::app
