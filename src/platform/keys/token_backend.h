// Keys in a token where the token can compute with them; the others under a key that is in it.
#pragma once

#include "platform/keys/soft_backend.h"
#include "platform/token/token.h"

namespace softpos::keys {

// Which key goes where is a matter of its kind alone:
//
//   AES base keys              made in the token, work there, never come out; so do the initial
//   keys
//                              and all keys of a DUKPT path. Only the last one, the key of one card
//                              or one PIN, comes out for its one message.
//   everything else            TDES, SM4, HMAC, P-256 and AES keys of key blocks: no token that we
//                              may expect computes what we need with them. Made here and kept under
//                              the token's wrapping key, with name and attributes as additional
//                              data; in this process's memory for the length of one call.
//
// An initial key is in memory once more, while it is sealed to the phone that it is for.
// Where the token does not answer, so does no call that needs a key: unavailable (token).
class TokenBackend final : public KeyBackend {
public:
    // The wrapping key, once for a token's whole life.
    static Result<void> prepare(token::Token& token);

    TokenBackend(std::unique_ptr<token::Token> token, Random& random)
        : token_(std::move(token)), random_(random), soft_(random) {}

    // Wrapping key there and confined; random keys give the same in the token as in the library.
    Result<void> self_test() override;
    const char* master_file() const override { return "master.token"; }
    Result<SecretBytes> seal_master(Bytes key) override;
    Result<SecretBytes> open_master(Bytes sealed) override;

private:
    Result<KeyBody> do_generate(std::string_view name, const KeyAttributes& attributes) override;
    Result<KeyBody> do_import(std::string_view name, const KeyAttributes& attributes,
                              Bytes key) override;
    Result<void> do_destroy(const KeyEntry& key) override;
    Result<UsableKey> do_use(const KeyEntry& key) override;
    Result<SecretBytes> do_initial_key(const KeyEntry& base, Bytes initial_key_id8) override;
    Result<SecretBytes> do_transaction_key(const KeyEntry& base, const crypto::AesKsn& ksn,
                                           crypto::DukptUsage usage) override;
    Result<Buffer> do_sign(const KeyEntry& key, Bytes message) override;
    Result<EcPoint> do_public_point(const KeyEntry& key) override;
    Result<KeyCheck> do_check_value(const KeyEntry& key) override;

    Result<SecretBytes> wrap(Bytes aad, Bytes key);
    Result<SecretBytes> unwrap(Bytes aad, Bytes body);
    // The same key as the library computes with it.
    Result<KeyEntry> plain(const KeyEntry& key);
    Result<void> compare(std::size_t key_bytes);

    std::unique_ptr<token::Token> token_;
    Random& random_;
    SoftBackend soft_;
};

}  // namespace softpos::keys
