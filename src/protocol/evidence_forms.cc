// One form for each value: whatever is accepted encodes to the bytes it came from.
#include "protocol/evidence_forms.h"

#include "base/check.h"
#include "codec/cbor.h"

#include <algorithm>

namespace softpos::protocol {
namespace {

using codec::CborReader;
using codec::CborWriter;

constexpr std::uint64_t form_version = 1;

Result<Buffer> take_buffer(CborReader& in, std::size_t bytes_max) {
    const std::size_t at = in.position();
    const Bytes bytes = TRY(in.take_bytes(bytes_max));
    if (bytes.empty()) return fail(ErrorKind::malformed, "evidence: empty part", 0, at);
    return Buffer(bytes.begin(), bytes.end());
}

template <std::size_t size>
Result<std::array<std::uint8_t, size>> take_array(CborReader& in) {
    const std::size_t at = in.position();
    const Bytes bytes = TRY(in.take_bytes(size));
    if (bytes.size() != size) return fail(ErrorKind::malformed, "evidence: size", 0, at);
    std::array<std::uint8_t, size> out{};
    std::ranges::copy(bytes, out.begin());
    return out;
}

Result<CborReader> open(Bytes evidence, std::size_t parts) {
    if (evidence.size() > evidence_bytes_max) {
        return fail(ErrorKind::denied, "evidence: too long", evidence_bytes_max);
    }
    CborReader in(evidence);
    if (TRY(in.take_array(parts)) != parts) {
        return fail(ErrorKind::malformed, "evidence: number of parts");
    }
    return in;
}

Result<void> take_version(CborReader& in) {
    const std::size_t at = in.position();
    const std::uint64_t version = TRY(in.take_unsigned());
    if (version == form_version) return {};
    return fail(ErrorKind::unsupported, "evidence: version", 0, at);
}

}  // namespace

Buffer encode(const TpmQuoteForm& form) {
    CHECK(form.pcrs.size() <= pcrs_max && form.chain.size() <= ek_chain_max);
    Buffer bytes;
    CborWriter out(bytes);
    out.begin_array(6);
    out.put_bytes(form.quote);
    out.put_bytes(form.signature);
    out.put_bytes(form.ak_public);
    out.begin_array(form.pcrs.size());
    for (const Buffer& pcr : form.pcrs) {
        CHECK(pcr.size() == pcr_bytes);
        out.put_bytes(pcr);
    }
    if (form.ek_certificate.empty()) {
        out.put_null();
    } else {
        out.put_bytes(form.ek_certificate);
    }
    out.begin_array(form.chain.size());
    for (const Buffer& certificate : form.chain) out.put_bytes(certificate);
    return bytes;
}

Result<TpmQuoteForm> decode_tpm_quote_form(Bytes evidence) {
    CborReader in = TRY(open(evidence, 6));
    TpmQuoteForm form;
    form.quote = TRY(take_buffer(in, tpm_part_bytes_max));
    form.signature = TRY(take_buffer(in, tpm_part_bytes_max));
    form.ak_public = TRY(take_buffer(in, tpm_part_bytes_max));
    const std::size_t pcrs = TRY(in.take_array(pcrs_max));
    for (std::size_t i = 0; i < pcrs; ++i) {
        const auto pcr = TRY(take_array<pcr_bytes>(in));
        form.pcrs.emplace_back(pcr.begin(), pcr.end());
    }
    if (!TRY(in.take_null())) form.ek_certificate = TRY(take_buffer(in, evidence_bytes_max));
    const std::size_t chain = TRY(in.take_array(ek_chain_max));
    for (std::size_t i = 0; i < chain; ++i) {
        form.chain.push_back(TRY(take_buffer(in, evidence_bytes_max)));
    }
    TRY_VOID(in.end());
    return form;
}

Buffer encode(const OpteeForm& form) {
    Buffer bytes;
    CborWriter out(bytes);
    out.begin_array(4);
    out.put_unsigned(form_version);
    out.put_bytes(form.key_id);
    out.put_bytes(form.digest);
    out.put_bytes(form.signature);
    return bytes;
}

Result<OpteeForm> decode_optee_form(Bytes evidence) {
    CborReader in = TRY(open(evidence, 4));
    TRY_VOID(take_version(in));
    OpteeForm form;
    form.key_id = TRY(take_array<32>(in));
    form.digest = TRY(take_array<32>(in));
    form.signature = TRY(take_buffer(in, device_signature_bytes_max));
    TRY_VOID(in.end());
    return form;
}

Buffer encode(const DevProcessStatement& statement) {
    Buffer bytes;
    CborWriter out(bytes);
    out.begin_array(5);
    out.put_unsigned(form_version);
    out.put_bytes(statement.challenge);
    out.put_bytes(statement.measurement);
    out.put_bytes(statement.core_sign_point);
    out.put_unsigned(statement.app_version);
    return bytes;
}

Result<DevProcessStatement> decode_dev_process_statement(Bytes statement) {
    CborReader in = TRY(open(statement, 5));
    TRY_VOID(take_version(in));
    DevProcessStatement out;
    out.challenge = TRY(take_array<32>(in));
    out.measurement = TRY(take_array<32>(in));
    out.core_sign_point = TRY(take_array<65>(in));
    const std::size_t at = in.position();
    const std::uint64_t version = TRY(in.take_unsigned());
    if (version > UINT32_MAX) return fail(ErrorKind::malformed, "evidence: app version", 0, at);
    out.app_version = static_cast<std::uint32_t>(version);
    TRY_VOID(in.end());
    return out;
}

Buffer dev_process_signed_message(Bytes statement) {
    Buffer message;
    append(message, bytes_of("spos-dev-process/1"));
    append(message, statement);
    return message;
}

Buffer encode(const DevProcessForm& form) {
    Buffer bytes;
    CborWriter out(bytes);
    out.begin_array(2);
    out.put_bytes(form.statement);
    out.put_bytes(form.signature);
    return bytes;
}

Result<DevProcessForm> decode_dev_process_form(Bytes evidence) {
    CborReader in = TRY(open(evidence, 2));
    DevProcessForm form;
    form.statement = TRY(take_buffer(in, evidence_bytes_max));
    form.signature = TRY(take_buffer(in, device_signature_bytes_max));
    TRY_VOID(in.end());
    return form;
}

}  // namespace softpos::protocol
