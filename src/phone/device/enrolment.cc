// The order of the steps is what makes it safe to be cut off anywhere.
#include "phone/device/enrolment.h"

#include "base/hex.h"
#include "base/log.h"
#include "codec/strict_json.h"
#include "crypto/p256.h"
#include "crypto/x509.h"

#include <boost/json.hpp>

namespace softpos::device {
namespace {

namespace json = boost::json;

constexpr char file_name[] = "enrolment.json";
constexpr std::size_t file_bytes_max = 256 * 1024;
constexpr std::size_t signature_bytes_max = 80;  // DER of a P-256 signature.
constexpr std::size_t merchant_name_bytes_max = 120;
constexpr std::int64_t grade_max = 5;
// The platform puts the terminal's identifier into the certificate, whatever is asked for.
constexpr std::string_view common_name = "softpos-device";

std::unexpected<RefusalText> refused(Refusal refusal, std::string_view field = {}) {
    return std::unexpected(words_of(refusal, field));
}

std::unexpected<RefusalText> refused_by_core(const Error& error) {
    log(LogLevel::warning, "enrolment refused by the trusted core", error);
    return refused(trusted_refusal_of(error));
}

// Why the platform took no enrolment. Of the activation code it says what is wrong, so that the
// merchant can ask for another one; of the phone it gives a reference only.
RefusalText refusal_of(protocol::SpaRefused refused) {
    for (const RefusalRow& row : refusal_table()) {
        if (row.code == refused.reference) return words_of(row.refusal);
    }
    if (refused.try_again) return words_of(Refusal::server_unavailable);
    RefusalText text = words_of(Refusal::device_not_trusted);
    text.reference = std::move(refused.reference);
    return text;
}

template <typename Answer>
std::expected<Answer, RefusalText> expect(Result<protocol::SpaAnswer> answer) {
    if (!answer) {
        log(LogLevel::warning, "enrolment: no answer", answer.error());
        return refused(Refusal::server_unavailable);
    }
    if (auto* no = std::get_if<protocol::SpaRefused>(&*answer)) {
        return std::unexpected(refusal_of(std::move(*no)));
    }
    auto* wanted = std::get_if<Answer>(&*answer);
    if (wanted == nullptr) return refused(Refusal::internal);
    return std::move(*wanted);
}

// Where the platform answers with a credential, the core opens it and the same proof goes again.
std::expected<protocol::Enrolled, RefusalText> prove(PlatformClient& platform, TrustedClient& core,
                                                     protocol::EnrolEvidence proof) {
    auto answer = platform.spa(proof);
    if (answer) {
        if (auto* credential = std::get_if<protocol::EnrolCredential>(&*answer)) {
            auto opened = core.enrol_activate({std::move(*credential)});
            if (!opened) return refused_by_core(opened.error());
            proof.activation = std::move(opened->evidence.bytes);
            answer = platform.spa(proof);
        }
    }
    return expect<protocol::Enrolled>(std::move(answer));
}

// Who we are now. The grant is for the core, which checks it; we read what is to be shown.
bool read_enrolled(protocol::Enrolled enrolled, Enrolment& enrolment) {
    const auto body = protocol::decode_spa_body(enrolled.grant);
    const auto* grant = body ? std::get_if<protocol::CoreGrant>(&*body) : nullptr;
    if (grant == nullptr) return false;
    enrolment.terminal_id = grant->terminal_id;
    enrolment.merchant_id = grant->merchant_id;
    enrolment.merchant_name = grant->merchant_name;
    enrolment.grade = enrolled.grade;
    enrolment.certificate_pem = std::move(enrolled.certificate_pem);
    enrolment.for_core = {std::move(enrolled.grant), std::move(enrolled.grant_signature)};
    return true;
}

}  // namespace

Result<std::optional<Enrolment>> load_enrolment(const host::Directory& state) {
    const auto content = state.read_secret(file_name, file_bytes_max);
    if (!content && content.error().kind == ErrorKind::not_found) return std::nullopt;
    if (!content) return std::unexpected(content.error());
    codec::StrictJson fields(text_of(content->bytes()));
    Enrolment enrolment;
    enrolment.server = fields.text("server", server_url_bytes_max);
    enrolment.server_ca_pem = fields.lines("server_ca_pem", ca_pem_bytes_max);
    enrolment.certificate_pem = fields.lines("certificate_pem", ca_pem_bytes_max);
    enrolment.key_pem = fields.lines("key_pem", ca_pem_bytes_max);
    enrolment.core_has_it = fields.boolean("core_has_it");
    enrolment.terminal_id = fields.text("terminal_id", 8);
    enrolment.merchant_id = fields.text("merchant_id", 15);
    enrolment.merchant_name = fields.text("merchant_name", merchant_name_bytes_max);
    enrolment.grade = static_cast<std::uint8_t>(fields.integer("grade", 0, grade_max));
    if (!enrolment.core_has_it) {
        protocol::EnrolFinishRequest& core = enrolment.for_core;
        core.grant = fields.hex("grant", 1, protocol::grant_bytes_max);
        core.grant_signature = fields.hex("grant_signature", 1, signature_bytes_max);
    }
    if (fields.finish()) return fail(ErrorKind::malformed, "enrolment: the file is damaged");
    return enrolment;
}

Result<void> store_enrolment(const host::Directory& state, const Enrolment& enrolment) {
    json::object object{{"server", enrolment.server},
                        {"server_ca_pem", enrolment.server_ca_pem},
                        {"certificate_pem", enrolment.certificate_pem},
                        {"key_pem", enrolment.key_pem},
                        {"core_has_it", enrolment.core_has_it},
                        {"terminal_id", enrolment.terminal_id},
                        {"merchant_id", enrolment.merchant_id},
                        {"merchant_name", enrolment.merchant_name},
                        {"grade", enrolment.grade}};
    if (!enrolment.core_has_it) {
        object["grant"] = to_hex(enrolment.for_core.grant);
        object["grant_signature"] = to_hex(enrolment.for_core.grant_signature);
    }
    std::string text = json::serialize(object);
    const auto written = state.write_durably(file_name, bytes_of(text), 0600);
    wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    return written;
}

Result<PlatformIdentity> identity_of(const Enrolment& enrolment) {
    return PlatformIdentity{.address = TRY(parse_server_url(enrolment.server)),
                            .ca_pem = enrolment.server_ca_pem,
                            .cert_pem = enrolment.certificate_pem,
                            .key_pem = enrolment.key_pem};
}

std::expected<Enrolment, RefusalText> enrol(EnrolParts parts, const EnrolOrder& order) {
    const auto address = parse_server_url(order.server);
    if (!address) return refused(Refusal::bad_value, "server");
    const auto platform = PlatformClient::make(
        {.address = *address, .ca_pem = order.ca_pem, .cert_pem = {}, .key_pem = {}}, parts.limits);
    if (!platform) return refused(Refusal::bad_value, "ca_pem");
    if (!order.device_model.empty()) parts.posture.claims.model = order.device_model;
    const auto challenge = expect<protocol::EnrolChallenge>(
        (*platform)->spa(protocol::EnrolBegin{order.activation_code, parts.posture.claims}));
    if (!challenge) return std::unexpected(challenge.error());
    auto begun =
        parts.core.enrol_begin({challenge->nonce_id, challenge->nonce, std::move(parts.posture)});
    if (!begun) return refused_by_core(begun.error());

    const auto key = crypto::P256Key::generate();
    if (!key) return refused(Refusal::internal);
    Enrolment enrolment;
    enrolment.server = order.server;
    enrolment.server_ca_pem = order.ca_pem;
    enrolment.key_pem = key->private_pem();
    const auto csr = crypto::make_csr(enrolment.key_pem, common_name);
    if (!csr) return refused(Refusal::internal);
    protocol::EnrolEvidence proof{.activation_code = order.activation_code,
                                  .csr_pem = *csr,
                                  .body = std::move(begun->statement.body),
                                  .core_signature = std::move(begun->statement.signature),
                                  .evidences = {}};
    if (begun->evidence) proof.evidences.push_back(std::move(*begun->evidence));
    auto enrolled = prove(**platform, parts.core, std::move(proof));
    if (!enrolled) return std::unexpected(enrolled.error());
    if (!read_enrolled(std::move(*enrolled), enrolment)) return refused(Refusal::internal);
    const auto identity = identity_of(enrolment);
    if (!identity || !PlatformClient::make(*identity, parts.limits)) {
        return refused(Refusal::internal);
    }
    if (!store_enrolment(parts.state, enrolment)) return refused(Refusal::store_unavailable);
    if (auto finished = finish_enrolment(parts.state, parts.core, enrolment); !finished) {
        return std::unexpected(std::move(finished.error()));
    }
    return enrolment;
}

std::expected<void, RefusalText> finish_enrolment(const host::Directory& state, TrustedClient& core,
                                                  Enrolment& enrolment) {
    if (enrolment.core_has_it) return {};
    const auto taken = core.enrol_finish(enrolment.for_core);
    if (!taken) return refused_by_core(taken.error());
    enrolment.core_has_it = true;
    enrolment.for_core = {};
    if (!store_enrolment(state, enrolment)) return refused(Refusal::store_unavailable);
    return {};
}

}  // namespace softpos::device
