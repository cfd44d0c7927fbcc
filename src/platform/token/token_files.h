// What lies on disk beside a token: the PIN, and for SoftHSM the token itself.
#pragma once

#include "base/random.h"
#include "platform/token/token.h"

namespace softpos::token {

constexpr std::size_t pin_bytes_max = 64;
constexpr const char* softhsm_module_default = "/usr/lib/softhsm/libsofthsm2.so";

// The first line of a file that only this user, or root, may read. denied for any other mode, and
// for an owner that is neither.
Result<SecretBytes> read_pin_file(const std::string& path);

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
