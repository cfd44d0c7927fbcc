// TDES DUKPT as terminals in the field use it: host and device side. For acquirers that demand it;
// our own phones use the AES one.
//
// Spec: [X9.24-1] Annex A.
#pragma once

#include "base/result.h"
#include "base/secret.h"

#include <array>
#include <cstdint>

namespace softpos::crypto {

constexpr std::uint32_t tdes_counter_max = 0x1FFFFF;  // 21 bits.
constexpr unsigned tdes_counter_ones_max = 10;

// Key serial number: key set and device, then 21 bits of counter.
struct TdesKsn {
    std::array<std::uint8_t, 10> bytes{};

    static Result<TdesKsn> parse(Bytes ksn10);  // Exactly 10 bytes.

    std::uint32_t counter() const;
    TdesKsn with_counter(std::uint32_t counter) const;  // At most tdes_counter_max: CHECKed.
};

// Not 0 and at most 10 one bits.
bool is_tdes_dukpt_counter(std::uint32_t counter);

enum class TdesDukptUsage : std::uint8_t {
    pin_encryption,
    mac_request,   // From the terminal.
    mac_response,  // To the terminal.
    data_request,
    data_response,
};

// The base key has 16 bytes, and so has every key that comes out. malformed for sizes, denied for
// a counter that no device uses.
Result<SecretBytes> dukpt_tdes_initial_key(Bytes bdk, const TdesKsn& ksn);
// The transaction key, before it is made into one of the five below.
Result<SecretBytes> dukpt_tdes_transaction_key(Bytes initial_key, const TdesKsn& ksn);
Result<SecretBytes> dukpt_tdes_host_key(Bytes bdk, const TdesKsn& ksn, TdesDukptUsage usage);
// What a transaction key becomes for one use: its variant, and for data that one-way encrypted.
Result<SecretBytes> dukpt_tdes_variant(Bytes transaction_key, TdesDukptUsage usage);

// Device side: 21 future keys; the initial key is gone after load.
class DukptTdesDevice {
public:
    static constexpr std::size_t register_count = 21;

    static Result<DukptTdesDevice> load(Bytes initial_key, const TdesKsn& ksn);

    struct Step {
        TdesKsn ksn;
        SecretBytes key;  // The transaction key: dukpt_tdes_variant() makes the working keys.
    };
    Result<Step> next();  // denied where all counters are used.

    std::uint32_t counter() const { return counter_; }  // Above tdes_counter_max: used up.

private:
    DukptTdesDevice() = default;
    void advance();

    TdesKsn ksn_;
    std::uint32_t counter_ = 1;
    std::array<SecretBytes, register_count> registers_;
};

}  // namespace softpos::crypto
