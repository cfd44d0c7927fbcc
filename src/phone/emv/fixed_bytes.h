// Bytes in place: what a tap keeps has a fixed size, so that its state can be copied, restored and
// compared as one value, and so that a tap allocates nothing.
#pragma once

#include "base/bytes.h"
#include "base/secret.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace softpos::emv {

// At most `capacity` bytes. Trivially copyable; append() refuses what does not fit and changes
// nothing then.
template <std::size_t capacity_bytes>
struct FixedBytes {
    static_assert(capacity_bytes <= 0xFFFF);

    std::array<std::uint8_t, capacity_bytes> data{};
    std::uint16_t count = 0;

    Bytes bytes() const { return Bytes(data).first(count); }
    bool empty() const { return count == 0; }
    void clear() { count = 0; }

    [[nodiscard]] bool append(Bytes more) {
        if (more.size() > capacity_bytes - count) return false;
        std::ranges::copy(more, data.begin() + count);
        count = static_cast<std::uint16_t>(count + more.size());
        return true;
    }
    [[nodiscard]] bool append_byte(std::uint8_t byte) { return append(Bytes(&byte, 1)); }
    [[nodiscard]] bool assign(Bytes bytes) {
        if (bytes.size() > capacity_bytes) return false;
        clear();
        return append(bytes);
    }
};

// The same for what must not stay behind: moved, never copied, wiped when it goes.
template <std::size_t capacity_bytes>
class FixedSecret {
public:
    FixedSecret() = default;
    explicit FixedSecret(Bytes bytes) { static_cast<void>(value_.assign(bytes)); }
    FixedSecret(FixedSecret&& other) noexcept : value_(other.value_) { other.wipe_all(); }
    FixedSecret& operator=(FixedSecret&& other) noexcept {
        if (this != &other) {
            value_ = other.value_;
            other.wipe_all();
        }
        return *this;
    }
    FixedSecret(const FixedSecret&) = delete;
    FixedSecret& operator=(const FixedSecret&) = delete;
    ~FixedSecret() { wipe_all(); }

    Bytes bytes() const { return value_.bytes(); }
    bool empty() const { return value_.empty(); }

private:
    void wipe_all() {
        wipe(value_.data);
        value_.count = 0;
    }

    FixedBytes<capacity_bytes> value_;
};

}  // namespace softpos::emv
