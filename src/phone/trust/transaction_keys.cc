// Reserving runs a copy of the device ahead; the registers do the rest.
#include "phone/trust/transaction_keys.h"

#include "base/check.h"

namespace softpos::trust {
namespace {

constexpr auto kind = crypto::DukptKeyKind::aes128;

}  // namespace

Result<TransactionKeys> TransactionKeys::restore(Bytes stored, crypto::DukptUsage usage) {
    return TransactionKeys(TRY(crypto::DukptAesDevice::restore(stored)), usage);
}

Result<TransactionKeys> TransactionKeys::load(Bytes initial_key, Bytes initial_key_id8,
                                              std::uint32_t first_counter,
                                              crypto::DukptUsage usage) {
    return TransactionKeys(
        TRY(crypto::DukptAesDevice::load(initial_key, initial_key_id8, first_counter)), usage);
}

bool TransactionKeys::exhausted() const {
    return working_.counter() > crypto::dukpt_counter_last;
}

Result<crypto::DukptAesDevice> TransactionKeys::next_block() const {
    if (exhausted()) return fail(ErrorKind::denied, "trust: all transaction keys are used");
    const SecretBytes now = working_.serialize();
    auto ahead = TRY(crypto::DukptAesDevice::restore(now.bytes()));
    for (unsigned i = 0; i < counter_block; ++i) {
        if (ahead.counter() > crypto::dukpt_counter_last) break;
        TRY(ahead.next(usage_, kind));
    }
    return ahead;
}

Result<crypto::DukptAesDevice::Step> TransactionKeys::next() {
    CHECK(!needs_block());
    return working_.next(usage_, kind);
}

}  // namespace softpos::trust
