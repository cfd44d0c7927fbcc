// How the master key of the vault's files lies on disk: beside what it seals, or under a key in a
// token.
#pragma once

#include "base/result.h"
#include "base/secret.h"

namespace softpos::keys {

// What is sealed by one keeper only opens with it: the file's name says whose it is, so that a
// vault that was made with a token never starts anew without it.
class MasterKeeper {
public:
    static constexpr std::size_t sealed_bytes_max = 128;

    virtual ~MasterKeeper() = default;
    virtual const char* master_file() const = 0;
    virtual Result<SecretBytes> seal_master(Bytes key) = 0;
    virtual Result<SecretBytes> open_master(Bytes sealed) = 0;
};

}  // namespace softpos::keys
