// Texts to sign, and the one member of an answer that a signature is about.
#include "platform/channel/wallet/alipay.h"

#include "base/hex.h"
#include "codec/base64.h"
#include "codec/json_slices.h"
#include "codec/json_tree.h"
#include "crypto/block_modes.h"
#include "crypto/hash.h"
#include "platform/channel/wallet/signing.h"

#include <algorithm>
#include <array>

namespace softpos::wallet {
namespace {

constexpr std::string_view sign_name = "sign";
constexpr std::string_view sign_type_name = "sign_type";
constexpr std::string_view error_member = "error_response";
constexpr std::string_view rsa_signature_oids = "1.2.840.113549.1.1";
constexpr std::size_t root_certificates_max = 16;
constexpr std::size_t content_key_bytes = 16;
constexpr std::size_t content_characters_max = 256UL * 1024;

void append_pair(std::string& text, std::string_view name, std::string_view value) {
    if (!text.empty()) text += '&';
    text += name;
    text += '=';
    text += value;
}

// Here what is empty stays: a notification is signed as it is.
std::string notification_text(const AlipayParameters& parameters, bool with_sign_type) {
    std::string text;
    for (const auto& [name, value] : parameters) {
        if (name == sign_name || (name == sign_type_name && !with_sign_type)) continue;
        append_pair(text, name, value);
    }
    return text;
}

bool has(const AlipayParameters& parameters, std::string_view name, std::string_view value) {
    const auto found = parameters.find(name);
    return found != parameters.end() && found->second == value;
}

// "alipay.trade.pay" answers in "alipay_trade_pay_response".
std::string member_of(std::string_view method) {
    std::string name(method);
    std::ranges::replace(name, '.', '_');
    return name + "_response";
}

std::string lower_case(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

std::string_view short_name(std::string_view oid) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 6> names{{
        {"2.5.4.3", "CN"},
        {"2.5.4.6", "C"},
        {"2.5.4.7", "L"},
        {"2.5.4.8", "ST"},
        {"2.5.4.10", "O"},
        {"2.5.4.11", "OU"},
    }};
    for (const auto& [known, name] : names) {
        if (known == oid) return name;
    }
    return {};
}

struct Parts {
    AlipayAnswer answer;
    std::string sign;
};

Result<Parts> parts_of(std::string_view method, std::string_view body) {
    const auto slices = TRY(codec::json_slices(body));
    const std::string member = member_of(method);
    Parts parts;
    for (const codec::JsonSlice& slice : slices) {
        const bool is_error = slice.name == error_member;
        if (slice.name == member || is_error) {
            if (!parts.answer.bytes.empty()) {
                return fail(ErrorKind::malformed, "alipay: two answers in one");
            }
            parts.answer = {slice.bytes, is_error};
        }
    }
    if (parts.answer.bytes.empty()) return fail(ErrorKind::malformed, "alipay: no answer in it");
    const auto json = TRY(codec::JsonTree::parse(body, {.bytes_max = content_characters_max}));
    parts.sign = json.root()[sign_name].text().value_or("");
    return parts;
}

}  // namespace

std::string alipay_request_text(const AlipayParameters& parameters) {
    std::string text;
    for (const auto& [name, value] : parameters) {
        if (name != sign_name && !value.empty()) append_pair(text, name, value);
    }
    return text;
}

Result<std::string> alipay_request(const crypto::RsaKey& key, AlipayParameters parameters) {
    if (!has(parameters, sign_type_name, "RSA2") || !has(parameters, "charset", "utf-8")) {
        return fail(ErrorKind::conflict, "alipay: sign_type is not RSA2, or charset not utf-8");
    }
    if (parameters.contains(sign_name)) return fail(ErrorKind::conflict, "alipay: signed already");
    std::erase_if(parameters, [](const auto& parameter) { return parameter.second.empty(); });
    parameters.emplace(sign_name, TRY(sign_text(key, alipay_request_text(parameters))));
    return write_form(parameters);
}

Result<AlipayAnswer> alipay_answer_part(std::string_view method, std::string_view body) {
    return TRY(parts_of(method, body)).answer;
}

Result<AlipayAnswer> alipay_answer(const crypto::PublicKey& alipay_key, std::string_view method,
                                   std::string_view body) {
    const Parts parts = TRY(parts_of(method, body));
    if (parts.sign.empty()) return fail(ErrorKind::denied, "alipay: answer is not signed");
    TRY_VOID(verify_text(alipay_key, parts.answer.bytes, parts.sign));
    return parts.answer;
}

Result<void> alipay_verify_notification(const crypto::PublicKey& alipay_key,
                                        const AlipayParameters& parameters) {
    const auto sign = parameters.find(sign_name);
    if (sign == parameters.end()) return fail(ErrorKind::denied, "alipay: not signed");
    const auto usual = verify_text(alipay_key, notification_text(parameters, false), sign->second);
    if (usual || !parameters.contains(sign_type_name)) return usual;
    return verify_text(alipay_key, notification_text(parameters, true), sign->second);
}

Result<AlipayParameters> alipay_notification(const crypto::PublicKey& alipay_key,
                                             std::string_view body) {
    AlipayParameters parameters = TRY(read_form(body));
    TRY_VOID(alipay_verify_notification(alipay_key, parameters));
    return parameters;
}

Result<std::string> alipay_certificate_sn(const crypto::Certificate& certificate) {
    const auto parts = TRY(crypto::name_parts(certificate.issuer()));
    std::string text;
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
        const std::string_view name = short_name(part->oid);
        if (name.empty()) return fail(ErrorKind::unsupported, "alipay: part of an issuer's name");
        if (!text.empty()) text += ',';
        text += name;
        text += '=' + part->value;
    }
    return lower_case(to_hex(crypto::md5(bytes_of(text + certificate.serial_decimal()))));
}

Result<std::string> alipay_root_certificate_sn(std::string_view pem) {
    std::string joined;
    for (const Buffer& der : TRY(crypto::pem_certificates(pem, root_certificates_max))) {
        const auto certificate = crypto::Certificate::parse(der);
        // A root file also holds certificates on curves that are not read here.
        if (!certificate || !certificate->signature_oid().starts_with(rsa_signature_oids)) continue;
        if (!joined.empty()) joined += '_';
        joined += TRY(alipay_certificate_sn(*certificate));
    }
    if (joined.empty()) return fail(ErrorKind::malformed, "alipay: no root signed with RSA");
    return joined;
}

Result<std::string> alipay_encrypt(Bytes key, std::string_view content) {
    if (key.size() != content_key_bytes) return fail(ErrorKind::malformed, "alipay: content key");
    const std::array<std::uint8_t, content_key_bytes> zero{};
    const Buffer sealed = TRY(crypto::cbc_padded_encrypt(
        {crypto::Cipher::aes, crypto::BlockMode::cbc, key, zero}, bytes_of(content)));
    return codec::to_base64(sealed);
}

Result<SecretBytes> alipay_decrypt(Bytes key, std::string_view base64) {
    if (key.size() != content_key_bytes) return fail(ErrorKind::malformed, "alipay: content key");
    if (base64.size() > content_characters_max) return fail(ErrorKind::denied, "alipay: too long");
    const std::array<std::uint8_t, content_key_bytes> zero{};
    const Buffer sealed = TRY(codec::from_base64(base64));
    auto content = crypto::cbc_padded_decrypt(
        {crypto::Cipher::aes, crypto::BlockMode::cbc, key, zero}, sealed);
    if (!content) return fail(ErrorKind::denied, "alipay: content cannot be opened");
    return content;
}

}  // namespace softpos::wallet
