// The checkers, one a kind of file. Each takes any number of rows of its shape in any order; keys
// that it does not know are passed over.
#pragma once

#include "world/conformance/rows.h"

#include <string>
#include <string_view>

namespace softpos::conformance {

struct Input {
    std::string_view text;
    Node json;              // Where the file is one JSON document.
    std::string folder;     // Where companions of the file lie; may be empty.
    std::string_view file;  // Its own name in there.
};

// dukpt.cc
void check_dukpt_aes(const Input& in, Tally& tally);
void check_dukpt_tdes(const Input& in, Tally& tally);
// mac.cc
void check_mac(const Input& in, Tally& tally);
void check_botan_cmac(const Input& in, Tally& tally);
// pin_block.cc
void check_pin_blocks(const Input& in, Tally& tally);
// key_block.cc
void check_key_blocks(const Input& in, Tally& tally);
// terminal_keys.cc
void check_terminal_examples(const Input& in, Tally& tally);
void check_keys_mac(const Input& in, Tally& tally);
// cryptogram.cc
void check_unionpay_cryptogram(const Input& in, Tally& tally);
void check_module_calls(const Input& in, Tally& tally);
void check_module_tests(const Input& in, Tally& tally);
// iso8583.cc
void check_pos_messages(const Input& in, Tally& tally);
void check_institution_messages(const Input& in, Tally& tally);
// iso8583_world.cc
void check_packagers(const Input& in, Tally& tally);
void check_messages_87(const Input& in, Tally& tally);
void check_own_tables(const Input& in, Tally& tally);
// tlv.cc
void check_tlv_decoding(const Input& in, Tally& tally);
// unionpay.cc
void check_online_tap(const Input& in, Tally& tally);
void check_recorded_options(const Input& in, Tally& tally);
void check_issuer_data(const Input& in, Tally& tally);
void check_parameter_tlvs(const Input& in, Tally& tally);
void check_get_data(const Input& in, Tally& tally);
// entry_point.cc
void check_entry_point(const Input& in, Tally& tally);
void check_terminal_settings(const Input& in, Tally& tally);

// android_parse.cc
void check_android_description(const Input& in, Tally& tally);
void check_android_chain(const Input& in, Tally& tally);
// android_verdicts.cc
void check_android_synthetic(const Input& in, Tally& tally);
void check_android_tampered(const Input& in, Tally& tally);
void check_android_warden(const Input& in, Tally& tally);
// android_lists.cc
void check_android_roots(const Input& in, Tally& tally);
void check_android_root(const Input& in, Tally& tally);
void check_revocation_list(const Input& in, Tally& tally);

// app_attest.cc
void check_app_attest(const Input& in, Tally& tally);
void check_app_attest_root(const Input& in, Tally& tally);
// tpm_quote.cc
void check_tpm_quote(const Input& in, Tally& tally);
void check_tpm_signature_file(const Input& in, Tally& tally);
void check_tpm_pcrs(const Input& in, Tally& tally);
void check_tpm_parsed(const Input& in, Tally& tally);
void check_tpm_attestation_key(const Input& in, Tally& tally);
void check_tpm_endorsement_key(const Input& in, Tally& tally);
void check_tpm_authority(const Input& in, Tally& tally);
void check_tpm_credential(const Input& in, Tally& tally);
// qr_codes.cc
void check_merchant_codes(const Input& in, Tally& tally);
void check_payer_codes(const Input& in, Tally& tally);
void check_payment_codes(const Input& in, Tally& tally);
// commercial.cc
void check_botan_sm2_invalid(const Input& in, Tally& tally);
void check_botan_sm2_signatures(const Input& in, Tally& tally);
void check_botan_sm3(const Input& in, Tally& tally);
void check_botan_sm4(const Input& in, Tally& tally);
void check_openssl_sm2(const Input& in, Tally& tally);
void check_openssl_symmetric(const Input& in, Tally& tally);
void check_sm2_standard(const Input& in, Tally& tally);
// hitls.cc
void check_hitls_sm2_crypt(const Input& in, Tally& tally);
void check_hitls_sm2_sign(const Input& in, Tally& tally);
void check_hitls_sm3(const Input& in, Tally& tally);
void check_hitls_sm4(const Input& in, Tally& tally);
// wallet_signing.cc
void check_alipay(const Input& in, Tally& tally);
void check_wechat_v2(const Input& in, Tally& tally);
void check_wechat_v3(const Input& in, Tally& tally);
// wycheproof.cc
void check_wycheproof_cbc(const Input& in, Tally& tally);
void check_wycheproof_ecdh(const Input& in, Tally& tally);
void check_wycheproof_ecdsa(const Input& in, Tally& tally);
void check_wycheproof_gcm(const Input& in, Tally& tally);
void check_wycheproof_hkdf(const Input& in, Tally& tally);
void check_wycheproof_key_wrap(const Input& in, Tally& tally);
void check_wycheproof_rsa(const Input& in, Tally& tally);

}  // namespace softpos::conformance
