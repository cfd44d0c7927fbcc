// A way to a TPM over one connection that stays open, as a TSS transport: a Unix socket on which a
// software TPM takes commands one after the other. The TSS's own transport for it connects anew for
// each command, which a process behind its gate cannot. For tpm.cc.
#pragma once

#include "base/result.h"

#include <memory>
#include <string>

struct TSS2_TCTI_OPAQUE_CONTEXT_BLOB;  // The TSS calls it TSS2_TCTI_CONTEXT.

namespace softpos::hw {

constexpr int tpm_answer_ms_max = 120'000;  // Making an RSA key takes a slow chip a minute.

struct CloseTpmStream {
    void operator()(TSS2_TCTI_OPAQUE_CONTEXT_BLOB* context) const;
};
using TpmStream = std::unique_ptr<TSS2_TCTI_OPAQUE_CONTEXT_BLOB, CloseTpmStream>;

// unavailable where nobody listens.
Result<TpmStream> connect_tpm_stream(const std::string& path);

}  // namespace softpos::hw
