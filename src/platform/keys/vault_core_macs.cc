// MACs under keys of their own, card cryptograms, and MACs of the field's terminals.
#include "crypto/emv_keys.h"
#include "crypto/hash.h"
#include "crypto/mac.h"
#include "platform/keys/vault_core.h"
#include "platform/keys/vault_core_parts.h"

#include <algorithm>

namespace softpos::keys {

using protocol::DoneAnswer;

// ---- MACs -----------------------------------------------------------------------------------

struct VaultCore::MacJob {
    Operation operation;
    const KeyEntry& key;
    protocol::MacPadding padding;
    Bytes data;
};

namespace {

crypto::Padding padding_of(protocol::MacPadding padding) {
    switch (padding) {
        case protocol::MacPadding::zeros:
            return crypto::Padding::zeros;
        case protocol::MacPadding::bit:
            return crypto::Padding::bit;
        case protocol::MacPadding::length:
            return crypto::Padding::length;
    }
    CHECK(false);
    return {};
}

Buffer owned(Bytes bytes) {
    return {bytes.begin(), bytes.end()};
}

}  // namespace

// The usage is the algorithm: no key makes MACs of two kinds.
Result<Buffer> VaultCore::mac_of(const MacJob& job) {
    TRY_VOID(authorise(job.operation, job.key.attributes, job.key.state));
    const crypto::Padding padding = padding_of(job.padding);
    switch (job.key.attributes.usage) {
        case KeyUsage::mac_cbc: {
            const auto* cipher = TRY(cipher_for({job.operation, job.key}));
            return owned(crypto::iso9797_alg1(*cipher, job.data, padding).bytes());
        }
        case KeyUsage::mac_retail: {
            const UsableKey key = TRY(backend_->use(job.operation, job.key));
            return owned(TRY(crypto::iso9797_alg3(key.bytes(), job.data, padding)));
        }
        case KeyUsage::mac_cmac: {
            const UsableKey key = TRY(backend_->use(job.operation, job.key));
            const auto cipher = cipher_of(job.key.attributes.algorithm);
            return owned(TRY(crypto::cmac(cipher, key.bytes(), job.data)).bytes());
        }
        case KeyUsage::mac_hmac: {
            const UsableKey key = TRY(backend_->use(job.operation, job.key));
            return owned(crypto::hmac_sha256(key.bytes(), job.data));
        }
        default:
            return refuse(ErrorKind::denied, VaultFault::not_permitted);
    }
}

VaultCore::Answered VaultCore::on(const protocol::GenerateMacRequest& request) {
    return protocol::MacBytesAnswer{TRY(mac_of({.operation = Operation::generate_mac,
                                                .key = *TRY(find(request.alias)),
                                                .padding = request.padding,
                                                .data = request.data}))};
}

VaultCore::Answered VaultCore::on(const protocol::CheckMacRequest& request) {
    const Buffer whole = TRY(mac_of({.operation = Operation::verify_mac,
                                     .key = *TRY(find(request.alias)),
                                     .padding = request.padding,
                                     .data = request.data}));
    const std::size_t size = request.mac.size();
    if (size > whole.size() || !equal_constant_time(Bytes(whole).first(size), request.mac)) {
        return refuse(ErrorKind::denied, VaultFault::mac);
    }
    return DoneAnswer{};
}

// ---- Cards ----------------------------------------------------------------------------------

namespace {

Result<SecretBytes> card_session_key(Bytes master, const protocol::CheckCryptogramRequest& card) {
    const std::string_view pan = text_of(card.pan.bytes());
    const std::string_view sequence = text_of(card.pan_sequence);
    switch (card.method) {
        case protocol::CardKeyMethod::unionpay: {
            const auto key = TRY(crypto::unionpay_card_key(master, pan, sequence));
            return crypto::unionpay_session_key(key.bytes(), card.counter);
        }
        case protocol::CardKeyMethod::emv_option_a: {
            const auto key =
                TRY(crypto::card_key_option_a(master, pan, sequence, crypto::KeyParity::odd));
            return crypto::emv_session_key(key.bytes(), card.counter);
        }
        case protocol::CardKeyMethod::emv_option_b: {
            const auto key =
                TRY(crypto::card_key_option_b(master, pan, sequence, crypto::KeyParity::odd));
            return crypto::emv_session_key(key.bytes(), card.counter);
        }
    }
    return refuse(ErrorKind::malformed, VaultFault::malformed_request);
}

}  // namespace

// The answer is made only for a cryptogram that is right, in the same call.
VaultCore::Answered VaultCore::on(const protocol::CheckCryptogramRequest& request) {
    const KeyEntry* issuer = TRY(find(request.alias));
    const UsableKey master = TRY(backend_->use(Operation::verify_cryptogram, *issuer));
    const auto session = card_session_key(master.bytes(), request);
    if (!session) return refuse(ErrorKind::malformed, VaultFault::malformed_request);
    const auto expected = crypto::application_cryptogram(session->bytes(), request.data);
    if (!equal_constant_time(expected, request.cryptogram)) {
        return refuse(ErrorKind::denied, VaultFault::cryptogram);
    }
    protocol::CryptogramAnswer answer;
    if (!request.response_code) return answer;
    TRY_VOID(authorise(Operation::answer_cryptogram, issuer->attributes, issuer->state));
    answer.response =
        crypto::arpc_method1(session->bytes(), request.cryptogram, *request.response_code);
    return answer;
}

// ---- Terminals of the field -----------------------------------------------------------------

namespace {

constexpr std::size_t short_mac_bytes = 4;
constexpr std::size_t long_mac_bytes = 8;

// A counter that no terminal uses gives no key, as a wrong MAC gives no more than that.
Result<std::array<std::uint8_t, 8>> terminal_mac(KeyBackend& backend, const KeyEntry& base,
                                                 const crypto::TdesKsn& ksn,
                                                 crypto::TdesDukptUsage usage, Bytes data) {
    const UsableKey bdk = TRY(backend.use(Operation::derive_terminal_mac_key, base));
    const auto key = crypto::dukpt_tdes_host_key(bdk.bytes(), ksn, usage);
    if (!key) return refuse(ErrorKind::denied, VaultFault::mac);
    return crypto::iso9797_alg3(key->bytes(), data, crypto::Padding::zeros);
}

}  // namespace

VaultCore::Answered VaultCore::on(const protocol::CheckTerminalMacRequest& request) {
    const KeyEntry* base = TRY(find(request.base_key));
    const auto ksn = TRY(crypto::TdesKsn::parse(request.ksn));
    const auto whole =
        TRY(terminal_mac(*backend_, *base, ksn, crypto::TdesDukptUsage::mac_request, request.data));
    TRY_VOID(check_device({id_of(ksn), DeviceKind::terminal}));
    const std::size_t size = request.mac.size();
    const bool sized = size == short_mac_bytes || size == long_mac_bytes;
    if (!sized || !equal_constant_time(Bytes(whole).first(size), request.mac)) {
        return refuse(ErrorKind::denied, VaultFault::mac);
    }
    // Only what is right uses its number up; the same message again is the same message.
    const auto hash = crypto::sha256(request.data);
    CardDigest digest{};
    std::copy_n(hash.begin(), digest.size(), digest.begin());
    TRY_VOID(note_use({id_of(ksn), ReplayOf::terminal_macs, ksn.counter(), digest}));
    return DoneAnswer{};
}

VaultCore::Answered VaultCore::on(const protocol::AnswerTerminalMacRequest& request) {
    const KeyEntry* base = TRY(find(request.base_key));
    const auto ksn = TRY(crypto::TdesKsn::parse(request.ksn));
    TRY_VOID(check_device({id_of(ksn), DeviceKind::terminal}));
    const auto mac = TRY(
        terminal_mac(*backend_, *base, ksn, crypto::TdesDukptUsage::mac_response, request.data));
    return protocol::MacBytesAnswer{owned(mac)};
}

}  // namespace softpos::keys
