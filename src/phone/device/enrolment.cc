// The order of the steps is what makes it safe to be cut off anywhere.
#include "phone/device/enrolment.h"

#include "base/hex.h"
#include "base/log.h"
#include "codec/strict_json.h"
#include "crypto/p256.h"
#include "crypto/x509.h"

#include <boost/json.hpp>

#include <algorithm>

namespace softpos::device {
namespace {

namespace json = boost::json;

constexpr char file_name[] = "enrolment.json";
constexpr std::size_t file_bytes_max = 256 * 1024;
// The platform puts the terminal's identifier into the certificate, whatever is asked for.
constexpr std::string_view common_name = "softpos-device";

std::unexpected<RefusalText> refused(Refusal refusal, std::string_view field = {}) {
    return std::unexpected(words_of(refusal, field));
}

std::unexpected<RefusalText> refused_by_core(const Error& error) {
    log(LogLevel::warning, "enrolment refused by the trusted core", error);
    return refused(trusted_refusal_of(error));
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
    protocol::EnrolFinishRequest& core = enrolment.for_core;
    core.terminal_id = fields.text("terminal_id", 8);
    core.merchant_id = fields.text("merchant_id", 15);
    core.merchant_name = fields.text("merchant_name", protocol::merchant_name_bytes_max);
    if (!enrolment.core_has_it) {
        const Buffer key_id = fields.hex("initial_key_id", 8, 8);
        core.key_envelope = fields.hex("key_envelope", 1, protocol::key_envelope_bytes_max);
        core.emv_parameters =
            text_of(fields.hex("emv_parameters", 1, protocol::emv_parameters_bytes_max));
        if (key_id.size() == 8) std::ranges::copy(key_id, core.initial_key_id.begin());
    }
    if (fields.finish()) return fail(ErrorKind::malformed, "enrolment: the file is damaged");
    return enrolment;
}

Result<void> store_enrolment(const host::Directory& state, const Enrolment& enrolment) {
    const protocol::EnrolFinishRequest& core = enrolment.for_core;
    json::object object{{"server", enrolment.server},
                        {"server_ca_pem", enrolment.server_ca_pem},
                        {"certificate_pem", enrolment.certificate_pem},
                        {"key_pem", enrolment.key_pem},
                        {"core_has_it", enrolment.core_has_it},
                        {"terminal_id", core.terminal_id},
                        {"merchant_id", core.merchant_id},
                        {"merchant_name", core.merchant_name}};
    if (!enrolment.core_has_it) {
        object["initial_key_id"] = to_hex(core.initial_key_id);
        object["key_envelope"] = to_hex(core.key_envelope);
        object["emv_parameters"] = to_hex(bytes_of(core.emv_parameters));
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

std::expected<Enrolment, RefusalText> enrol(const host::Directory& state, TrustedClient& core,
                                            const EnrolOrder& order, const PlatformLimits& limits) {
    const auto address = parse_server_url(order.server);
    if (!address) return refused(Refusal::bad_value, "server");
    const auto platform = PlatformClient::make(
        {.address = *address, .ca_pem = order.ca_pem, .cert_pem = {}, .key_pem = {}}, limits);
    if (!platform) return refused(Refusal::bad_value, "ca_pem");
    const auto begun = core.enrol_begin();
    if (!begun) return refused_by_core(begun.error());
    const auto key = crypto::P256Key::generate();
    if (!key) return refused(Refusal::internal);
    Enrolment enrolment;
    enrolment.server = order.server;
    enrolment.server_ca_pem = order.ca_pem;
    enrolment.key_pem = key->private_pem();
    const auto csr = crypto::make_csr(enrolment.key_pem, common_name);
    if (!csr) return refused(Refusal::internal);
    auto answer = (*platform)->enrol({.activation_code = order.activation_code,
                                      .csr_pem = *csr,
                                      .ta_public_point = begun->public_point,
                                      .measurement = begun->measurement,
                                      .device_model = order.device_model,
                                      .device_os = order.device_os,
                                      .app_version = order.app_version});
    if (!answer) return std::unexpected(std::move(answer.error()));
    enrolment.certificate_pem = std::move(answer->certificate_pem);
    enrolment.for_core = std::move(answer->for_core);
    const auto identity = identity_of(enrolment);
    if (!identity || !PlatformClient::make(*identity, limits)) return refused(Refusal::internal);
    if (!store_enrolment(state, enrolment)) return refused(Refusal::store_unavailable);
    if (auto finished = finish_enrolment(state, core, enrolment); !finished) {
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
    enrolment.for_core.key_envelope.clear();
    enrolment.for_core.emv_parameters.clear();
    if (!store_enrolment(state, enrolment)) return refused(Refusal::store_unavailable);
    return {};
}

}  // namespace softpos::device
