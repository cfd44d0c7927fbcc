// The customer's screen as a framebuffer and a touch device that belong to the trusted core's user
// and to nobody else.
#pragma once

#include "host/descriptor.h"
#include "phone/trust/glyphs.h"
#include "phone/trust/pin_picture.h"
#include "phone/trust/touch_reader.h"

#include <string>
#include <sys/types.h>
#include <vector>

namespace softpos::trust {

struct FramebufferOptions {
    std::string screen;  // A framebuffer device, or a plain file of width x height x 4 bytes.
    std::string touch;   // An input device, or a pipe that carries the records of one.
    // The size of a plain file; of a device only `dpi` is taken, where its driver knows none.
    Panel panel{};
    std::string glyphs{};  // A file of glyphs; empty: English alone.
};

// denied where somebody else could draw on or read the screen, has it open already, or could change
// the glyphs. As root the devices are taken for `owner`; else they must be ours already.
class FramebufferUi final : public TrustedUi {
public:
    // In front of the gate; afterwards the screen is memory and the touch device is read.
    static Result<std::unique_ptr<FramebufferUi>> open(const FramebufferOptions& options,
                                                       uid_t owner, gid_t group);
    ~FramebufferUi() override;
    FramebufferUi(const FramebufferUi&) = delete;
    FramebufferUi& operator=(const FramebufferUi&) = delete;

    Result<void> show(const PinScreen& screen) override;
    std::optional<PinKey> next_key() override;

    const PinPicture& picture() const { return picture_; }
    std::vector<int> descriptors() const { return {screen_.get(), touch_.get()}; }

private:
    struct Mapping;
    FramebufferUi(host::Descriptor screen, host::Descriptor touch, PinPicture picture,
                  TouchReader reader, GlyphFile glyphs, Mapping mapping);

    host::Descriptor screen_;
    host::Descriptor touch_;
    PinPicture picture_;
    TouchReader reader_;
    GlyphFile glyphs_;
    std::uint8_t* memory_;
    std::size_t memory_bytes_;
    std::size_t line_bytes_;
    std::vector<std::uint32_t> points_;  // A whole picture is made before any of it is seen.
};

// Whether a process other than this one has the file open; true also where that cannot be seen.
bool others_have_open(int descriptor);

}  // namespace softpos::trust
