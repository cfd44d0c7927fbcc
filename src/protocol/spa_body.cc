// What is signed: one write and one read function for each body, in the same order of fields.
#include "base/money.h"
#include "protocol/spa_fields.h"

namespace softpos::protocol {
namespace {

using namespace spa_fields;  // NOLINT(google-build-using-namespace): the vocabulary of SPA/1.

enum class Type : std::uint8_t {
    enrol_statement = 1,
    core_grant,
    permit_request,
    permit,
    command,
    report,
};
constexpr unsigned types = 6;

constexpr Size terminal_id_size{8, 8};
constexpr Size merchant_id_size{15, 15};
constexpr Size name_size{1, text_bytes_max};
constexpr Size serial_number_size{0, 50};
constexpr std::size_t envelope_bytes_max = 256;
constexpr std::size_t parameters_bytes_max = 48 * 1024;

void begin(CborWriter& out, Type type, std::size_t fields) {
    out.begin_array(fields + 2);
    out.put_unsigned(spa_version);
    put_enum(out, type);
}

void put_amount(CborWriter& out, std::int64_t amount_minor) {
    CHECK(amount_minor >= 0 && amount_minor <= amount_minor_max);
    out.put_unsigned(static_cast<std::uint64_t>(amount_minor));
}
Result<std::int64_t> take_amount(CborReader& in) {
    return take_number<std::int64_t>(in, static_cast<std::uint64_t>(amount_minor_max));
}

void put_capabilities(CborWriter& out, CapabilitySet set) {
    CHECK(set >> capabilities == 0);
    out.put_unsigned(set);
}
Result<CapabilitySet> take_capabilities(CborReader& in) {
    return take_number<CapabilitySet>(in, (1U << capabilities) - 1);
}

constexpr auto put_finding = [](CborWriter& out, const Finding& one) { put(out, one); };

void write(CborWriter& out, const EnrolStatement& body) {
    begin(out, Type::enrol_statement, 10);
    put(out, body.nonce_id);
    out.put_bytes(body.nonce);
    out.put_bytes(body.core_sign_point);
    out.put_bytes(body.core_seal_point);
    out.put_bytes(body.measurement);
    put(out, body.claims);
    put_capabilities(out, body.hardware);
    put_list(out, body.findings, findings_max, put_finding);
    put(out, body.location);
    put_maybe(out, body.phone_time);
}

Result<SpaBody> read_enrol_statement(CborReader& in) {
    EnrolStatement body;
    body.nonce_id = TRY(take_id(in));
    body.nonce = TRY(take_array<32>(in));
    body.core_sign_point = TRY(take_array<65>(in));
    body.core_seal_point = TRY(take_array<65>(in));
    body.measurement = TRY(take_array<32>(in));
    body.claims = TRY(take_claims(in));
    body.hardware = TRY(take_capabilities(in));
    body.findings = TRY(take_list<Finding>(in, findings_max, take_finding));
    body.location = TRY(take_location(in));
    body.phone_time = TRY(take_maybe_instant(in));
    return body;
}

void write(CborWriter& out, const CoreGrant& body) {
    begin(out, Type::core_grant, 13);
    out.put_bytes(body.core_sign_point);
    out.put_bytes(body.nonce);
    put(out, body.issued_at);
    put_text(out, body.terminal_id, terminal_id_size);
    put_text(out, body.merchant_id, merchant_id_size);
    put_text(out, body.merchant_name, name_size);
    put_text(out, body.serial_number, serial_number_size);
    out.put_bytes(body.card_key_id);
    put_buffer(out, body.card_key_envelope, {1, envelope_bytes_max});
    out.put_bytes(body.pin_key_id);
    put_buffer(out, body.pin_key_envelope, {0, envelope_bytes_max});
    put_buffer(out, body.serial_key_envelope, {0, envelope_bytes_max});
    CHECK(!body.emv_parameters.empty() && body.emv_parameters.size() <= parameters_bytes_max);
    out.put_text(body.emv_parameters);
}

Result<SpaBody> read_core_grant(CborReader& in) {
    CoreGrant body;
    body.core_sign_point = TRY(take_array<65>(in));
    body.nonce = TRY(take_array<32>(in));
    body.issued_at = TRY(take_instant(in));
    body.terminal_id = TRY(take_text(in, terminal_id_size));
    body.merchant_id = TRY(take_text(in, merchant_id_size));
    body.merchant_name = TRY(take_text(in, name_size));
    body.serial_number = TRY(take_text(in, serial_number_size));
    body.card_key_id = TRY(take_array<8>(in));
    body.card_key_envelope = TRY(take_buffer(in, {1, envelope_bytes_max}));
    body.pin_key_id = TRY(take_array<8>(in));
    body.pin_key_envelope = TRY(take_buffer(in, {0, envelope_bytes_max}));
    body.serial_key_envelope = TRY(take_buffer(in, {0, envelope_bytes_max}));
    body.emv_parameters = TRY(take_lines(in, parameters_bytes_max));
    if (body.emv_parameters.empty()) return wrong("spa: no parameters", in);
    return body;
}

void write(CborWriter& out, const PermitRequest& body) {
    begin(out, Type::permit_request, 13);
    put_text(out, body.terminal_id, terminal_id_size);
    out.put_bytes(body.nonce);
    out.put_unsigned(body.sequence);
    out.put_bytes(body.journal_head);
    put_enum(out, body.purpose);
    put_amount(out, body.amount_minor);
    out.put_unsigned(body.currency);
    CHECK(body.parent.has_value() == (body.purpose == PermitPurpose::pin));
    if (body.parent) {
        put(out, *body.parent);
    } else {
        out.put_null();
    }
    put(out, body.claims);
    put_capabilities(out, body.hardware);
    put_list(out, body.findings, findings_max, put_finding);
    put(out, body.location);
    put_maybe(out, body.phone_time);
}

Result<SpaBody> read_permit_request(CborReader& in) {
    PermitRequest body;
    body.terminal_id = TRY(take_text(in, terminal_id_size));
    body.nonce = TRY(take_array<32>(in));
    body.sequence = TRY(in.take_unsigned());
    body.journal_head = TRY(take_array<32>(in));
    body.purpose = TRY(take_enum<PermitPurpose>(in, permit_purposes));
    body.amount_minor = TRY(take_amount(in));
    body.currency = TRY(take_number<std::uint16_t>(in, UINT16_MAX));
    if (!TRY(in.take_null())) body.parent = TRY(take_id(in));
    if (body.parent.has_value() != (body.purpose == PermitPurpose::pin)) {
        return wrong("spa: parent permit", in);
    }
    body.claims = TRY(take_claims(in));
    body.hardware = TRY(take_capabilities(in));
    body.findings = TRY(take_list<Finding>(in, findings_max, take_finding));
    body.location = TRY(take_location(in));
    body.phone_time = TRY(take_maybe_instant(in));
    return body;
}

void write(CborWriter& out, const Permit& body) {
    begin(out, Type::permit, 10);
    put(out, body.id);
    put_text(out, body.terminal_id, terminal_id_size);
    out.put_bytes(body.nonce);
    put_enum(out, body.purpose);
    put_amount(out, body.amount_minor_max);
    out.put_unsigned(body.currency);
    put_capabilities(out, body.allowed);
    put(out, body.issued_at);
    CHECK(body.seconds >= 1 && body.seconds <= permit_seconds_max);
    out.put_unsigned(body.seconds);
    out.put_unsigned(body.policy_version);
}

Result<SpaBody> read_permit(CborReader& in) {
    Permit body;
    body.id = TRY(take_id(in));
    body.terminal_id = TRY(take_text(in, terminal_id_size));
    body.nonce = TRY(take_array<32>(in));
    body.purpose = TRY(take_enum<PermitPurpose>(in, permit_purposes));
    body.amount_minor_max = TRY(take_amount(in));
    body.currency = TRY(take_number<std::uint16_t>(in, UINT16_MAX));
    body.allowed = TRY(take_capabilities(in));
    body.issued_at = TRY(take_instant(in));
    body.seconds = TRY(take_number<std::uint32_t>(in, permit_seconds_max));
    if (body.seconds == 0) return wrong("spa: seconds", in);
    body.policy_version = TRY(take_number<std::uint32_t>(in, UINT32_MAX));
    return body;
}

void write(CborWriter& out, const Command& body) {
    begin(out, Type::command, 5);
    put(out, body.id);
    put_text(out, body.terminal_id, terminal_id_size);
    out.put_unsigned(body.number);
    put_enum(out, body.action);
    put(out, body.not_after);
}

Result<SpaBody> read_command(CborReader& in) {
    Command body;
    body.id = TRY(take_id(in));
    body.terminal_id = TRY(take_text(in, terminal_id_size));
    body.number = TRY(in.take_unsigned());
    body.action = TRY(take_enum<CommandAction>(in, command_actions));
    body.not_after = TRY(take_instant(in));
    return body;
}

void put_event(CborWriter& out, const CoreEvent& event) {
    out.begin_array(4);
    out.put_unsigned(event.sequence);
    put_enum(out, event.code);
    put_enum(out, event.severity);
    out.put_unsigned(event.detail);
}
Result<CoreEvent> take_event(CborReader& in) {
    TRY_VOID(take_fields(in, 4));
    CoreEvent event;
    event.sequence = TRY(in.take_unsigned());
    event.code = TRY(take_enum<FindingCode>(in, finding_codes));
    event.severity = TRY(take_enum<Severity>(in, 3));
    event.detail = TRY(take_number<std::uint32_t>(in, UINT32_MAX));
    return event;
}

void put_done(CborWriter& out, const CommandDone& done) {
    out.begin_array(2);
    put(out, done.id);
    out.put_bool(done.obeyed);
}
Result<CommandDone> take_done(CborReader& in) {
    TRY_VOID(take_fields(in, 2));
    CommandDone done;
    done.id = TRY(take_id(in));
    done.obeyed = TRY(in.take_bool());
    return done;
}

void write(CborWriter& out, const Report& body) {
    begin(out, Type::report, 6);
    put_text(out, body.terminal_id, terminal_id_size);
    out.put_unsigned(body.sequence);
    out.put_bytes(body.journal_head);
    put_list(out, body.events, core_events_max, put_event);
    put_list(out, body.findings, findings_max, put_finding);
    put_list(out, body.done, commands_max, put_done);
}

Result<SpaBody> read_report(CborReader& in) {
    Report body;
    body.terminal_id = TRY(take_text(in, terminal_id_size));
    body.sequence = TRY(in.take_unsigned());
    body.journal_head = TRY(take_array<32>(in));
    body.events = TRY(take_list<CoreEvent>(in, core_events_max, take_event));
    body.findings = TRY(take_list<Finding>(in, findings_max, take_finding));
    body.done = TRY(take_list<CommandDone>(in, commands_max, take_done));
    return body;
}

struct Form {
    std::size_t fields;
    Result<SpaBody> (*read)(CborReader& in);
};
constexpr Form forms[types] = {{10, read_enrol_statement}, {13, read_core_grant},
                               {13, read_permit_request},  {10, read_permit},
                               {5, read_command},          {6, read_report}};

Buffer tagged(std::string_view purpose, Bytes body) {
    Buffer message;
    message.reserve(purpose.size() + body.size());
    append(message, bytes_of(purpose));
    append(message, body);
    return message;
}

}  // namespace

Buffer encode(const SpaBody& body) {
    Buffer bytes;
    CborWriter out(bytes);
    std::visit([&](const auto& one) { write(out, one); }, body);
    return bytes;
}

Result<SpaBody> decode_spa_body(Bytes bytes) {
    if (bytes.size() > spa_enrolled_bytes_max) return fail(ErrorKind::denied, "spa: too long");
    CborReader in(bytes);
    const std::size_t items = TRY(in.take_array(16));
    if (TRY(in.take_unsigned()) != spa_version) return fail(ErrorKind::unsupported, "spa: version");
    const auto type = TRY(take_enum<Type>(in, types));
    const Form& form = forms[static_cast<std::size_t>(type) - 1];
    if (items != form.fields + 2) return wrong("spa: number of fields", in);
    SpaBody body = TRY(form.read(in));
    TRY_VOID(in.end());
    return body;
}

Buffer core_signed_message(Bytes body) {
    return tagged("spos-core/1", body);
}
Buffer platform_signed_message(Bytes body) {
    return tagged("spos-platform/1", body);
}
Buffer permit_evidence_message(Bytes request_body) {
    return tagged("spos-permit/1", request_body);
}

Buffer activation_message(Bytes binding, Bytes secret) {
    Buffer message = tagged("spos-activate/1", binding);
    append(message, secret);
    return message;
}

Buffer binding_message(const BindingParts& parts) {
    Buffer message = tagged("spos-bind/1", parts.nonce);
    append(message, parts.core_sign_point);
    append(message, parts.core_seal_point);
    append(message, parts.measurement);
    for (unsigned left = 4; left-- > 0;) {
        message.push_back(static_cast<std::uint8_t>(parts.app_version >> (8 * left)));
    }
    return message;
}

}  // namespace softpos::protocol
