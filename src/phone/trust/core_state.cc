// The same strict form as a call has, so that there is one reader to get right.
#include "phone/trust/core_state.h"

#include "protocol/call_fields.h"

namespace softpos::trust {
namespace {

using protocol::CoreMode;

constexpr protocol::CallHead state_head{2, 0x20};  // Version of the form; a state, not a call.
constexpr std::size_t key_der_bytes_max = 256;
constexpr std::size_t dukpt_bytes_max = 4096;
constexpr std::size_t name_bytes_max = 120;
constexpr std::size_t serial_number_bytes_max = 50;
constexpr std::size_t parameters_bytes_max = 48UL * 1024;
constexpr std::size_t framing_bytes_max = 512;

std::size_t size_of(const CoreState& state) {
    return framing_bytes_max + state.merchant_name.size() + state.sign_key.size() +
           state.seal_key.size() + state.card_dukpt.size() + state.pin_dukpt.size() +
           state.emv_parameters.size();
}

Result<SecretBytes> take_secret(protocol::CallReader& in, protocol::SizeRange size) {
    return SecretBytes::copy_of(TRY(in.take(size)));
}

}  // namespace

void CoreState::wipe_keys() {
    mode = CoreMode::wiped;
    seal_key = {};
    serial_key = {};
    card_dukpt = {};
    pin_dukpt = {};
    emv_parameters.clear();
}

SecretBytes write_core_state(const CoreState& state) {
    protocol::CallWriter out(state_head, size_of(state));
    out.put_number(state.epoch, 8);
    out.put_number(static_cast<std::uint64_t>(state.mode), 1);
    out.put_number(state.sequence, 8);
    out.put_number(state.last_command, 8);
    out.put(state.terminal_id);
    out.put(state.merchant_id);
    out.put(state.merchant_name);
    out.put(state.serial_number);
    out.put(state.sign_key.bytes());
    out.put(state.seal_key.bytes());
    out.put(state.serial_key.bytes());
    out.put(state.card_key_id);
    out.put_number(state.card_counter, 4);
    out.put(state.card_dukpt.bytes());
    out.put(state.pin_key_id);
    out.put_number(state.pin_counter, 4);
    out.put(state.pin_dukpt.bytes());
    out.put(state.emv_parameters);
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
    state.mode = static_cast<CoreMode>(TRY(in.take_enum(static_cast<unsigned>(CoreMode::wiped))));
    if (state.mode == CoreMode::fresh) return fail(ErrorKind::malformed, "trust: stored mode");
    const std::size_t least = state.wiped() ? 0 : 1;  // Of what a wipe takes away.
    state.sequence = TRY(in.take_number(8));
    state.last_command = TRY(in.take_number(8));
    state.terminal_id = TRY(in.take_text({8, 8}));
    state.merchant_id = TRY(in.take_text({15, 15}));
    state.merchant_name = TRY(in.take_utf8({1, name_bytes_max}));
    state.serial_number = TRY(in.take_text({0, serial_number_bytes_max}));
    state.sign_key = TRY(take_secret(in, {1, key_der_bytes_max}));
    state.seal_key = TRY(take_secret(in, {least, key_der_bytes_max}));
    state.serial_key = TRY(take_secret(in, {0, serial_key_bytes}));
    state.card_key_id = TRY(in.take_array<8>());
    state.card_counter = static_cast<std::uint32_t>(TRY(in.take_number(4)));
    state.card_dukpt = TRY(take_secret(in, {least, dukpt_bytes_max}));
    state.pin_key_id = TRY(in.take_array<8>());
    state.pin_counter = static_cast<std::uint32_t>(TRY(in.take_number(4)));
    state.pin_dukpt = TRY(take_secret(in, {0, dukpt_bytes_max}));
    const Bytes parameters = TRY(in.take({least, parameters_bytes_max}));
    state.emv_parameters = std::string(text_of(parameters));
    TRY_VOID(in.end());
    return state;
}

}  // namespace softpos::trust
