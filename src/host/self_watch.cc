// /proc/self/status and maps, kept open; the loader's own list of what is loaded.
#include "host/self_watch.h"

#include "host/gate_filter.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <link.h>
#include <optional>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace softpos::host {
namespace {

constexpr std::size_t proc_bytes_max = 1024UL * 1024;
constexpr std::size_t code_files_max = 64;
constexpr std::size_t table_bytes_max = 8UL * 1024 * 1024;
constexpr std::size_t compare_bytes = 64UL * 1024;
constexpr std::size_t page_bytes = 4096;

std::optional<std::uint64_t> number(std::string_view text, int base) {
    std::uint64_t value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}

// The next word of a line; empty at its end.
std::string_view next_word(std::string_view& line) {
    const std::size_t begin = std::min(line.find_first_not_of(" \t"), line.size());
    const std::size_t end = std::min(line.find_first_of(" \t", begin), line.size());
    const std::string_view word = line.substr(begin, end - begin);
    line.remove_prefix(end);
    return word;
}

// What the loader loaded, as it says itself.
struct Loaded {
    std::string path;
    std::string name;                 // DT_SONAME, or the last part of the path.
    std::vector<std::string> needed;  // DT_NEEDED
    std::uintptr_t relro_at = 0;
    std::size_t relro_bytes = 0;
};

std::string last_part(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

void read_dynamic(const dl_phdr_info& info, const ElfW(Dyn) * entry, Loaded& loaded) {
    const char* strings = nullptr;
    for (const auto* at = entry; at->d_tag != DT_NULL; ++at) {
        if (at->d_tag != DT_STRTAB) continue;
        // glibc has added the base already; other loaders do not.
        const auto value = static_cast<std::uintptr_t>(at->d_un.d_ptr);
        const std::uintptr_t address = value < info.dlpi_addr ? value + info.dlpi_addr : value;
        strings = reinterpret_cast<const char*>(address);
    }
    if (strings == nullptr) return;
    for (const auto* at = entry; at->d_tag != DT_NULL; ++at) {
        if (at->d_tag == DT_NEEDED) loaded.needed.emplace_back(strings + at->d_un.d_val);
        if (at->d_tag == DT_SONAME) loaded.name = strings + at->d_un.d_val;
    }
}

int take_loaded(dl_phdr_info* info, std::size_t, void* list) {
    Loaded loaded;
    loaded.path = info->dlpi_name;
    loaded.name = last_part(loaded.path);
    for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
        const auto& part = info->dlpi_phdr[i];
        const auto at = static_cast<std::uintptr_t>(info->dlpi_addr + part.p_vaddr);
        if (part.p_type == PT_DYNAMIC) {
            read_dynamic(*info, reinterpret_cast<const ElfW(Dyn)*>(at), loaded);
        }
        if (part.p_type == PT_GNU_RELRO) {
            // The loader protects whole pages only; what is behind the last may change.
            loaded.relro_at = at;
            loaded.relro_bytes = part.p_memsz & ~(page_bytes - 1);
        }
    }
    static_cast<std::vector<Loaded>*>(list)->push_back(std::move(loaded));
    return 0;
}

std::vector<Loaded> all_loaded() {
    std::vector<Loaded> list;
    ::dl_iterate_phdr(take_loaded, &list);
    return list;
}

// The program is the first; from there on by what each says it needs. The kernel's own page and the
// loader itself belong as well.
std::vector<std::string> needed_by_the_program(const std::vector<Loaded>& list) {
    std::set<std::string> names;
    std::deque<const Loaded*> open;
    if (!list.empty()) open.push_back(&list.front());
    std::vector<std::string> paths;
    while (!open.empty()) {
        const Loaded& one = *open.front();
        open.pop_front();
        paths.push_back(one.path);
        for (const std::string& need : one.needed) {
            if (!names.insert(need).second) continue;
            for (const Loaded& other : list) {
                if (other.name == need) open.push_back(&other);
            }
        }
    }
    return paths;
}

bool is_kernels_own(std::string_view path) {
    return path.empty() || path.starts_with("linux-vdso") || path == "[vdso]" ||
           path == "[vsyscall]";
}

#if defined(__clang__)
#define SOFTPOS_RAW_MEMORY [[clang::no_sanitize("address", "undefined")]]
#else
#define SOFTPOS_RAW_MEMORY [[gnu::no_sanitize_address]]
#endif

// Whole pages, gaps between objects included, which a sanitizer would take for a fault. Volatile,
// so that no compiler makes a call of it that the sanitizer watches.
SOFTPOS_RAW_MEMORY bool same_memory(std::uintptr_t at, const std::uint8_t* expected,
                                    std::size_t size) {
    std::uint64_t difference = 0;
    std::size_t i = 0;
    for (; i + sizeof(std::uint64_t) <= size; i += sizeof(std::uint64_t)) {
        std::uint64_t word = 0;
        std::memcpy(&word, expected + i, sizeof word);
        difference |= word ^ *reinterpret_cast<const volatile std::uint64_t*>(at + i);
    }
    for (; i < size; ++i) {
        difference |= static_cast<std::uint64_t>(
            expected[i] ^ *reinterpret_cast<const volatile std::uint8_t*>(at + i));
    }
    return difference == 0;
}

SOFTPOS_RAW_MEMORY std::vector<std::uint8_t> copy_memory(std::uintptr_t at, std::size_t size) {
    std::vector<std::uint8_t> copy(size);
    for (std::size_t i = 0; i < size; ++i) {
        copy[i] = *reinterpret_cast<const volatile std::uint8_t*>(at + i);
    }
    return copy;
}

void add(std::vector<SelfFinding>& found, SelfFault fault, std::uint64_t detail) {
    const auto same = [fault](const SelfFinding& one) { return one.fault == fault; };
    if (std::ranges::any_of(found, same)) return;
    found.push_back({fault, static_cast<std::uint32_t>(detail)});
}

std::uint32_t last_errno() {
    return static_cast<std::uint32_t>(errno);
}

}  // namespace

