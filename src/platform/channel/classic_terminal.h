// One classic terminal at the platform's door, as a pure step machine: what may be answered at
// once, what must wait for the vault's word on the MAC, and what is done only once.
//
//     Verdict verdict = terminal.arrived(request, day);
//     if (verdict.step == DoorStep::check_mac) {
//         const bool good = vault.verify_mac(…).has_value();
//         verdict = good ? terminal.believed(request, digest) : terminal.disbelieved();
//     }
//     if (verdict.step == DoorStep::perform) …; terminal.answered(request, packed_answer);
//
// It remembers while the process runs. After a restart the store's rule takes over, that a terminal
// has a trace of a batch but once: a repeated payment finds its record there.
//
// A classic terminal has no permit: it is no phone. What stands in for the permit is its policy,
// which allows nothing that was not written into it.
#pragma once

#include "base/bytes.h"
#include "platform/channel/cup_requests.h"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace softpos::channel {

struct ClassicPolicy {
    bool purchase = false;
    bool void_sale = false;
    bool refund = false;
    std::int64_t amount_max_minor = 0;  // Of one payment. 0 allows none.
};

enum class DoorStep : std::uint8_t {
    answer,        // With `code`, and nothing changes.
    give_keys,     // A sign-in: new working keys, then signed_in().
    check_mac,     // Nothing of the request is believed yet.
    check_repeat,  // Its type carries no MAC: believed() comes next.
    perform,       // Once; then answered().
    repeat,        // With `before`, under today's MAC key.
    silence,       // The same is being done: its answer is on its way.
};

struct Verdict {
    DoorStep step = DoorStep::answer;
    std::string code{};  // Field 39, of `answer`.
    Buffer before{};     // Packed, of `repeat`.
};

using RequestDigest = std::array<std::uint8_t, 32>;  // SHA-256 of what the MAC is over.

class ClassicTerminal {
public:
    // As many as are remembered of one batch. A full one takes no more payments until it was
    // settled: to forget one would be to pay it twice.
    static constexpr std::size_t remembered_max = 4'096;

    ClassicTerminal(std::string terminal, std::string merchant, ClassicPolicy policy)
        : terminal_(std::move(terminal)), merchant_(std::move(merchant)), policy_(policy) {}

    void allow(const ClassicPolicy& policy) { policy_ = policy; }

    // What may be said before any MAC was checked. `day` is the business date, YYYYMMDD.
    Verdict arrived(const CupRequest& request, std::uint32_t day) const;

    // The MAC was right, or the type carries none.
    Verdict believed(const CupRequest& request, const RequestDigest& digest);
    static Verdict disbelieved() { return {.step = DoorStep::answer, .code = "A0"}; }

    // The terminal has its keys. Batches only grow. A new one forgets what was answered in the one
    // before, whose payments are refused from then on by its number.
    void signed_in(std::uint32_t batch, std::uint32_t day);
    void signed_out() { day_ = 0; }
    // Batches up to this one take no more payments. They are settled again with the same result,
    // for the answer may have been lost.
    void settled(std::uint32_t batch);

    // Whether perform was said to this very request, and nothing came of it yet.
    bool is_doing(const CupRequest& request, const RequestDigest& digest) const;

    // Whether a payment of this batch and trace is being done: it may not be found anywhere yet.
    bool is_paying(std::uint32_t batch, std::uint32_t trace) const;

    // What perform led to. CHECKs that it was asked for.
    void answered(const CupRequest& request, Buffer packed_answer);
    // Nothing was done, and nothing will be: the same may be tried again.
    void given_up(const CupRequest& request);

    std::uint32_t batch() const { return batch_; }
    bool is_signed_in(std::uint32_t day) const { return day_ != 0 && day_ == day; }

private:
    // Purchases, voids and refunds share the traces of a batch; a reversal has its payment's.
    enum class Kind : std::uint8_t { payment, reversal, settle, upload, upload_end };
    struct Key {
        Kind kind = Kind::payment;
        std::uint32_t batch = 0;
        std::uint32_t trace = 0;
        friend auto operator<=>(const Key&, const Key&) = default;
    };
    struct Remembered {
        RequestDigest digest{};
        Buffer answer{};  // Empty while it is being done.
    };

    static Kind kind_of(CupAsk ask);
    static Key key_of(const CupRequest& request);
    std::string refusal_of(const CupRequest& request) const;

    std::string terminal_;
    std::string merchant_;
    ClassicPolicy policy_;
    std::uint32_t batch_ = 0;
    std::uint32_t settled_ = 0;
    std::uint32_t day_ = 0;  // 0: not signed in.
    std::map<Key, Remembered> remembered_;
};

}  // namespace softpos::channel
