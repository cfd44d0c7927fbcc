// SoftHSM's own configuration file, and a PIN that nobody types.
#include "platform/token/token_files.h"

#include "base/hex.h"
#include "host/durable_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace softpos::token {
namespace {

constexpr std::size_t pin_random_bytes = 16;
constexpr mode_t others = S_IRWXG | S_IRWXO;

std::unexpected<Error> bad_pin_file() {
    return fail(ErrorKind::denied, "token: PIN file is not private or not a PIN");
}

std::string config_path(const SoftHsm& softhsm) {
    return softhsm.folder + "/softhsm2.conf";
}

std::string config_text(const SoftHsm& softhsm) {
    return "directories.tokendir = " + softhsm.folder + "/tokens\n" +
           "objectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n";
}

}  // namespace

Result<SecretBytes> read_pin_file(const std::string& path, std::optional<uid_t> becoming) {
    const host::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    struct stat about {};
    if (!file.valid() || ::fstat(file.get(), &about) != 0) {
        return fail(ErrorKind::not_found, "token: PIN file");
    }
    const bool ours = about.st_uid == ::geteuid() || about.st_uid == 0 || about.st_uid == becoming;
    if (!S_ISREG(about.st_mode) || !ours || (about.st_mode & others) != 0) return bad_pin_file();
    SecretBytes text(pin_bytes_max + 1);
    const ssize_t size = ::read(file.get(), text.writable().data(), text.size());
    if (size <= 0) return bad_pin_file();
    const Bytes read = text.bytes().first(static_cast<std::size_t>(size));
    const auto end = std::ranges::find(read, static_cast<std::uint8_t>('\n'));
    const Bytes pin = read.first(static_cast<std::size_t>(end - read.begin()));
    if (pin.empty() || pin.size() > pin_bytes_max) return bad_pin_file();
    return SecretBytes::copy_of(pin);
}

Result<void> SoftHsm::make(Random& random) const {
    if (::access(pin_path().c_str(), F_OK) == 0) {
        return fail(ErrorKind::conflict, "token: there is one already");
    }
    const auto made = host::Directory::make(folder);
    if (!made) return std::unexpected(made.error());
    TRY(host::Directory::make(folder + "/tokens"));
    TRY_VOID(host::write_durably(config_path(*this), bytes_of(config_text(*this))));
    use();
    const auto module = TRY(Cryptoki::load(module_path));
    if (module->initialise() != 0) return fail(ErrorKind::unavailable, "token: does not start");
    const auto slot = module->empty_slot();
    if (!slot) return fail(ErrorKind::unavailable, "token: no free slot");
    const auto pin_of = [&random] {
        SecretBytes raw(pin_random_bytes);
        random.fill(raw.writable());
        std::string text = to_hex(raw.bytes());
        SecretBytes pin = SecretBytes::copy_of(bytes_of(text));
        wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
        return pin;
    };
    const SecretBytes so_pin = pin_of();
    const SecretBytes pin = pin_of();
    const Code code = module->set_up(*slot, label, so_pin.bytes(), pin.bytes());
    if (code != 0) {
        return fail(ErrorKind::unavailable, "token: cannot be set up",
                    static_cast<std::uint32_t>(code));
    }
    return host::write_durably(pin_path(), pin.bytes());
}

void SoftHsm::use() const {
    ::setenv("SOFTHSM2_CONF", config_path(*this).c_str(), 1);
}

}  // namespace softpos::token
