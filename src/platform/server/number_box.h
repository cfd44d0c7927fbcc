// Keeps numbers that must be known again but not lie open: a merchant's bank account. Duplicates
// are found by a keyed hash; the number itself is sealed. The key is a file of the service, so
// this protects a copied database, not a copied machine.
#pragma once

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"

#include <array>
#include <string_view>

namespace softpos::server {

class NumberBox {
public:
    // 32 bytes.
    static Result<NumberBox> make(Bytes key);

    std::array<std::uint8_t, 32> digest(std::string_view number) const;
    Result<Buffer> seal(std::string_view number, Random& random) const;
    Result<SecretBytes> open(Bytes sealed) const;  // denied where it was changed.

private:
    NumberBox(SecretBytes digest_key, SecretBytes seal_key)
        : digest_key_(std::move(digest_key)), seal_key_(std::move(seal_key)) {}
    SecretBytes digest_key_;
    SecretBytes seal_key_;
};

}  // namespace softpos::server
