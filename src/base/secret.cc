// Wiping and comparing. Where the bytes lie, and whether they are locked, is decided for a whole
// process at its start, so an owner here only has to wipe.
#include "base/secret.h"

#include <algorithm>
#include <cstring>
#include <string.h>
#include <utility>

namespace softpos {

void wipe(std::span<std::uint8_t> bytes) {
    if (!bytes.empty()) ::explicit_bzero(bytes.data(), bytes.size());
}

bool equal_constant_time(Bytes a, Bytes b) {
    if (a.size() != b.size()) return false;
    unsigned difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned>(a[i] ^ b[i]);
    return difference == 0;
}

SecretBytes::SecretBytes(std::size_t size)
    : data_(static_cast<std::uint8_t*>(take_secret_memory(size))), size_(size) {
    std::fill_n(data_.get(), size, std::uint8_t{0});
}

SecretBytes SecretBytes::copy_of(Bytes bytes) {
    SecretBytes secret(bytes.size());
    std::ranges::copy(bytes, secret.data_.get());
    return secret;
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
    if (this == &other) return *this;
    wipe(writable());
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    return *this;
}

SecretBytes::~SecretBytes() {
    wipe(writable());
}

}  // namespace softpos
