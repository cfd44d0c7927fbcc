// Borrowed and owned bytes, and a cursor that takes them apart without reading past their end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace softpos {

using Bytes = std::span<const std::uint8_t>;  // Read-only; somebody else owns them.
using Buffer = std::vector<std::uint8_t>;     // Owned. Not for secrets: those are SecretBytes.

// The bytes of a text, borrowed.
inline Bytes bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// The text in some bytes, borrowed. Says nothing about their encoding.
inline std::string_view text_of(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline void append(Buffer& to, Bytes from) {
    to.insert(to.end(), from.begin(), from.end());
}

// Takes bytes off the front. Every foreign format is read through this, so that bounds are checked
// in one place and an error can say at which byte it happened.
class ByteReader {
public:
    explicit ByteReader(Bytes input) : whole_(input) {}

    bool empty() const { return position_ == whole_.size(); }
    std::size_t size() const { return whole_.size() - position_; }
    std::size_t position() const { return position_; }
    Bytes rest() const { return whole_.subspan(position_); }

    std::optional<std::uint8_t> peek() const {
        return empty() ? std::nullopt : std::optional(whole_[position_]);
    }

    std::optional<std::uint8_t> take_byte() {
        const auto byte = peek();
        if (byte) ++position_;
        return byte;
    }

    std::optional<Bytes> take(std::size_t count) {
        if (count > size()) return std::nullopt;
        const Bytes taken = whole_.subspan(position_, count);
        position_ += count;
        return taken;
    }

    void drop_all() { position_ = whole_.size(); }

private:
    Bytes whole_;
    std::size_t position_ = 0;
};

}  // namespace softpos
