// The part of the store that knows phones: what they showed, what they may do, what was found.
// Split from store.h for its size only; Reader and Tx there inherit from these.
#pragma once

#include "base/result.h"
#include "platform/store/trust_records.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::store {

struct DevicePage {
    std::string after = {};  // Terminal number.
    std::uint8_t state = 0;  // 0: any.
    std::size_t rows_max = 100;
};
struct NumberPage {
    std::uint64_t after = 0;
    std::size_t rows_max = 100;
};

class TrustReader {
public:
    template <typename T>
    using Found = Result<std::optional<T>>;
    template <typename T>
    using List = Result<std::vector<T>>;

    virtual ~TrustReader() = default;

    virtual Found<DeviceRow> device(std::string_view terminal) = 0;
    virtual List<DeviceRow> devices(const DevicePage& page) = 0;  // By terminal number.
    virtual List<DeviceRow> devices_of(std::string_view merchant) = 0;
    virtual Found<NonceRow> nonce(const Id128& id) = 0;
    virtual Found<PermitRow> permit(const Id128& id) = 0;
    virtual List<EvidenceRow> evidence_of(std::string_view terminal, const NumberPage& page) = 0;
    virtual List<TransitionRow> transitions_of(std::string_view terminal,
                                               const NumberPage& page) = 0;

    virtual Found<IncidentRow> incident(const Id128& id) = 0;
    // Newest first, below `after`; zero is the top.
    virtual List<IncidentRow> incidents(const Id128& after, std::size_t rows_max) = 0;
    virtual List<IncidentRow> incidents_of(std::string_view terminal) = 0;
    virtual List<IncidentRow> incidents_with_keys() = 0;  // Where KeyEnd::due.

    virtual Found<CommandRow> command(std::string_view terminal, const Id128& id) = 0;
    // Issued, not obeyed and still good at `now`; by number.
    virtual List<CommandRow> open_commands(std::string_view terminal, Instant now) = 0;
    virtual List<CommandRow> commands_of(std::string_view terminal, const NumberPage& page) = 0;

    virtual Found<PolicyRow> policy(std::uint32_t version) = 0;
    virtual Found<PolicyRow> policy_in_force() = 0;  // The one that was activated last.
    virtual List<PolicyRow> policies() = 0;

    virtual Found<TrialRow> trial(const Id128& id) = 0;
    virtual List<TrialRow> trials() = 0;  // Newest first.

    virtual Found<WebhookRow> webhook(const Id128& id) = 0;
    virtual List<WebhookRow> webhooks() = 0;
    virtual List<DeliveryRow> deliveries_due(Instant now, std::size_t rows_max) = 0;
    virtual List<DeliveryRow> deliveries_of(const Id128& webhook, std::size_t rows_max) = 0;

    virtual Found<RegistryRow> registered(std::string_view terminal) = 0;
    virtual Found<RegistryRow> registered_serial(std::string_view serial) = 0;
    virtual List<RegistryRow> registry(std::string_view after, std::size_t rows_max) = 0;
    virtual List<RegistryChange> registry_history(std::string_view terminal) = 0;
};

// Changes. The conventions are those of Tx.
class TrustWriter {
public:
    virtual ~TrustWriter() = default;

    virtual Result<void> insert(const DeviceRow& device) = 0;
    virtual Result<void> update(const DeviceRow& device) = 0;  // conflict: not a newer version.

    // Drops challenges that have expired, too.
    virtual Result<void> insert(const NonceRow& nonce) = 0;
    // True for the first caller only, within the time, with the digest that was handed out.
    struct NonceUse {
        const Id128& id;
        const Digest& digest;
        const Id128& terminal;
        Instant at;
    };
    virtual Result<bool> consume(const NonceUse& use) = 0;
    // Writes down `proof` and `asked` of a challenge that is still good; what was asked before is
    // forgotten. False where it is not.
    struct NonceProof {
        const Digest& proof;
        const Digest& asked;
    };
    virtual Result<bool> ask_proof(const NonceUse& use, const NonceProof& proof) = 0;

    virtual Result<void> insert(const PermitRow& permit) = 0;
    // True for the first payment only. A permit that is not there is not spent.
    virtual Result<bool> spend(const Id128& permit, const Id128& payment) = 0;

    // conflict unless the sequence and `previous` go on where the last row ended.
    virtual Result<void> append(const EvidenceRow& evidence) = 0;
    virtual Result<void> append(const TransitionRow& transition) = 0;  // Its sequence is ignored.

    virtual Result<void> insert(const IncidentRow& incident) = 0;
    virtual Result<void> update(const IncidentRow& incident) = 0;
    virtual Result<void> insert(const CommandRow& command) = 0;
    virtual Result<void> update(const CommandRow& command) = 0;
    virtual Result<void> insert(const PolicyRow& policy) = 0;
    virtual Result<void> update(const PolicyRow& policy) = 0;  // activated_at only.
    virtual Result<void> insert(const TrialRow& trial) = 0;    // conflict: another one runs.
    // State, end, reason and counts. not_found where it has ended.
    virtual Result<void> update(const TrialRow& trial) = 0;

    virtual Result<void> insert(const WebhookRow& webhook) = 0;
    virtual Result<void> update(const WebhookRow& webhook) = 0;
    virtual Result<void> insert(const DeliveryRow& delivery) = 0;
    virtual Result<void> update(const DeliveryRow& delivery) = 0;

    // Both write the history too. conflict where the serial number was ever given out, and where
    // an update is not of the next version.
    virtual Result<void> insert(const RegistryChange& change) = 0;
    virtual Result<void> update(const RegistryChange& change) = 0;
};

}  // namespace softpos::store
