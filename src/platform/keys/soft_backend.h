// Keys in this process's memory.
#pragma once

#include "base/random.h"
#include "crypto/dukpt_aes.h"
#include "crypto/p256.h"
#include "platform/keys/key_backend.h"

#include <optional>
#include <unordered_map>

namespace softpos::keys {

// The body is the key. Key pairs are parsed once and kept: a signature then costs what it costs.
class SoftBackend final : public KeyBackend {
public:
    static constexpr std::size_t parsed_pairs_max = 64;

    explicit SoftBackend(Random& random) : random_(random) {}
    Result<void> self_test() override { return {}; }
    const char* master_file() const override { return "master.key"; }
    Result<SecretBytes> seal_master(Bytes key) override { return SecretBytes::copy_of(key); }
    Result<SecretBytes> open_master(Bytes sealed) override { return SecretBytes::copy_of(sealed); }

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

    Result<const crypto::P256Key*> pair_of(const KeyEntry& key);

    Random& random_;
    std::unordered_map<std::string, crypto::P256Key> pairs_;
    // Of the base key used last: terminals of one acquirer share it.
    SecretBytes host_base_;
    std::optional<crypto::DukptAesHost> host_;
};

}  // namespace softpos::keys
