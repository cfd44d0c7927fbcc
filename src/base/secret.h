// Bytes that must not be seen: keys, PANs, tracks, PIN blocks. Cannot be copied or printed by
// accident, are locked in memory where the system allows it, and are wiped at the end.
#pragma once

#include "base/bytes.h"
#include "base/secret_memory.h"

#include <cstddef>
#include <memory>

namespace softpos {

// Overwrites in a way that the compiler may not leave out.
void wipe(std::span<std::uint8_t> bytes);

// True iff equal; takes the same time for any content of one size.
bool equal_constant_time(Bytes a, Bytes b);

// Move-only owner of secret bytes.
//
//     SecretBytes key = SecretBytes::copy_of(plain);
//     encrypt(key.bytes(), ...);
class SecretBytes {
public:
    SecretBytes() = default;
    explicit SecretBytes(std::size_t size);  // All zero.
    static SecretBytes copy_of(Bytes bytes);

    SecretBytes(SecretBytes&& other) noexcept;
    SecretBytes& operator=(SecretBytes&& other) noexcept;
    SecretBytes(const SecretBytes&) = delete;
    SecretBytes& operator=(const SecretBytes&) = delete;
    ~SecretBytes();

    SecretBytes clone() const { return copy_of(bytes()); }  // Said out loud.
    Bytes bytes() const { return {data_.get(), size_}; }
    std::span<std::uint8_t> writable() { return {data_.get(), size_}; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

private:
    struct Give {
        void operator()(std::uint8_t* memory) const { give_secret_memory(memory); }
    };
    std::unique_ptr<std::uint8_t, Give> data_;
    std::size_t size_ = 0;
};

}  // namespace softpos