struct SelfWatch::Mapping {
    std::uintptr_t begin;
    std::uintptr_t end;
    std::string_view access;
    std::uint64_t offset;
    std::string path;
};

std::string_view name_of(SelfFault fault) {
    constexpr std::array<std::string_view, self_faults> names = {
        "traced",        "code-changed",  "foreign-library", "foreign-code",
        "writable-code", "table-changed", "preload",         "blind"};
    return names[static_cast<std::size_t>(fault)];
}

Result<SelfWatch> SelfWatch::open(const Options& options) {
    SelfWatch watch;
    watch.options_ = options;
    watch.status_.reset(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
    watch.maps_.reset(::open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
    if (!watch.status_.valid() || !watch.maps_.valid()) {
        return fail(ErrorKind::unavailable, "self watch: /proc is not there", last_errno());
    }
    for (const char* name : {"LD_PRELOAD", "LD_AUDIT"}) {
        const char* value = ::secure_getenv(name);
        watch.preloaded_ |= value != nullptr && *value != '\0';
    }
    const std::vector<Loaded> loaded = all_loaded();
    watch.belongs_ = needed_by_the_program(loaded);
    std::size_t table_bytes = 0;
    for (const Loaded& one : loaded) {
        if (one.relro_bytes == 0) continue;
        table_bytes += one.relro_bytes;
        if (table_bytes > table_bytes_max) break;
        watch.tables_.push_back({one.relro_at, copy_memory(one.relro_at, one.relro_bytes)});
    }
    for (const Mapping& mapping : TRY(watch.mappings())) {
        if (mapping.access[2] != 'x' || mapping.path.empty() || mapping.path[0] != '/') continue;
        const auto same = [&](const CodeFile& file) { return file.path == mapping.path; };
        if (std::ranges::any_of(watch.code_, same)) continue;
        if (watch.code_.size() == code_files_max) break;
        Descriptor file(::open(mapping.path.c_str(), O_RDONLY | O_CLOEXEC));
        if (file.valid()) watch.code_.push_back({mapping.path, std::move(file)});
    }
    return watch;
}

std::vector<int> SelfWatch::descriptors() const {
    std::vector<int> all{status_.get(), maps_.get()};
    for (const CodeFile& file : code_) all.push_back(file.file.get());
    return all;
}

Result<std::string> SelfWatch::read_all(const Descriptor& file) const {
    std::string text;
    std::array<char, 16 * 1024> piece{};
    while (text.size() < proc_bytes_max) {
        const ssize_t got =
            ::pread(file.get(), piece.data(), piece.size(), static_cast<off_t>(text.size()));
        if (got < 0) return fail(ErrorKind::unavailable, "self watch: /proc", last_errno());
        if (got == 0) return text;
        text.append(piece.data(), static_cast<std::size_t>(got));
    }
    return fail(ErrorKind::denied, "self watch: too many mappings");
}

bool SelfWatch::is_traced() const {
    const auto text = read_all(status_);
    if (!text) return true;  // Who keeps us from looking has us.
    constexpr std::string_view key = "TracerPid:\t";
    const std::size_t at = text->find(key);
    return at == std::string::npos || (*text)[at + key.size()] != '0';
}

Result<std::vector<SelfWatch::Mapping>> SelfWatch::mappings() const {
    const std::string text = TRY(read_all(maps_));
    std::vector<Mapping> all;
    std::string_view rest = text;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        const std::string_view range = next_word(line);
        const std::string_view access = next_word(line);
        const auto offset = number(next_word(line), 16);
        next_word(line);
        next_word(line);
        const std::size_t dash = range.find('-');
        const auto from = number(range.substr(0, dash), 16);
        const auto to = number(range.substr(std::min(dash + 1, range.size())), 16);
        if (!from || !to || !offset || access.size() < 4) {
            return fail(ErrorKind::malformed, "self watch: /proc/self/maps");
        }
        const std::size_t name = std::min(line.find_first_not_of(' '), line.size());
        // `access` must outlive the text.
        constexpr std::array<std::string_view, 4> kinds = {"r--", "rw-", "r-x", "rwx"};
        const std::size_t kind = (access[1] == 'w' ? 1U : 0U) + (access[2] == 'x' ? 2U : 0U);
        all.push_back({static_cast<std::uintptr_t>(*from), static_cast<std::uintptr_t>(*to),
                       kinds[kind], *offset, std::string(line.substr(name))});
    }
    return all;
}

bool SelfWatch::may_be_loaded(std::string_view path) const {
    if (is_kernels_own(path) || std::ranges::find(belongs_, path) != belongs_.end()) return true;
    return std::ranges::any_of(options_.plug_ins, [path](const std::string& beginning) {
        return path.starts_with(beginning);
    });
}

void SelfWatch::check_code(const std::vector<Mapping>& all, std::vector<SelfFinding>& found) const {
    std::vector<std::uint8_t> from_disk(compare_bytes);
    for (const Mapping& mapping : all) {
        if (mapping.access[2] != 'x' || is_kernels_own(mapping.path)) {
            // Code that no file stands behind; the kernel names its own pages.
            if (mapping.access[2] == 'x' && mapping.path.empty()) {
                add(found, SelfFault::foreign_code, mapping.begin >> 12U);
            }
            continue;
        }
        if (mapping.access[1] == 'w') add(found, SelfFault::writable_code, mapping.begin >> 12U);
        const auto file = std::ranges::find(code_, mapping.path, &CodeFile::path);
        if (file == code_.end()) {
            // Loaded since, or a file that is gone: check_libraries knows what belongs.
            if (!may_be_loaded(mapping.path)) add(found, SelfFault::foreign_code, 0);
            continue;
        }
        const std::size_t size = mapping.end - mapping.begin;
        for (std::size_t done = 0; done < size; done += compare_bytes) {
            const std::size_t part = std::min(compare_bytes, size - done);
            const ssize_t got = ::pread(file->file.get(), from_disk.data(), part,
                                        static_cast<off_t>(mapping.offset + done));
            const auto* in_memory = reinterpret_cast<const std::uint8_t*>(mapping.begin + done);
            // The last page of a file ends before the page does.
            if (got < 0 ||
                std::memcmp(in_memory, from_disk.data(), static_cast<std::size_t>(got)) != 0) {
                add(found, SelfFault::code_changed, (mapping.offset + done) / page_bytes);
                break;
            }
        }
    }
}

void SelfWatch::check_libraries(std::vector<SelfFinding>& found) const {
    for (const Loaded& one : all_loaded()) {
        // The first, without a name, is the program.
        if (!may_be_loaded(one.path)) add(found, SelfFault::foreign_library, 0);
    }
}

void SelfWatch::check_tables(std::vector<SelfFinding>& found) const {
    for (std::size_t i = 0; i < tables_.size(); ++i) {
        const Table& table = tables_[i];
        if (!same_memory(table.at, table.was.data(), table.was.size())) {
            add(found, SelfFault::table_changed, i);
        }
    }
}

std::vector<SelfFinding> SelfWatch::look() const {
    std::vector<SelfFinding> found;
    if (is_traced()) add(found, SelfFault::traced, 0);
    if (preloaded_) add(found, SelfFault::preload, 0);
    check_libraries(found);
    check_tables(found);
    const auto all = mappings();
    if (all) {
        check_code(*all, found);
    } else {
        add(found, SelfFault::blind, 0);
    }
    std::ranges::sort(found, {}, &SelfFinding::fault);
    return found;
}

}  // namespace softpos::host
