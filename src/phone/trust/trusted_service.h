// The body of the program that holds the trusted core on Linux: opens what it needs, goes through
// the gate, serves.
#pragma once

#include "base/result.h"
#include "host/gate.h"
#include "phone/trust/framebuffer_ui.h"
#include "phone/trust/hardware_anchor.h"
#include "phone/trust/spoken_ui.h"
#include "protocol/spa.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>

namespace softpos::trust {

struct TrustedOptions {
    std::string socket_path;
    std::string state_dir;  // Made where it is missing; given to `uid` where we are root.
    // The point (65 bytes, in hex) of the key by which the platform signs. Without one the core
    // enrols with nobody. Nobody but us, or root where we are root, may be able to write the file.
    std::string platform_key_file;
    // Opens the chip that vouches for this core and keeps its storage key. Empty: a file keeps it.
    std::function<Result<std::unique_ptr<HardwareAnchor>>()> open_anchor = {};
    // A tty that is given to `uid` and shows the PIN pad. Empty: this core takes no PIN.
    std::string pin_screen = {};
    // Instead of the tty: a framebuffer and its touch device.
    FramebufferOptions pin_framebuffer = {};
    // A pipe whose reader speaks what stands on either; empty: nobody does.
    std::string pin_speaker = {};
    SpeechLanguage pin_speech = SpeechLanguage::chinese;
    uid_t uid = host::trusted_uid_default;
    gid_t gid = host::trusted_uid_default;
    // Who may call. Absent: the user that started us.
    std::optional<uid_t> allowed_peer_uid{};
};

// denied where others can write the file, malformed where it holds no point of P-256.
Result<protocol::Point65> read_platform_key(const std::string& path);

// Runs until SIGTERM or SIGINT. There is no way past the gate. `entered` hears the gate's report
// when the socket is about to be served; it may write to what was open, and nothing else.
Result<void> run_trusted(const TrustedOptions& options,
                         const std::function<void(const host::GateReport&)>& entered);

}  // namespace softpos::trust
