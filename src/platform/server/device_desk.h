// Writes down what the monitor decides about a phone, in one work: its row, the evidence, the
// change of state, commands, and the case with all that follows from it. Whoever asked is answered
// only after that work is durable.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "net/timer.h"
#include "platform/keys/key_vault.h"
#include "platform/merchant/terminal.h"
#include "platform/monitor/appraise.h"
#include "platform/server/evidence_log.h"
#include "platform/server/payment_engine.h"
#include "platform/server/platform_signer.h"
#include "platform/server/policy_shelf.h"
#include "platform/server/webhooks.h"
#include "platform/server/worker_pool.h"
#include "platform/store/store.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace softpos::server {

// Who speaks, as far as the platform knows by itself.
struct Caller {
    merchant::Terminal terminal;
    std::string peer_address;
};

// A phone within one work.
struct DeviceCase {
    store::DeviceRow row;
    std::optional<monitor::DeviceRecord> record;  // Empty: it never enrolled.
};

// What was written, for whoever answers.
struct Written {
    std::string reference;                    // Names the evidence: "00000001-17".
    std::vector<protocol::Command> commands;  // Still open, at most commands_max.
    std::function<void()> after;              // Once durable, before the answer; may be empty.
    bool revoke_keys = false;
    bool told = false;  // An event waits for the webhooks.
};

class DeviceDesk final : public SerialGuard {
public:
    struct Parts {
        store::Store& store;
        keys::KeyVault& vault;
        Workers& workers;
        net::Timers& timers;
        PaymentEngine& engine;
        Webhooks& webhooks;
        const PolicyShelf& policies;
        const Clock& clock;
        Random& random;
        std::uint32_t round_ms;  // Between two rounds.
    };
    explicit DeviceDesk(Parts parts) : parts_(parts) {}

    // Part of a work.
    static Result<DeviceCase> read(store::Reader& reader, const merchant::Terminal& terminal);
    struct Judgement {
        const Caller& caller;
        const monitor::Decision& decision;
        const Judged& judged;
    };
    Result<Written> write(store::Tx& tx, DeviceCase& device, const Judgement& judgement);

    // Runs `written.after` and revokes keys where a case asks for it; then calls `done`. From
    // the work's own `done`.
    void finish(const Written& written, std::function<void()> done);

    // SerialGuard: SERIAL_CIPHER of class server.
    void serial_refused(const merchant::Terminal& terminal, std::function<void()> done) override;

    // By a person, with the API: suspend, resume, release or retire. conflict where there is no
    // such step.
    Result<monitor::DeviceState> person(const merchant::Terminal& terminal,
                                        monitor::DeviceEventKind kind);
    // Gives the phone an order; it hears of it with its next message.
    Result<std::uint64_t> command(const merchant::Terminal& terminal,
                                  protocol::CommandAction action);

    // Revokes in the vault what cases still wait for, and looks for phones that have gone silent;
    // then again and again.
    void start_rounds();

private:
    Result<std::function<void()>> open_incident(store::Tx& tx, DeviceCase& device,
                                                const Judgement& judgement);
    Result<void> issue(store::Tx& tx, monitor::DeviceRecord& record,
                       protocol::CommandAction action);
    void see(const protocol::Finding& finding, const merchant::Terminal& terminal,
             std::function<void()> done);
    void revoke_due_keys();
    void look_for_silence();
    void judge_silence(const store::DeviceRow& seen);

    Parts parts_;
};

}  // namespace softpos::server
