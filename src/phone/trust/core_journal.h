// What the core signed and saw, in order: a number that never comes twice, a hash over everything
// so far, the last events and the last commands. The platform finds a gap, a copy or a step back
// by the first two.
#pragma once

#include "base/clock.h"
#include "phone/trust/trusted_platform.h"
#include "protocol/spa.h"

#include <cstdint>
#include <vector>

namespace softpos::trust {

// head_n = SHA-256(head_{n-1} || SHA-256(body_n)); head_0 is zeros.
protocol::Digest32 next_journal_head(const protocol::Digest32& head, Bytes body);

// An object of its own, because it is written for each message that is signed.
//
//     TRY_VOID(journal.enter(platform, body));   // Durable. Only then:
//     signature = key.sign(core_signed_message(body));
class CoreJournal {
public:
    // Empty where none was saved.
    static Result<CoreJournal> load(TrustedPlatform& platform);

    // Of the last message, and what the next one must carry.
    std::uint64_t sequence() const { return sequence_; }
    std::uint64_t next_sequence() const { return sequence_ + 1; }
    const protocol::Digest32& head() const { return head_; }

    // Takes the next number for `body`. After a failure the number counts as used, whether the
    // journal was saved or not, and the message must not be signed.
    Result<void> enter(TrustedPlatform& platform, Bytes body);
    Result<void> save(TrustedPlatform& platform);
    // Whether what was loaded was never closed: its core ended without being asked to.
    bool was_open() const { return was_open_; }
    // The last save of a core that ends in order. Nothing is written where nothing was to close.
    Result<void> close(TrustedPlatform& platform);
    // For a journal that takes the place of a lost one.
    void skip_to(std::uint64_t sequence);

    // Kept in memory until the next save. The oldest of core_events_max goes.
    void add(protocol::FindingCode code, protocol::Severity severity, std::uint32_t detail);
    void add(const protocol::CommandDone& done);  // The oldest of commands_max goes.
    const std::vector<protocol::CoreEvent>& events() const { return events_; }
    const std::vector<protocol::CommandDone>& done() const { return done_; }
    std::uint64_t last_event() const { return last_event_; }

    // The latest time that the platform signed. Never goes back.
    Instant server_time() const { return server_time_; }
    void note_server_time(Instant at);

private:
    Result<void> write(TrustedPlatform& platform, const protocol::Digest32& head, bool open) const;

    bool was_open_ = false;     // As loaded.
    bool stored_open_ = false;  // As stored now.
    std::uint64_t sequence_ = 0;
    protocol::Digest32 head_{};
    std::uint64_t last_event_ = 0;
    Instant server_time_;
    std::vector<protocol::CoreEvent> events_;
    std::vector<protocol::CommandDone> done_;
};

}  // namespace softpos::trust
