// The platform's relation to one card network: signs terminals in, puts a MAC on what leaves,
// checks the MAC of what comes, and says which payment an answer belongs to.
//
// Everything that may wait (the vault, the store) runs on the worker pool; the link's own thread
// only hands frames over.
#pragma once

#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "net/timer.h"
#include "platform/channel/cup_messages.h"
#include "platform/channel/switch_plan.h"
#include "platform/keys/key_vault.h"
#include "platform/pay/payment.h"
#include "platform/pay/payment_machine.h"
#include "platform/pay/settlement.h"
#include "platform/server/line_set.h"
#include "platform/server/worker_pool.h"
#include "platform/store/store.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::server {

struct UpstreamConfig {
    channel::SwitchPlan plan;
    std::string dialect_text;         // Of cup-pos.dialect.
    std::string response_codes_text;  // Of response-codes.tsv.
    std::uint32_t sign_in_ms = 10'000;
    // A terminal's keys are renewed only after it was quiet for so long: what is on its way then
    // does not meet two keys.
    std::uint32_t quiet_ms = 60'000;
    LineSet::Open open_line = {};
};

// Which terminal of which merchant; both as the network knows them.
struct TerminalRef {
    std::string terminal;  // 8 characters, field 41.
    std::string merchant;  // 15 characters, field 42.
};

// The phones' base derivation keys of card data and of PINs, and the zone key that terminal keys
// travel under.
constexpr std::string_view phone_bdk_alias = "bdk:phones";
constexpr std::string_view pin_bdk_alias = "bdk:pins";
constexpr std::string_view zone_key_alias = "zmk:network";

// Error.detail of prepare() and send(): what could not be reached.
enum class SendFailure : std::uint32_t { network = 1, vault = 2, message = 3 };
constexpr std::uint32_t detail_of(SendFailure failure) {
    return static_cast<std::uint32_t>(failure);
}

// What is sent for a payment. The card data is the TLV list that the vault opened: with track 2 and
// field 55 for a purchase on its way, without track 2 for everything later.
enum class SendKind : std::uint8_t { request, repeat, reversal };

// What a terminal says about itself in field 59 of a sale.
struct SerialStatement {
    std::string device_type = "08";  // "02" of a classic terminal.
    std::string serial;              // TUSN; empty where the terminal has none.
    std::string app_version;         // Up to 8 characters.
    std::string proof;               // 8 characters, by the terminal's own key.
};

struct Outgoing {
    SendKind kind = SendKind::request;
    const pay::Payment& payment;
    const pay::Payment* original;  // Of a void or refund.
    Bytes card_tlv;
    std::optional<channel::PinBlock> pin = {};                      // Under the terminal's PIN key.
    const SerialStatement* serial = nullptr;                        // Of a sale.
    channel::EntryChannel channel = channel::EntryChannel::stored;  // For the route.
};

// An answer to a payment, ready for its machine. `event.kind` is answer, bad_answer or
// reversal_answer.
struct Incoming {
    Id128 payment;
    std::string mti;
    TerminalRef terminal;
    std::uint32_t batch = 0;
    std::uint32_t stan = 0;
    std::int64_t amount_minor = 0;
    pay::PaymentEvent event;
};

// Names of a terminal's keys in the vault: towards the network, and of its serial number.
std::string master_key_alias(std::string_view terminal);
std::string serial_key_alias(std::string_view terminal);
// The master key of a classic terminal, and the zone key of whoever loads such terminals.
std::string classic_key_alias(std::string_view terminal);
constexpr std::string_view classic_zone_key_alias = "zmk:classic";

class Upstream {
public:
    using Ready = std::function<void(Result<void>)>;
    using OnIncoming = std::function<void(Incoming)>;
    using OnUp = std::function<void()>;  // A line came up; on a worker.

    struct Parts {
        store::Store& store;
        keys::KeyVault& vault;
        Workers& workers;
        net::Timers& timers;
        const Clock& clock;
        Random& random;
    };

    static Result<std::unique_ptr<Upstream>> start(UpstreamConfig config, Parts parts,
                                                   OnIncoming on_incoming, OnUp on_up);
    ~Upstream();

    // Signs these in as soon as a line is up, so that their first payments do not wait for it.
    // Before the first line came up, or at any time after.
    void sign_in_early(const std::vector<TerminalRef>& terminals);

    // Tells the network that a terminal's day is over; its next payment signs in again. Nothing
    // happens where it is not signed in.
    using Told = std::function<void()>;
    void sign_out(const std::string& terminal, Told done);

    // Signs all out and waits for the answers, at most so long. Before the workers stop.
    void sign_out_all(std::uint32_t wait_ms);

    // Calls back once the terminal has working keys and an open batch for this business day; signs
    // it in where it has not. unavailable where the network cannot be reached, denied where it
    // refuses the terminal.
    void prepare(const TerminalRef& terminal, Ready ready);

    // Before the next request the terminal signs in again.
    void forget_sign_in(const std::string& terminal);

    // On a worker. unavailable: provably nothing left. After success the answer comes by
    // on_incoming, or never.
    Result<void> send(const Outgoing& outgoing);

    // Reports the totals of a terminal's batch (0500); true where the network's are the same. On a
    // worker; done may be called from another one.
    using Settled = std::function<void(Result<bool>)>;
    void settle_batch(const TerminalRef& terminal, std::uint32_t batch,
                      const pay::BatchTotals& totals, Settled done);

    // The network's business date as last seen in field 15; not known before the first answer.
    pay::BusinessDate business_date() const;
    bool connected() const;
    std::vector<LineStatus> lines() const;
    const channel::SwitchPlan& plan() const;

private:
    struct Impl;  // upstream_impl.h
    explicit Upstream(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace softpos::server
