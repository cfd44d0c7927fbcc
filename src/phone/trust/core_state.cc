// The same strict form as a call has, so that there is one reader to get right.
#include "phone/trust/core_state.h"

#include "protocol/call_fields.h"
#include "protocol/trusted_call.h"

namespace softpos::trust {
namespace {

constexpr protocol::CallHead state_head{1, 0x20};  // Version of the form; a state, not a call.
constexpr std::size_t dukpt_bytes_max = 4096;
constexpr std::size_t framing_bytes_max = 128;

}  // namespace

SecretBytes write_core_state(const CoreState& state) {
    protocol::CallWriter out(state_head, framing_bytes_max + state.terminal_id.size() +
                                             state.merchant_id.size() + state.merchant_name.size() +
                                             state.emv_parameters.size() + state.dukpt.size());
    out.put_number(state.epoch, 8);
    out.put(state.terminal_id);
    out.put(state.merchant_id);
    out.put(state.merchant_name);
    out.put(state.emv_parameters);
    out.put(state.dukpt.bytes());
    Buffer plain = out.take();
    SecretBytes stored = SecretBytes::copy_of(plain);
    wipe(plain);
    return stored;
}

Result<CoreState> read_core_state(Bytes stored) {
    protocol::CallReader in = TRY(protocol::CallReader::open(stored));
    if (in.head().version != state_head.version || in.head().call != state_head.call) {
        return fail(ErrorKind::unsupported, "trust: form of the stored state", in.head().version);
    }
    CoreState state;
    state.epoch = TRY(in.take_number(8));
    state.terminal_id = TRY(in.take_text({8, 8}));
    state.merchant_id = TRY(in.take_text({15, 15}));
    state.merchant_name = TRY(in.take_utf8({1, protocol::merchant_name_bytes_max}));
    const Bytes parameters = TRY(in.take({1, protocol::emv_parameters_bytes_max}));
    state.emv_parameters = std::string(text_of(parameters));
    state.dukpt = SecretBytes::copy_of(TRY(in.take({1, dukpt_bytes_max})));
    TRY_VOID(in.end());
    return state;
}

}  // namespace softpos::trust
