// A process looks at itself: is it traced, is its code still the code on disk, was anything loaded
// that does not belong to it, do its function tables still lead where they led. Works behind the
// gate: what it reads was opened before.
//
// Whoever can write this process's memory can also silence this. It raises the price, and what it
// finds must leave the process at once; that it says nothing any more is a finding of those who
// wait for it.
#pragma once

#include "base/result.h"
#include "host/descriptor.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::host {

enum class SelfFault : std::uint8_t {
    traced,           // detail: number of the tracing process.
    code_changed,     // Code in memory differs from the file; detail: offset in pages.
    foreign_library,  // Loaded, and needed by nothing that we are made of.
    foreign_code,     // Executable memory that no file stands behind.
    writable_code,    // Memory that may be written and executed.
    table_changed,    // A function table (RELRO) is not what it was at start; a hook.
    preload,          // The loader was told to load something in front (LD_PRELOAD, LD_AUDIT).
    blind,            // It could not look: itself a finding.
};
constexpr unsigned self_faults = 8;
std::string_view name_of(SelfFault fault);  // "code-changed"

struct SelfFinding {
    SelfFault fault{};
    std::uint32_t detail = 0;

    friend bool operator==(const SelfFinding&, const SelfFinding&) = default;
};

class SelfWatch {
public:
    struct Options {
        // Beginnings of paths from which a library may be loaded later on: a plug-in that the
        // program is known to open. Everything that the program needs is known from itself.
        std::vector<std::string> plug_ins{};
    };

    // Opens what look() reads and notes the function tables. After the libraries are loaded that
    // are loaded lazily, in front of the gate.
    static Result<SelfWatch> open(const Options& options);

    // Each fault once, in the order of the enumeration. Some milliseconds: it compares all code.
    std::vector<SelfFinding> look() const;
    // Only whether somebody traces us; microseconds.
    bool is_traced() const;

    std::vector<int> descriptors() const;  // What the gate must leave open.

private:
    struct CodeFile {
        std::string path;
        Descriptor file;
    };
    struct Table {
        std::uintptr_t at;
        std::vector<std::uint8_t> was;
    };
    struct Mapping;

    Result<std::string> read_all(const Descriptor& file) const;
    Result<std::vector<Mapping>> mappings() const;
    void check_code(const std::vector<Mapping>& all, std::vector<SelfFinding>& found) const;
    void check_libraries(std::vector<SelfFinding>& found) const;
    void check_tables(std::vector<SelfFinding>& found) const;
    bool may_be_loaded(std::string_view path) const;

    Options options_;
    Descriptor status_;
    Descriptor maps_;
    std::vector<CodeFile> code_;
    std::vector<Table> tables_;
    std::vector<std::string> belongs_;  // Paths of the program and all that it needs.
    bool preloaded_ = false;
};

}  // namespace softpos::host
