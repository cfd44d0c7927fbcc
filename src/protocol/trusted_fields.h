// Fields that calls into the trusted core and their answers have in common. What SPA/1 has a form
// for keeps that form inside a field.
#pragma once

#include "base/check.h"
#include "base/money.h"
#include "protocol/call_fields.h"
#include "protocol/spa_fields.h"
#include "protocol/trusted_call.h"

#include <optional>

namespace softpos::protocol::trusted_fields {

// The number of an answer is that of its request with answer_bit; tap_continue is answered as
// tap_begin, and pin_poll as pin_begin.
enum class Call : std::uint8_t {
    status = 1,
    enrol_begin,
    enrol_finish,
    tap_begin,
    tap_continue,
    tap_abort,
    permit_prepare,
    permit_refused,
    report_make,
    command_obey,
    pin_begin,
    pin_poll,
    pin_abort,
    enrol_activate,
};
constexpr std::uint8_t answer_bit = 0x40;
constexpr std::uint8_t failure_call = 0x7F;

inline std::unexpected<Error> wrong(Literal what) {
    return fail(ErrorKind::malformed, what);
}

// Of this version, or unsupported.
inline Result<CallReader> open_trusted_call(Bytes message) {
    const CallReader reader = TRY(CallReader::open(message));
    if (reader.head().version != trusted_call_version) {
        return fail(ErrorKind::unsupported, "trusted call: version", reader.head().version);
    }
    return reader;
}

inline Result<Buffer> take_buffer(CallReader& in, SizeRange size) {
    const Bytes value = TRY(in.take(size));
    return Buffer(value.begin(), value.end());
}

inline void put_amount(CallWriter& out, std::int64_t amount_minor) {
    CHECK(amount_minor >= 0 && amount_minor <= amount_minor_max);
    out.put_number(static_cast<std::uint64_t>(amount_minor), 8);
}
inline Result<std::int64_t> take_amount(CallReader& in) {
    const std::uint64_t amount = TRY(in.take_number(8));
    if (amount > static_cast<std::uint64_t>(amount_minor_max)) return wrong("call: amount");
    return static_cast<std::int64_t>(amount);
}

inline void put_id(CallWriter& out, const Id128& id) {
    out.put(id.bytes);
}
inline Result<Id128> take_id(CallReader& in) {
    return Id128{TRY(in.take_array<16>())};
}

inline void put_signed(CallWriter& out, const SignedBody& one) {
    CHECK(!one.body.empty() && one.body.size() <= spa_message_bytes_max);
    CHECK(!one.signature.empty() && one.signature.size() <= spa_fields::signature_bytes_max);
    out.put(one.body);
    out.put(one.signature);
}
inline Result<SignedBody> take_signed(CallReader& in) {
    SignedBody one;
    one.body = TRY(take_buffer(in, {1, spa_message_bytes_max}));
    one.signature = TRY(take_buffer(in, {1, spa_fields::signature_bytes_max}));
    return one;
}

inline void put_evidence(CallWriter& out, const std::optional<Evidence>& evidence) {
    if (!evidence) return out.put_absent();
    Buffer bytes;
    spa_fields::CborWriter fields(bytes);
    spa_fields::put(fields, *evidence);
    out.put(bytes);
}
inline Result<std::optional<Evidence>> take_evidence(CallReader& in) {
    if (!in.next_is_present()) {
        in.skip();
        return std::nullopt;
    }
    // Its form takes a few bytes more than the evidence.
    spa_fields::CborReader fields(TRY(in.take({1, evidence_bytes_max + 16})));
    Evidence evidence = TRY(spa_fields::take_evidence(fields));
    TRY_VOID(fields.end());
    return evidence;
}

}  // namespace softpos::protocol::trusted_fields
