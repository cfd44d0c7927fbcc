// The bytes that both ends must build alike.
#include "protocol/sealed_card.h"

#include "base/check.h"

#include <algorithm>

namespace softpos::protocol {

std::array<std::uint8_t, 18> sealed_card_aad(std::string_view terminal_id,
                                             std::int64_t amount_minor, std::uint16_t currency) {
    CHECK(terminal_id.size() == 8 && amount_minor >= 0);
    std::array<std::uint8_t, 18> aad{};
    std::ranges::copy(bytes_of(terminal_id), aad.begin());
    const auto amount = static_cast<std::uint64_t>(amount_minor);
    for (unsigned i = 0; i < 8; ++i) aad[8 + i] = static_cast<std::uint8_t>(amount >> (56 - 8 * i));
    aad[16] = static_cast<std::uint8_t>(currency >> 8);
    aad[17] = static_cast<std::uint8_t>(currency);
    return aad;
}

Buffer initial_key_envelope_info(Bytes initial_key_id8) {
    CHECK(initial_key_id8.size() == 8);
    Buffer info;
    append(info, bytes_of("softpos-ik/1"));
    append(info, initial_key_id8);
    return info;
}

Buffer serial_key_envelope_info(std::string_view terminal_id) {
    CHECK(terminal_id.size() == 8);
    Buffer info;
    append(info, bytes_of("softpos-sk/1"));
    append(info, bytes_of(terminal_id));
    return info;
}

}  // namespace softpos::protocol
