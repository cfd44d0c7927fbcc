// How strict one end of TLS is.
#pragma once

#include <cstdint>

namespace softpos::net {

// usual: TLS 1.2 or 1.3. strict: 1.3 alone; a server that asks for certificates completes no
// handshake without one, and looks at it anew for each connection, because it gives no tickets.
// Spec: [RFC-8446] 4.4.2, 4.6.1.
enum class TlsRules : std::uint8_t { usual, strict };

}  // namespace softpos::net
