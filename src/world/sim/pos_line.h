// The wire of a traditional POS: a connection for each message, or one for all.
#pragma once

#include "base/bytes.h"
#include "net/frame_link.h"

#include <cstdint>
#include <optional>

namespace softpos::sim {

// Connects, sends a frame, waits for the first one that comes back, and closes; `wait_ms` each
// for the connection and for the answer. nullopt where the host cannot be reached or says nothing.
std::optional<Buffer> classic_call(net::FrameLinkConfig to, const Buffer& frame,
                                   std::uint32_t wait_ms);

}  // namespace softpos::sim
