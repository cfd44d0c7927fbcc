// Finds frames in a stream of bytes: two length bytes, highest first, then so many bytes. Knows no
// sockets; whoever has one reads into space() and says how much came.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace softpos::net {

constexpr std::size_t frame_length_bytes = 2;
constexpr std::size_t frame_bytes_ceiling = 0xFFFF;  // What two length bytes can say.

//     const auto got = socket.read(splitter.space());
//     splitter.commit(got);
//     while (auto frame = TRY(splitter.next())) handle(*frame);
class FrameSplitter {
public:
    explicit FrameSplitter(std::size_t frame_bytes_max);  // At most frame_bytes_ceiling.

    // Where the next bytes go; never empty once next() has said that it needs more. Moves what is
    // left to the front, so frames handed out before are gone.
    std::span<std::uint8_t> space();
    void commit(std::size_t count);  // At most space().size().

    // The next whole frame without its length, borrowed until space() or commit(); nullopt where
    // more bytes are needed; malformed, for good, where one is longer than the limit.
    Result<std::optional<Bytes>> next();

    bool in_frame() const { return begin_ != end_; }  // A stream that ends now was cut short.

private:
    std::size_t frame_bytes_max_;
    Buffer buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    bool broken_ = false;
};

// Appends a frame with its length. CHECKs that two bytes can say it.
void append_frame(Buffer& to, Bytes frame);

}  // namespace softpos::net
