// The text is hashed twice: once into hex that is signed, once by the signature itself.
#include "platform/channel/wallet/unionpay_qrc.h"

#include "base/hex.h"
#include "crypto/hash.h"
#include "platform/channel/wallet/signing.h"

namespace softpos::wallet {
namespace {

constexpr std::string_view signature_name = "signature";
constexpr std::string_view certificate_name = "certId";

std::string digest_of(const FormFields& fields) {
    std::string hex = to_hex(crypto::sha256(bytes_of(unionpay_text(fields))));
    for (char& c : hex) {
        if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    }
    return hex;
}

}  // namespace

std::string unionpay_text(const FormFields& fields) {
    std::string text;
    for (const auto& [name, value] : fields) {
        if (name == signature_name || value.empty()) continue;
        if (!text.empty()) text += '&';
        text += name + "=" + value;
    }
    return text;
}

Result<std::string> unionpay_message(const crypto::RsaKey& key, FormFields fields) {
    if (fields.contains(signature_name)) {
        return fail(ErrorKind::conflict, "unionpay: signed already");
    }
    std::erase_if(fields, [](const auto& field) { return field.second.empty(); });
    fields.emplace(signature_name, TRY(sign_text(key, digest_of(fields))));
    return write_form(fields);
}

Result<FormFields> unionpay_read(const UnionpayKeys& keys, std::string_view body) {
    FormFields fields = TRY(read_form(body));
    const auto certificate = fields.find(certificate_name);
    const auto signature = fields.find(signature_name);
    if (certificate == fields.end() || signature == fields.end()) {
        return fail(ErrorKind::denied, "unionpay: not signed");
    }
    const auto key = keys.find(certificate->second);
    if (key == keys.end()) return fail(ErrorKind::not_found, "unionpay: no such certificate");
    TRY_VOID(verify_text(key->second, digest_of(fields), signature->second));
    return fields;
}

}  // namespace softpos::wallet
