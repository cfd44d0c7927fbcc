// What is open elsewhere stays open whatever its mode becomes: so the mode is changed first, and
// then every process is looked at.
#include "phone/trust/framebuffer_ui.h"

#include "host/durable_file.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <linux/fb.h>
#include <linux/input.h>
#include <memory>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace softpos::trust {
namespace {

std::unexpected<Error> failed(Literal what) {
    return fail(ErrorKind::unavailable, what, static_cast<std::uint32_t>(errno));
}

struct CloseDirectory {
    void operator()(DIR* directory) const { ::closedir(directory); }
};
using OpenDirectory = std::unique_ptr<DIR, CloseDirectory>;

bool same_file(const struct stat& a, const struct stat& b) {
    const bool device = S_ISCHR(a.st_mode) && S_ISCHR(b.st_mode) && a.st_rdev == b.st_rdev;
    return device || (a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

// Of one process, named by its number; a process that ended meanwhile has nothing open.
bool has_open(const std::string& pid, const struct stat& wanted) {
    const std::string folder = "/proc/" + pid + "/fd";
    const OpenDirectory open(::opendir(folder.c_str()));
    if (open == nullptr) return errno != ENOENT && errno != ESRCH;
    const int at = ::dirfd(open.get());
    while (const dirent* entry = ::readdir(open.get())) {
        struct stat one {};
        if (::fstatat(at, entry->d_name, &one, 0) == 0 && same_file(one, wanted)) return true;
    }
    return false;
}

Result<host::Descriptor> open_file(const std::string& path) {
    host::Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!file.valid()) return failed("pin screen: cannot be opened");
    return file;
}

// After it was seen to be what it should be: root may have been given a wrong path, and what it
// names is then not taken from its users.
Result<void> take(int file, uid_t owner, gid_t group) {
    struct stat status {};
    if (::fstat(file, &status) != 0) return failed("pin screen: no status");
    if (::geteuid() == 0 && ::fchown(file, owner, group) != 0) {
        return failed("pin screen: cannot be taken over");
    }
    if (::geteuid() != 0 && status.st_uid != ::geteuid()) {
        return fail(ErrorKind::denied, "pin screen: belongs to another user");
    }
    if (::fchmod(file, S_IRUSR | S_IWUSR) != 0) return failed("pin screen: mode");
    return {};
}

struct Screen {
    Panel panel;
    std::size_t line_bytes = 0;
    std::size_t bytes = 0;
};

// Spec: [LINUX-FB] the variable and the fixed information of a screen.
Result<Screen> device_screen(int device, unsigned dpi) {
    fb_var_screeninfo shape{};
    fb_fix_screeninfo memory{};
    if (::ioctl(device, FBIOGET_VSCREENINFO, &shape) != 0 ||
        ::ioctl(device, FBIOGET_FSCREENINFO, &memory) != 0) {
        return failed("pin screen: no framebuffer");
    }
    const bool xrgb = shape.bits_per_pixel == 32 && shape.red.offset == 16 &&
                      shape.green.offset == 8 && shape.blue.offset == 0;
    if (!xrgb) return fail(ErrorKind::unsupported, "pin screen: form of a point");
    // A driver that knows the size in millimetres says it; many say 0 or all ones.
    const bool known = shape.width > 0 && shape.width < 10'000;
    Screen screen{{shape.xres, shape.yres, known ? shape.xres * 254 / (shape.width * 10) : dpi},
                  memory.line_length,
                  0};
    screen.bytes = screen.line_bytes * shape.yres;
    if (screen.bytes > memory.smem_len) {
        return fail(ErrorKind::malformed, "pin screen: memory of the framebuffer");
    }
    return screen;
}

Result<Screen> screen_of(int file, const Panel& panel) {
    struct stat status {};
    if (::fstat(file, &status) != 0) return failed("pin screen: no status");
    if (S_ISCHR(status.st_mode)) return device_screen(file, panel.dpi);
    if (!S_ISREG(status.st_mode)) return fail(ErrorKind::denied, "pin screen: no screen");
    if (panel.width > panel_side_max || panel.height > panel_side_max) {
        return fail(ErrorKind::denied, "pin screen: no panel of this size");
    }
    const std::size_t line_bytes = std::size_t{panel.width} * 4;
    const Screen screen{panel, line_bytes, line_bytes * panel.height};
    if (static_cast<std::size_t>(status.st_size) != screen.bytes) {
        return fail(ErrorKind::malformed, "pin screen: size of the file");
    }
    return screen;
}

struct Axes {
    AxisRange across;
    AxisRange down;
};

// The device is ours alone from here on: nobody else hears a touch.
Result<Axes> axes_of(int touch, const Panel& panel) {
    struct stat status {};
    if (::fstat(touch, &status) != 0) return failed("pin touch: no status");
    const auto last = [](unsigned points) { return static_cast<std::int32_t>(points) - 1; };
    if (!S_ISCHR(status.st_mode)) {
        return Axes{{0, last(panel.width)}, {0, last(panel.height)}};
    }
    input_absinfo across{};
    input_absinfo down{};
    if (::ioctl(touch, EVIOCGABS(ABS_X), &across) != 0 ||
        ::ioctl(touch, EVIOCGABS(ABS_Y), &down) != 0) {
        return failed("pin touch: no touch device");
    }
    if (::ioctl(touch, EVIOCGRAB, 1) != 0) return failed("pin touch: somebody else holds it");
    return Axes{{across.minimum, across.maximum}, {down.minimum, down.maximum}};
}

Result<GlyphFile> read_glyphs(const std::string& path) {
    if (path.empty()) return GlyphFile();
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return failed("pin screen: no file of glyphs");
    const bool ours = status.st_uid == 0 || status.st_uid == ::geteuid();
    if (!ours || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return fail(ErrorKind::denied, "pin screen: others can write the glyphs");
    }
    return GlyphFile::parse(TRY(host::read_file(path, GlyphFile::bytes_max)));
}

}  // namespace

bool others_have_open(int descriptor) {
    struct stat wanted {};
    if (::fstat(descriptor, &wanted) != 0) return true;
    const OpenDirectory processes(::opendir("/proc"));
    if (processes == nullptr) return true;
    const std::string own = std::to_string(::getpid());
    while (const dirent* entry = ::readdir(processes.get())) {
        const std::string_view name(entry->d_name);
        const bool process = std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
        if (process && name != own && has_open(std::string(name), wanted)) return true;
    }
    return false;
}

struct FramebufferUi::Mapping {
    std::uint8_t* memory;
    std::size_t bytes;
    std::size_t line_bytes;
};

FramebufferUi::FramebufferUi(host::Descriptor screen, host::Descriptor touch, PinPicture picture,
                             TouchReader reader, GlyphFile glyphs, Mapping mapping)
    : screen_(std::move(screen)),
      touch_(std::move(touch)),
      picture_(picture),
      reader_(reader),
      glyphs_(std::move(glyphs)),
      memory_(mapping.memory),
      memory_bytes_(mapping.bytes),
      line_bytes_(mapping.line_bytes),
      points_(std::size_t{picture.panel().width} * picture.panel().height) {}

FramebufferUi::~FramebufferUi() {
    std::memset(memory_, 0, memory_bytes_);
    ::munmap(memory_, memory_bytes_);
}

Result<std::unique_ptr<FramebufferUi>> FramebufferUi::open(const FramebufferOptions& options,
                                                           uid_t owner, gid_t group) {
    GlyphFile glyphs = TRY(read_glyphs(options.glyphs));
    host::Descriptor screen = TRY(open_file(options.screen));
    host::Descriptor touch = TRY(open_file(options.touch));
    const Screen shape = TRY(screen_of(screen.get(), options.panel));
    const PinPicture picture = TRY(PinPicture::on(shape.panel));
    const Axes axes = TRY(axes_of(touch.get(), shape.panel));
    TRY_VOID(take(screen.get(), owner, group));
    TRY_VOID(take(touch.get(), owner, group));
    // Only root sees what others have open. Who is not root was given both by root, for itself.
    if (::geteuid() == 0 && others_have_open(screen.get())) {
        return fail(ErrorKind::denied, "pin screen: somebody else has it open");
    }
    void* const memory =
        ::mmap(nullptr, shape.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, screen.get(), 0);
    if (memory == MAP_FAILED) return failed("pin screen: cannot be mapped");
    return std::unique_ptr<FramebufferUi>(new FramebufferUi(
        std::move(screen), std::move(touch), picture, TouchReader(picture, axes.across, axes.down),
        std::move(glyphs), {static_cast<std::uint8_t*>(memory), shape.bytes, shape.line_bytes}));
}

Result<void> FramebufferUi::show(const PinScreen& screen) {
    picture_.draw(screen, glyphs_, points_);
    const std::size_t row_bytes = std::size_t{picture_.panel().width} * 4;
    for (std::size_t row = 0; row < picture_.panel().height; ++row) {
        std::memcpy(memory_ + row * line_bytes_, points_.data() + row * picture_.panel().width,
                    row_bytes);
    }
    std::ranges::fill(points_, ink_dark);
    return {};
}

std::optional<PinKey> FramebufferUi::next_key() {
    std::array<std::uint8_t, TouchReader::record_bytes> record{};
    for (;;) {
        const ssize_t got = ::read(touch_.get(), record.data(), record.size());
        if (got < 0 && errno == EINTR) continue;
        // Devices and pipes give whole records where whole records are written.
        if (got != static_cast<ssize_t>(record.size())) return std::nullopt;
        if (const auto key = reader_.take(record)) return key;
    }
}

}  // namespace softpos::trust
