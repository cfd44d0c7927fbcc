// The messages themselves, and the names of what is in them.
#include "protocol/spa.h"

#include "protocol/spa_fields.h"

namespace softpos::protocol {
namespace {

using namespace spa_fields;  // NOLINT(google-build-using-namespace): the vocabulary of SPA/1.

enum class Type : std::uint8_t {
    enrol_begin = 1,
    enrol_challenge,
    enrol_evidence,
    enrolled,
    permit_ask,
    permit_given,
    report_sent,
    report_taken,
    refused,
    enrol_credential,
};
constexpr unsigned types = 10;

constexpr Size activation_code_size{1, 64};
constexpr Size reference_size{1, 64};
constexpr Size credential_size{1, credential_part_bytes_max};
constexpr std::size_t pem_bytes_max = 8 * 1024;

void begin(CborWriter& out, Type type, std::size_t fields) {
    out.begin_array(fields + 2);
    out.put_unsigned(spa_version);
    put_enum(out, type);
}

constexpr auto put_evidence = [](CborWriter& out, const Evidence& one) { put(out, one); };
constexpr auto put_signed = [](CborWriter& out, const SignedBody& one) { put(out, one); };

void put_pem(CborWriter& out, std::string_view pem) {
    CHECK(pem.size() <= pem_bytes_max);
    out.put_text(pem);
}

// ---- Requests -------------------------------------------------------------------------------

void write(CborWriter& out, const EnrolBegin& message) {
    begin(out, Type::enrol_begin, 2);
    put_text(out, message.activation_code, activation_code_size);
    put(out, message.claims);
}
Result<SpaRequest> read_enrol_begin(CborReader& in) {
    EnrolBegin message;
    message.activation_code = TRY(take_text(in, activation_code_size));
    message.claims = TRY(take_claims(in));
    return message;
}

void write(CborWriter& out, const EnrolEvidence& message) {
    begin(out, Type::enrol_evidence, 6);
    put_text(out, message.activation_code, activation_code_size);
    put_pem(out, message.csr_pem);
    put_buffer(out, message.body, {1, spa_message_bytes_max});
    put_buffer(out, message.core_signature, {1, signature_bytes_max});
    put_list(out, message.evidences, evidences_max, put_evidence);
    put_buffer(out, message.activation, {0, evidence_bytes_max});
}
Result<SpaRequest> read_enrol_evidence(CborReader& in) {
    EnrolEvidence message;
    message.activation_code = TRY(take_text(in, activation_code_size));
    message.csr_pem = TRY(take_lines(in, pem_bytes_max));
    message.body = TRY(take_buffer(in, {1, spa_message_bytes_max}));
    message.core_signature = TRY(take_buffer(in, {1, signature_bytes_max}));
    message.evidences = TRY(take_list<Evidence>(in, evidences_max, take_evidence));
    message.activation = TRY(take_buffer(in, {0, evidence_bytes_max}));
    return message;
}

void write(CborWriter& out, const PermitAsk& message) {
    begin(out, Type::permit_ask, 2);
    put(out, message.request);
    put_list(out, message.evidences, evidences_max, put_evidence);
}
Result<SpaRequest> read_permit_ask(CborReader& in) {
    PermitAsk message;
    message.request = TRY(take_signed(in));
    message.evidences = TRY(take_list<Evidence>(in, evidences_max, take_evidence));
    return message;
}

void write(CborWriter& out, const ReportSent& message) {
    begin(out, Type::report_sent, 1);
    put(out, message.report);
}
Result<SpaRequest> read_report_sent(CborReader& in) {
    return ReportSent{TRY(take_signed(in))};
}

// ---- Answers --------------------------------------------------------------------------------

void write(CborWriter& out, const EnrolChallenge& message) {
    begin(out, Type::enrol_challenge, 5);
    put(out, message.nonce_id);
    out.put_bytes(message.nonce);
    out.put_unsigned(message.seconds);
    out.put_unsigned(message.policy_version);
    put_list(out, message.accepted, evidence_kinds,
             [](CborWriter& to, EvidenceKind kind) { put_enum(to, kind); });
}
Result<SpaAnswer> read_enrol_challenge(CborReader& in) {
    EnrolChallenge message;
    message.nonce_id = TRY(take_id(in));
    message.nonce = TRY(take_array<32>(in));
    message.seconds = TRY(take_number<std::uint32_t>(in, UINT32_MAX));
    message.policy_version = TRY(take_number<std::uint32_t>(in, UINT32_MAX));
    message.accepted = TRY(take_list<EvidenceKind>(in, evidence_kinds, [](CborReader& from) {
        return take_enum<EvidenceKind>(from, evidence_kinds);
    }));
    return message;
}

void write(CborWriter& out, const EnrolCredential& message) {
    begin(out, Type::enrol_credential, 2);
    put_buffer(out, message.id_object, credential_size);
    put_buffer(out, message.encrypted_secret, credential_size);
}
Result<SpaAnswer> read_enrol_credential(CborReader& in) {
    EnrolCredential message;
    message.id_object = TRY(take_buffer(in, credential_size));
    message.encrypted_secret = TRY(take_buffer(in, credential_size));
    return message;
}

void write(CborWriter& out, const Enrolled& message) {
    begin(out, Type::enrolled, 6);
    put_pem(out, message.certificate_pem);
    put_pem(out, message.ca_pem);
    out.put_unsigned(message.policy_version);
    out.put_unsigned(message.grade);
    put_buffer(out, message.grant, {1, spa_enrolled_bytes_max});
    put_buffer(out, message.grant_signature, {1, signature_bytes_max});
}
Result<SpaAnswer> read_enrolled(CborReader& in) {
    Enrolled message;
    message.certificate_pem = TRY(take_lines(in, pem_bytes_max));
    message.ca_pem = TRY(take_lines(in, pem_bytes_max));
    message.policy_version = TRY(take_number<std::uint32_t>(in, UINT32_MAX));
    message.grade = TRY(take_number<std::uint8_t>(in, 5));
    message.grant = TRY(take_buffer(in, {1, spa_enrolled_bytes_max}));
    message.grant_signature = TRY(take_buffer(in, {1, signature_bytes_max}));
    return message;
}

void write(CborWriter& out, const PermitGiven& message) {
    begin(out, Type::permit_given, 2);
    put(out, message.permit);
    put_list(out, message.commands, commands_max, put_signed);
}
Result<SpaAnswer> read_permit_given(CborReader& in) {
    PermitGiven message;
    message.permit = TRY(take_signed(in));
    message.commands = TRY(take_list<SignedBody>(in, commands_max, take_signed));
    return message;
}

void write(CborWriter& out, const ReportTaken& message) {
    begin(out, Type::report_taken, 1);
    put_list(out, message.commands, commands_max, put_signed);
}
Result<SpaAnswer> read_report_taken(CborReader& in) {
    return ReportTaken{TRY(take_list<SignedBody>(in, commands_max, take_signed))};
}

void write(CborWriter& out, const SpaRefused& message) {
    begin(out, Type::refused, 3);
    put_text(out, message.reference, reference_size);
    out.put_bool(message.try_again);
    put_list(out, message.commands, commands_max, put_signed);
}
Result<SpaAnswer> read_refused(CborReader& in) {
    SpaRefused message;
    message.reference = TRY(take_text(in, reference_size));
    message.try_again = TRY(in.take_bool());
    message.commands = TRY(take_list<SignedBody>(in, commands_max, take_signed));
    return message;
}

// ---- Which is which -------------------------------------------------------------------------

template <typename Message>
struct Form {
    Type type;
    std::size_t fields;
    Result<Message> (*read)(CborReader& in);
};
constexpr Form<SpaRequest> request_forms[] = {{Type::enrol_begin, 2, read_enrol_begin},
                                              {Type::enrol_evidence, 6, read_enrol_evidence},
                                              {Type::permit_ask, 2, read_permit_ask},
                                              {Type::report_sent, 1, read_report_sent}};
constexpr Form<SpaAnswer> answer_forms[] = {{Type::enrol_challenge, 5, read_enrol_challenge},
                                            {Type::enrol_credential, 2, read_enrol_credential},
                                            {Type::enrolled, 6, read_enrolled},
                                            {Type::permit_given, 2, read_permit_given},
                                            {Type::report_taken, 1, read_report_taken},
                                            {Type::refused, 3, read_refused}};

template <typename Message, std::size_t count>
Result<Message> decode(Bytes bytes, const Form<Message> (&forms)[count]) {
    CborReader in(bytes);
    const std::size_t items = TRY(in.take_array(16));
    if (TRY(in.take_unsigned()) != spa_version) return fail(ErrorKind::unsupported, "spa: version");
    const auto type = TRY(take_enum<Type>(in, types));
    for (const Form<Message>& form : forms) {
        if (form.type != type) continue;
        if (items != form.fields + 2) return wrong("spa: number of fields", in);
        Message message = TRY(form.read(in));
        TRY_VOID(in.end());
        return message;
    }
    return wrong("spa: not a message of this direction", in);
}

template <typename Message>
Buffer encode_any(const Message& message) {
    Buffer bytes;
    CborWriter out(bytes);
    std::visit([&](const auto& one) { write(out, one); }, message);
    return bytes;
}

constexpr std::string_view evidence_names[evidence_kinds] = {
    "android-key", "huks",      "hms-sysintegrity", "play-integrity",
    "app-attest",  "tpm-quote", "optee-pta",        "dev-process"};

}  // namespace

Buffer encode(const SpaRequest& request) {
    return encode_any(request);
}
Buffer encode(const SpaAnswer& answer) {
    return encode_any(answer);
}

Result<SpaRequest> decode_spa_request(Bytes message) {
    if (message.size() > spa_message_bytes_max) return fail(ErrorKind::denied, "spa: too long");
    return decode(message, request_forms);
}
Result<SpaAnswer> decode_spa_answer(Bytes message) {
    if (message.size() > spa_enrolled_bytes_max) return fail(ErrorKind::denied, "spa: too long");
    return decode(message, answer_forms);
}

std::string_view name_of(Capability capability) {
    constexpr std::string_view names[capabilities] = {"qr_show", "qr_scan", "card_no_pin",
                                                      "card_pin", "identity"};
    CHECK(static_cast<std::size_t>(capability) < capabilities);
    return names[static_cast<std::size_t>(capability)];
}

std::string_view name_of(EvidenceKind kind) {
    const auto index = static_cast<std::size_t>(kind) - 1;
    CHECK(index < evidence_kinds);
    return evidence_names[index];
}

std::optional<EvidenceKind> evidence_kind_named(std::string_view name) {
    for (unsigned i = 0; i < evidence_kinds; ++i) {
        if (evidence_names[i] == name) return static_cast<EvidenceKind>(i + 1);
    }
    return std::nullopt;
}

std::string_view name_of(LocationSource source) {
    constexpr std::string_view names[location_sources] = {"satellite", "network", "fused", "fixed",
                                                          "mocked"};
    const auto index = static_cast<std::size_t>(source) - 1;
    CHECK(index < location_sources);
    return names[index];
}

std::string_view name_of(CommandAction action) {
    constexpr std::string_view names[command_actions] = {"suspend",  "resume",        "wipe_keys",
                                                         "re_enrol", "update_policy", "collect"};
    const auto index = static_cast<std::size_t>(action) - 1;
    CHECK(index < command_actions);
    return names[index];
}

}  // namespace softpos::protocol
