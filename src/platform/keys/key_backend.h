// Where keys are made and used. The vault knows names, states and rules; a backend knows keys.
#pragma once

#include "base/random.h"
#include "crypto/dukpt_aes.h"
#include "platform/keys/authorise.h"
#include "platform/keys/key_entry.h"
#include "platform/keys/key_vault.h"
#include "platform/keys/master_keeper.h"

namespace softpos::keys {

// A key in this process's memory for the length of one computation: borrowed from the entry where
// the body is the key, owned where it had to be unwrapped.
class UsableKey {
public:
    explicit UsableKey(Bytes borrowed) : bytes_(borrowed) {}
    explicit UsableKey(SecretBytes owned) : owned_(std::move(owned)), bytes_(owned_.bytes()) {}
    UsableKey(UsableKey&&) = default;
    UsableKey& operator=(UsableKey&&) = delete;

    Bytes bytes() const { return bytes_; }

private:
    SecretBytes owned_;
    Bytes bytes_;
};

// Callers use the public functions, which ask the table first; a backend writes the private ones,
// and nobody can reach those without the table. One call at a time.
class KeyBackend : public MasterKeeper {
public:
    // What its own tests of itself say, at start; the process ends where they fail.
    virtual Result<void> self_test() = 0;

    // CHECKs that a key may look so. The name is bound to the body where the body is wrapped.
    Result<KeyEntry> generate(std::string_view name, const KeyAttributes& attributes);
    Result<KeyEntry> import(std::string_view name, const KeyAttributes& attributes, Bytes key);
    // Nothing of it is left in a token; the entry's own body is the caller's to wipe.
    Result<void> destroy(const KeyEntry& key);

    // For what is computed here and not in the backend. internal for a key that is in a token:
    // no operation on those comes this way.
    Result<UsableKey> use(Operation operation, const KeyEntry& key);

    Result<SecretBytes> dukpt_initial_key(const KeyEntry& base, Bytes initial_key_id8);
    // Usage and operation belong together: card data with derive_card_key, PINs with
    // derive_pin_key. denied for a counter that no device uses.
    Result<SecretBytes> dukpt_card_key(const KeyEntry& base, const crypto::AesKsn& ksn);
    Result<SecretBytes> dukpt_pin_key(const KeyEntry& base, const crypto::AesKsn& ksn);

    Result<Buffer> sign(const KeyEntry& key, Bytes message);
    Result<EcPoint> public_point(const KeyEntry& key);  // Of a key pair in any state but destroyed.
    Result<KeyCheck> check_value(const KeyEntry& key);  // The same.

private:
    virtual Result<KeyBody> do_generate(std::string_view name, const KeyAttributes& attributes) = 0;
    virtual Result<KeyBody> do_import(std::string_view name, const KeyAttributes& attributes,
                                      Bytes key) = 0;
    virtual Result<void> do_destroy(const KeyEntry& key) = 0;
    virtual Result<UsableKey> do_use(const KeyEntry& key) = 0;
    virtual Result<SecretBytes> do_initial_key(const KeyEntry& base, Bytes initial_key_id8) = 0;
    virtual Result<SecretBytes> do_transaction_key(const KeyEntry& base, const crypto::AesKsn& ksn,
                                                   crypto::DukptUsage usage) = 0;
    virtual Result<Buffer> do_sign(const KeyEntry& key, Bytes message) = 0;
    virtual Result<EcPoint> do_public_point(const KeyEntry& key) = 0;
    virtual Result<KeyCheck> do_check_value(const KeyEntry& key) = 0;
};

// Sizes of fresh keys, and how they are made, in any backend that makes them in memory.
SecretBytes fresh_key(const KeyAttributes& attributes, Random& random);
// From the key itself. Of a key pair: over its public point.
Result<KeyCheck> check_value_of(KeyAlgorithm algorithm, Bytes key);
KeyCheck check_value_of_point(const EcPoint& point);

}  // namespace softpos::keys
