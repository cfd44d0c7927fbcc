// A DUKPT device of the core, with the discipline of its counter: a counter may be used only
// after the stored state stands behind it, so that no crash, however timed, uses one twice.
#pragma once

#include "base/result.h"
#include "base/secret.h"
#include "crypto/dukpt_aes.h"

#include <cstdint>
#include <optional>

namespace softpos::trust {

// How many counters one save reserves. A crash loses at most so many of some two billion.
constexpr unsigned counter_block = 64;

// Two copies of one device: `ahead` is what is stored and stands behind the reserved block; the
// other works its way through the block. After a restart only the stored one is left, which means
// that the rest of the block is skipped, and that storage never held a key that was used.
//
//     if (keys.needs_block()) {
//         auto block = TRY(keys.next_block());
//         TRY_VOID(save(block.serialize()));     // Only then:
//         keys.enter(std::move(block));
//     }
//     const auto step = TRY(keys.next());
class TransactionKeys {
public:
    // From storage: nothing is reserved yet. `usage` is what its keys are for.
    static Result<TransactionKeys> restore(Bytes stored, crypto::DukptUsage usage);
    // A new initial key. Counters below `first_counter` count as used.
    static Result<TransactionKeys> load(Bytes initial_key, Bytes initial_key_id8,
                                        std::uint32_t first_counter, crypto::DukptUsage usage);

    bool needs_block() const { return working_.counter() >= ceiling_; }
    bool exhausted() const;
    // The device as it stands behind the next block. denied where no counter is left.
    Result<crypto::DukptAesDevice> next_block() const;
    void enter(const crypto::DukptAesDevice& stored) { ceiling_ = stored.counter(); }

    // The key of one transaction. CHECKs that its counter was reserved.
    Result<crypto::DukptAesDevice::Step> next();

    std::uint32_t counter() const { return working_.counter(); }
    std::uint32_t ceiling() const { return ceiling_; }
    Bytes initial_key_id() const { return working_.initial_key_id(); }

private:
    TransactionKeys(crypto::DukptAesDevice device, crypto::DukptUsage usage)
        : working_(std::move(device)), usage_(usage), ceiling_(working_.counter()) {}

    crypto::DukptAesDevice working_;
    crypto::DukptUsage usage_;
    std::uint32_t ceiling_;  // The first counter that is not reserved.
};

}  // namespace softpos::trust
