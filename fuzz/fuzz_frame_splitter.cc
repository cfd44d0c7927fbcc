// Whatever a stream holds and however it is cut, the same frames come out, none over the limit.
// links: net base
#include "base/check.h"
#include "net/frame_splitter.h"

#include <algorithm>
#include <vector>

namespace {

using softpos::Buffer;
using softpos::Bytes;

constexpr std::size_t frame_bytes_max = 32;

struct Outcome {
    std::vector<Buffer> frames;
    bool broken = false;
    bool in_frame = false;

    friend bool operator==(const Outcome&, const Outcome&) = default;
};

// `step` gives how many bytes each read brings.
template <typename Step>
Outcome split(Bytes stream, Step step) {
    softpos::net::FrameSplitter splitter(frame_bytes_max);
    Outcome outcome;
    while (!stream.empty()) {
        const auto space = splitter.space();
        CHECK(!space.empty());
        const std::size_t count = std::min({space.size(), stream.size(), step()});
        std::copy_n(stream.begin(), count, space.begin());
        splitter.commit(count);
        stream = stream.subspan(count);
        for (;;) {
            const auto frame = splitter.next();
            if (!frame) {
                CHECK(!splitter.next());
                outcome.broken = true;
                return outcome;
            }
            if (!*frame) break;
            CHECK((*frame)->size() <= frame_bytes_max);
            outcome.frames.emplace_back((*frame)->begin(), (*frame)->end());
        }
    }
    outcome.in_frame = splitter.in_frame();
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input(data, size);
    const Outcome whole = split(input, [size] { return size; });
    CHECK(whole == split(input, [] { return std::size_t{1}; }));
    std::size_t next = 0;  // Cuts taken from the bytes themselves.
    CHECK(whole == split(input, [&] { return std::size_t{1} + data[next++ % size] % 40U; }));

    // What came out goes in again as it was.
    Buffer again;
    for (const Buffer& frame : whole.frames) softpos::net::append_frame(again, frame);
    CHECK(std::ranges::equal(again, input.first(again.size())));
    return 0;
}
