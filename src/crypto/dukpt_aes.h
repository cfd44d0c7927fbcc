// AES DUKPT: a fresh key for every transaction, which the host can compute again from its base key
// and the device cannot compute backwards.
//
// Spec: [X9.24-3] 6.
#pragma once

#include "base/result.h"
#include "base/secret.h"
#include "crypto/cipher.h"

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace softpos::crypto {

constexpr std::size_t dukpt_initial_key_id_bytes = 8;
constexpr unsigned dukpt_counter_ones_max = 16;
constexpr std::uint32_t dukpt_counter_last = 0xFFFF0000;

// Key serial number: initial key id (base key id 4, derivation id 4) and transaction counter 4.
struct AesKsn {
    std::array<std::uint8_t, 12> bytes{};

    static Result<AesKsn> parse(Bytes ksn12);                          // Exactly 12 bytes.
    static AesKsn make(Bytes initial_key_id8, std::uint32_t counter);  // The size is CHECKed.

    Bytes initial_key_id() const { return Bytes(bytes).first(dukpt_initial_key_id_bytes); }
    std::uint32_t counter() const;

    friend auto operator<=>(const AesKsn&, const AesKsn&) = default;
};

// From 1 to FFFF0000 and at most 16 one bits: the others are never used.
bool is_dukpt_counter(std::uint32_t counter);

// What a working key is for. Spec: [X9.24-3] 6.3.2.
enum class DukptUsage : std::uint16_t {
    key_encryption = 0x0002,
    pin_encryption = 0x1000,
    mac_generation = 0x2000,
    mac_verification = 0x2001,
    mac_both_ways = 0x2002,
    data_encrypt = 0x3000,
    data_decrypt = 0x3001,
    data_both_ways = 0x3002,
};

// What it is a key of. Spec: [X9.24-3] 6.3.3.
enum class DukptKeyKind : std::uint16_t {
    tdes2 = 0,
    tdes3 = 1,
    aes128 = 2,
    aes192 = 3,
    aes256 = 4
};

// Host side. The base key has 16, 24 or 32 bytes and the initial key is as long.
// malformed for sizes, denied for a counter that no device uses and for a working key that would be
// stronger than the base key.
Result<SecretBytes> dukpt_aes_initial_key(Bytes bdk, Bytes initial_key_id8);
Result<SecretBytes> dukpt_aes_host_key(Bytes bdk, const AesKsn& ksn, DukptUsage usage,
                                       DukptKeyKind kind);

// The same for a host that asks often: the key schedule of the base key is made once, and one
// cipher serves every step below it. Holds the base key until it is destroyed.
class DukptAesHost {
public:
    static Result<DukptAesHost> make(Bytes bdk);
    Result<SecretBytes> key(const AesKsn& ksn, DukptUsage usage, DukptKeyKind kind);

private:
    DukptAesHost(BlockKey base, BlockKey scratch, std::size_t bdk_bytes)
        : base_(std::move(base)), scratch_(std::move(scratch)), bdk_bytes_(bdk_bytes) {}

    BlockKey base_;
    BlockKey scratch_;  // Left with the key above the last one asked for.
    std::size_t bdk_bytes_;
};

// The same where the host keeps initial keys in the place of the base key.
Result<SecretBytes> dukpt_aes_key_from_initial(Bytes initial_key, const AesKsn& ksn,
                                               DukptUsage usage, DukptKeyKind kind);
// The key that protects a device's next initial key on its way: derived at counter FFFFFFFF, which
// no transaction reaches. Spec: [X9.24-3] 6.5.4.
Result<SecretBytes> dukpt_aes_update_key(Bytes bdk, Bytes initial_key_id8, DukptKeyKind kind);

// The same for a base key that is in a token, of 16 or 32 bytes: data that is encrypted under the
// base key (ECB, whole blocks) gives the initial key; each further step's data, encrypted under the
// key before it, gives the next key, the last one the working key, of which the first bytes count.
// Nothing in it is secret. Errors as above.
Result<Buffer> dukpt_aes_initial_key_data(std::size_t bdk_bytes, Bytes initial_key_id8);
Result<std::vector<Buffer>> dukpt_aes_path(std::size_t bdk_bytes, const AesKsn& ksn,
                                           DukptUsage usage, DukptKeyKind kind);

// The key that the working keys of one transaction come from. For conformance runs.
Result<SecretBytes> dukpt_aes_derivation_key(Bytes bdk, const AesKsn& ksn);

// Device side: knows the keys of transactions to come and none of those that were.
//
//     auto device = TRY(DukptAesDevice::load(initial_key, initial_key_id, 1));
//     const auto step = TRY(device.next(DukptUsage::data_encrypt, DukptKeyKind::aes128));
//     save(device.serialize());   // Before step.key is used: a crash skips a counter, never
//                                 // repeats one.
class DukptAesDevice {
public:
    static constexpr std::size_t register_count = 32;

    // Erasing `initial_key` afterwards is the caller's part. denied unless first_counter is one
    // that devices use.
    static Result<DukptAesDevice> load(Bytes initial_key, Bytes initial_key_id8,
                                       std::uint32_t first_counter = 1);
    static Result<DukptAesDevice> restore(Bytes serialized);
    SecretBytes serialize() const;

    struct Step {
        AesKsn ksn;
        SecretBytes key;
    };
    // Uses up one counter. denied where all are used, or the working key would be stronger than
    // the initial key: then nothing is used up.
    Result<Step> next(DukptUsage usage, DukptKeyKind kind);

    // The counter that next() will use; above dukpt_counter_last when all are used.
    std::uint32_t counter() const { return counter_; }
    Bytes initial_key_id() const { return initial_key_id_; }

private:
    using Registers = std::array<SecretBytes, register_count>;
    DukptAesDevice() = default;
    void advance();

    std::array<std::uint8_t, dukpt_initial_key_id_bytes> initial_key_id_{};
    std::size_t key_bytes_ = 0;
    std::uint32_t counter_ = 0;
    Registers registers_;  // registers_[i]: the key at counter_ with the bits below i cleared and
                           // bit i set, where that is still to come; else empty.
};

}  // namespace softpos::crypto
