// Activation codes and how often one may be tried.
#include "platform/merchant/activation.h"

#include <algorithm>

namespace softpos::merchant {
namespace {

// Thirty-two characters, without I, L, O and U: [Crockford] base 32.
constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t code_size = 12;
constexpr std::size_t group = 4;

}  // namespace

std::string make_activation_code(Random& random) {
    const auto bytes = random.take<code_size>();
    std::string code;
    for (std::size_t i = 0; i < code_size; ++i) {
        if (i > 0 && i % group == 0) code += '-';
        code += alphabet[bytes[i] % alphabet.size()];  // 256 is a multiple of 32: no bias.
    }
    return code;
}

Result<std::string> normal_activation_code(std::string_view typed) {
    constexpr std::size_t typed_bytes_max = 64;
    if (typed.size() > typed_bytes_max) return fail(ErrorKind::malformed, "no activation code");
    std::string code;
    for (char c : typed) {
        if (c == ' ' || c == '-') continue;
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        if (c == 'O') c = '0';
        if (c == 'I' || c == 'L') c = '1';
        if (alphabet.find(c) == alphabet.npos) {
            return fail(ErrorKind::malformed, "no activation code");
        }
        code += c;
    }
    if (code.size() != code_size) return fail(ErrorKind::malformed, "no activation code");
    return code;
}

Refusal redeem(ActivationCode& code, Instant now) {
    if (code.used_at != Instant{} || now >= code.expires_at) {
        return Refusal::activation_code_invalid;
    }
    code.used_at = now;
    return Refusal::none;
}

bool AttemptLimit::blocked(std::uint64_t source, Ticks now) const {
    const auto at = windows_.find(source);
    return at != windows_.end() && now.us - at->second.start.us < rule_.window_us &&
           at->second.attempts >= rule_.attempts;
}

bool AttemptLimit::allow(std::uint64_t source, Ticks now) {
    auto at = windows_.find(source);
    if (at == windows_.end()) {
        if (windows_.size() >= rule_.sources_max) sweep(now);
        if (windows_.size() >= rule_.sources_max) return false;
        at = windows_.emplace(source, Window{.start = now}).first;
    }
    Window& window = at->second;
    if (now.us - window.start.us >= rule_.window_us) window = {.start = now};
    if (window.attempts >= rule_.attempts) return false;
    ++window.attempts;
    return true;
}

// At most once a window, so that a flood of new sources cannot make every call walk the table.
void AttemptLimit::sweep(Ticks now) {
    if (swept_.us != 0 && now.us - swept_.us < rule_.window_us) return;
    swept_ = now;
    std::erase_if(windows_, [&](const auto& entry) {
        return now.us - entry.second.start.us >= rule_.window_us;
    });
}

}  // namespace softpos::merchant
