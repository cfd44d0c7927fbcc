// The buffer holds four frames of the largest size, so that one read may bring several and moving
// what is left to the front is rare.
#include "net/frame_splitter.h"

#include "base/check.h"

#include <algorithm>

namespace softpos::net {
namespace {

constexpr std::size_t frames_buffered = 4;

}  // namespace

FrameSplitter::FrameSplitter(std::size_t frame_bytes_max)
    : frame_bytes_max_(frame_bytes_max),
      buffer_(frames_buffered * (frame_length_bytes + frame_bytes_max)) {
    CHECK(frame_bytes_max <= frame_bytes_ceiling);
}

std::span<std::uint8_t> FrameSplitter::space() {
    if (begin_ == end_) {
        begin_ = end_ = 0;
    } else if (buffer_.size() - begin_ < frame_length_bytes + frame_bytes_max_) {
        // What began here may not end before the buffer does.
        std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                  buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
        end_ -= begin_;
        begin_ = 0;
    }
    return std::span(buffer_).subspan(end_);
}

void FrameSplitter::commit(std::size_t count) {
    CHECK(count <= buffer_.size() - end_);
    end_ += count;
}

Result<std::optional<Bytes>> FrameSplitter::next() {
    const Bytes rest = Bytes(buffer_).subspan(begin_, end_ - begin_);
    if (rest.size() < frame_length_bytes) return std::nullopt;
    const std::size_t size = std::size_t{rest[0]} << 8 | rest[1];
    if (broken_ || size > frame_bytes_max_) {
        broken_ = true;
        return fail(ErrorKind::malformed, "frame: too large", static_cast<std::uint32_t>(size));
    }
    if (rest.size() - frame_length_bytes < size) return std::nullopt;
    begin_ += frame_length_bytes + size;
    return rest.subspan(frame_length_bytes, size);
}

void append_frame(Buffer& to, Bytes frame) {
    CHECK(frame.size() <= frame_bytes_ceiling);
    to.push_back(static_cast<std::uint8_t>(frame.size() >> 8));
    to.push_back(static_cast<std::uint8_t>(frame.size() & 0xFF));
    append(to, frame);
}

}  // namespace softpos::net
