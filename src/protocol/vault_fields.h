// Fields that several vault calls have in common.
#pragma once

#include "base/check.h"
#include "protocol/call_fields.h"
#include "protocol/vault_call.h"

namespace softpos::protocol {

// Room for the largest message with card data in it, so that it is never moved in memory.
constexpr std::size_t secret_reserve_bytes = card_tlv_bytes_max + stored_form_bytes_max + 64;

inline void put_sized(CallWriter& out, Bytes value, SizeRange size) {
    CHECK(value.size() >= size.min && value.size() <= size.max);
    out.put(value);
}

inline void put_alias(CallWriter& out, std::string_view alias) {
    CHECK(is_key_alias(alias));
    out.put(alias);
}

inline Result<Buffer> take_buffer(CallReader& in, SizeRange size) {
    const Bytes value = TRY(in.take(size));
    return Buffer(value.begin(), value.end());
}

inline Result<std::string> take_alias(CallReader& in) {
    std::string alias = TRY(in.take_text({1, key_alias_bytes_max}));
    if (!is_key_alias(alias)) return fail(ErrorKind::malformed, "vault call: key name");
    return alias;
}

}  // namespace softpos::protocol
