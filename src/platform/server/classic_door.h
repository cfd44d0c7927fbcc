// The door for classic terminals: cup-pos from the host's side (northbound, 北向). What they pay
// goes through the same engine, limits, ledger and network as what phones pay.
//
// Spec: [CUP-POS] 1.1 to 1.8 (as public terminal code shows it; the paper itself was not read).
#pragma once

#include "base/clock.h"
#include "codec/dialect.h"
#include "platform/keys/key_vault.h"
#include "platform/server/payment_engine.h"
#include "platform/server/upstream.h"
#include "platform/server/worker_pool.h"
#include "platform/store/store.h"

#include <functional>
#include <memory>
#include <string_view>

namespace softpos::server {

// A payment of a classic terminal is known by the numbers that the terminal gave it. Purchases,
// voids and refunds share the traces of a batch.
Id128 classic_payment_key(std::string_view terminal, std::uint32_t batch, std::uint32_t trace);
store::KeyRange classic_batch_keys(std::string_view terminal, std::uint32_t batch);
// Whether a key that a phone chose would be one of those.
bool is_classic_payment_key(const Id128& key);

class ClassicDoor {
public:
    struct Parts {
        store::Store& store;
        keys::KeyVault& vault;
        Workers& workers;
        PaymentEngine& engine;
        Upstream& upstream;
        const Clock& clock;
    };

    // `dialect_text`: the cup-pos dialect.
    static Result<std::unique_ptr<ClassicDoor>> make(std::string_view dialect_text, Parts parts);
    ~ClassicDoor();

    // A frame came in (without its length). `send` is called at most once, from any thread, with
    // the answer's frame; never where what came is no message. From any thread; never waits.
    using Send = std::function<void(const Buffer& frame)>;
    void arrived(Bytes frame, Send send);

private:
    struct Impl;
    explicit ClassicDoor(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace softpos::server
