// What lies on disk beside a token: the PIN, and for SoftHSM the token itself.
#pragma once

#include "base/random.h"
#include "platform/token/token.h"

#include <array>
#include <optional>
#include <sys/types.h>

namespace softpos::token {

constexpr std::size_t pin_bytes_max = 64;
constexpr const char* softhsm_module_default = "/usr/lib/softhsm/libsofthsm2.so";

// What SoftHSM calls at work beside what the gate lets through anyway (host/gate.h), and what it
// may fail at: it would like to write to the system's log. It reads and writes below its folder
// only.
inline constexpr std::array softhsm_calls{"newfstatat", "fstat", "getdents64", "unlink", "mkdir"};
inline constexpr std::array softhsm_calls_failing{"socket", "connect"};

// The first line of a file that only its owner may read: this user, root, or the one that this
// process will become. denied for any other mode and owner.
Result<SecretBytes> read_pin_file(const std::string& path, std::optional<uid_t> becoming = {});

// A token of SoftHSM in a folder of its own, so that it needs neither the machine's configuration
// nor its tokens. Made once; the file with the PIN is the user's alone. SO PIN: random, not kept,
// since nothing but wiping the token needs it.
struct SoftHsm {
    std::string folder{};  // Absolute.
    std::string module_path = softhsm_module_default;
    std::string label{};

    std::string pin_path() const { return folder + "/token.pin"; }
    // conflict where there is one.
    Result<void> make(Random& random) const;
    // Tells the module where to look. SoftHSM takes that from the environment only: before any
    // thread is started, and before Token::open().
    void use() const;
};

}  // namespace softpos::token
