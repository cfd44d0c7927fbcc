// Rows that belong to no business module: keys of callers, logs, queues.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "platform/pay/business_date.h"
#include "platform/pay/payment_machine.h"
#include "platform/pay/reconciliation.h"

#include <array>
#include <cstdint>
#include <string>

namespace softpos::store {

struct ApiKey {
    Id128 id = {};
    std::array<std::uint8_t, 32> digest{};  // SHA-256 of the key; the key itself is not kept.
    std::string name = {};
    std::string role = {};
    std::string merchant = {};  // Empty: of the acquirer.
    Instant created_at = {};
    Instant revoked_at = {};  // Zero: in force.

    friend bool operator==(const ApiKey&, const ApiKey&) = default;
};

// One step that a payment took. Append-only; (payment, version) is its name.
struct PaymentEventRow {
    Id128 payment = {};
    std::uint32_t version = 0;  // Of the payment after the step.
    pay::EventKind kind{};
    pay::PaymentState from{};
    pay::PaymentState to{};
    std::string response_code = {};
    Instant at = {};

    friend bool operator==(const PaymentEventRow&, const PaymentEventRow&) = default;
};

enum class Direction : std::uint8_t { to_network = 1, from_network = 2 };

// One message to or from the network, with nothing in it that must not be kept.
struct NetworkMessage {
    Id128 id = {};       // From pay::new_id().
    Id128 payment = {};  // Zero where it belongs to none.
    Direction direction{};
    Instant at = {};
    std::string mti = {};
    std::string merchant = {};
    std::string terminal = {};
    std::uint32_t batch = 0;
    std::uint32_t stan = 0;
    std::string rrn = {};
    std::string response_code = {};
    std::int64_t amount_minor = 0;  // Signed, as in pay::ClearingRecord.
    // Known on approved answers of the payment itself: those take part in reconciliation.
    pay::BusinessDate settlement_date = {};

    friend bool operator==(const NetworkMessage&, const NetworkMessage&) = default;
};

struct ClearingLine {
    std::string file = {};  // Name of the file it came in.
    std::uint32_t line = 0;
    pay::ClearingRecord record = {};
    std::string masked_pan = {};
};

// A line of a wallet's bill. In the key stands the wallet for the terminal, the kind of the payment
// for the trace (0 sale, 1 void, 2 refund) and the wallet's or our number of it for the reference.
struct BillLine {
    std::uint32_t line = 0;
    pay::ClearingRecord record = {};
    bool undone = false;  // Paid and given back, and never ours: nothing that would have to agree.
};

struct ReconciliationException {
    Id128 id = {};
    pay::BusinessDate date = {};
    pay::ReconciliationItem item = {};
    bool open = true;
    Instant found_at = {};
};

// Truth about what happened, written in the commit in which it happened.
struct OutboxMessage {
    std::int64_t sequence = 0;  // Given by the store, rising.
    std::string topic = {};
    std::string body = {};
    Instant created_at = {};
};

// A terminal that is no phone: what it may do without a permit, and the batch that it has open.
struct ClassicRow {
    std::string terminal = {};
    std::string merchant = {};
    bool purchase = false;
    bool void_sale = false;
    bool refund = false;
    std::int64_t amount_max_minor = 0;  // Of one payment.
    std::uint32_t batch = 1;            // Never goes back.

    friend bool operator==(const ClassicRow&, const ClassicRow&) = default;
};

// Both ends are in it.
struct KeyRange {
    Id128 first = {};
    Id128 last = {};
};
constexpr std::size_t classic_batch_rows_max = 5'000;

struct TraceKey {
    std::string terminal = {};
    std::uint32_t batch = 0;
    std::uint32_t stan = 0;
};

}  // namespace softpos::store
