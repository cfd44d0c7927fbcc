// The part of the suite about phones: challenges, permits, chained evidence, incidents, webhooks.
#include "platform/store/store_test_support.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace softpos::store {
namespace {

class StoreTrustTest : public StoreTest {
protected:
    using NonceUse = TrustWriter::NonceUse;
    static DeviceRow device(std::string terminal, std::uint8_t state = 3) {
        DeviceRow row;
        row.terminal = std::move(terminal);
        row.merchant = shop;
        row.state = state;
        row.grade = 3;
        row.score = 12;
        row.last_seen = row.changed_at = now;
        row.version = 1;
        row.evidence_head.fill(7);
        row.record = {1, 2, 0, 255};
        return row;
    }
    NonceRow challenge() {
        NonceRow nonce{.id = Id128::make(random_)};
        nonce.digest.fill(9);
        nonce.terminal = pay::new_id(shop, now, random_);
        nonce.expires_at = {now.unix_ms + 120'000};
        return nonce;
    }
    PermitRow permit() {
        PermitRow row{.id = pay::new_id(shop, now, random_), .terminal = "00000001"};
        row.purpose = 1;
        row.amount_minor_max = 30'000;
        row.allowed = 4;
        row.parent = Id128::make(random_);
        row.issued_at = now;
        row.expires_at = {now.unix_ms + 30'000};
        row.policy_version = 7;
        row.request_digest.fill(3);
        return row;
    }
    static EvidenceRow evidence(std::uint64_t sequence, std::uint8_t digest) {
        EvidenceRow row{.terminal = "00000001", .sequence = sequence, .at = now};
        row.kind = 2;
        row.outcome = "granted";
        row.policy_version = 7;
        row.body = {5, 6};
        if (sequence > 1) row.previous.fill(static_cast<std::uint8_t>(digest - 1));
        row.digest.fill(digest);
        return row;
    }
    bool consume(const NonceUse& use) {
        bool taken = false;
        EXPECT_TRUE(run([&](Tx& tx) -> Result<void> {
            taken = TRY(tx.consume({use.id, use.digest, use.terminal, use.at}));
            return {};
        }));
        return taken;
    }
};

TEST_P(StoreTrustTest, APhoneComesBackAndNeedsANewerVersion) {
    DeviceRow phone = device("00000001");
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(phone); }));
    EXPECT_EQ(run([&](Tx& tx) { return tx.insert(phone); }).error().kind, ErrorKind::conflict);
    EXPECT_EQ(run([&](Tx& tx) { return tx.update(phone); }).error().kind, ErrorKind::conflict);
    phone.version = 2;
    phone.state = 6;
    phone.last_permit = Id128::make(random_);
    phone.evidence_count = 4;
    phone.record = {9};
    ASSERT_TRUE(run([&](Tx& tx) { return tx.update(phone); }));
    open();
    EXPECT_EQ(ask([](Reader& r) { return r.device("00000001"); }), phone);
    EXPECT_EQ(ask([](Reader& r) { return r.device("00000002"); }), std::nullopt);
    const DeviceRow nobody = device("00000009");
    EXPECT_EQ(run([&](Tx& tx) { return tx.update(nobody); }).error().kind, ErrorKind::not_found);
}

TEST_P(StoreTrustTest, PhonesAreListedByStateAndMerchant) {
    ASSERT_TRUE(run([&](Tx& tx) -> Result<void> {
        for (const auto* number : {"00000003", "00000001", "00000002"}) {
            TRY_VOID(tx.insert(device(number, number[7] == '2' ? 6 : 3)));
        }
        return {};
    }));
    const auto first = ask([](Reader& r) { return r.devices({.rows_max = 2}); });
    ASSERT_EQ(first.size(), 2U);
    EXPECT_EQ(first[0].terminal, "00000001");
    EXPECT_EQ(ask([&](Reader& r) { return r.devices({.after = first[1].terminal}); }).size(), 1U);
    const auto suspended = ask([](Reader& r) { return r.devices({.state = 6}); });
    ASSERT_EQ(suspended.size(), 1U);
    EXPECT_EQ(suspended[0].terminal, "00000002");
    EXPECT_EQ(ask([](Reader& r) { return r.devices_of(shop); }).size(), 3U);
    EXPECT_TRUE(ask([](Reader& r) { return r.devices_of("898310058129999"); }).empty());
}

// Shows: A6
TEST_P(StoreTrustTest, AChallengeServesOnceAndOnlyAsItWasHandedOut) {
    const NonceRow nonce = challenge();
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(nonce); }));
    EXPECT_EQ(ask([&](Reader& r) { return r.nonce(nonce.id); }), nonce);
    Digest other = nonce.digest;
    other[0] ^= 1;
    const Id128 stranger = Id128::make(random_);
    EXPECT_FALSE(consume({nonce.id, other, nonce.terminal, now}));
    EXPECT_FALSE(consume({nonce.id, nonce.digest, stranger, now}));
    EXPECT_FALSE(consume({nonce.id, nonce.digest, nonce.terminal, nonce.expires_at}));
    EXPECT_TRUE(consume({nonce.id, nonce.digest, nonce.terminal, now}));
    EXPECT_FALSE(consume({nonce.id, nonce.digest, nonce.terminal, now}));
}

TEST_P(StoreTrustTest, AProofIsAskedForWhileTheChallengeIsGood) {
    const NonceRow nonce = challenge();
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(nonce); }));
    Digest proof{}, asked{}, other = nonce.digest;
    proof.fill(0x11);
    asked.fill(0x22);
    other[0] ^= 1;
    const Id128 stranger = Id128::make(random_);
    const auto ask_for = [&](const Tx::NonceUse& use) {
        bool done = false;
        EXPECT_TRUE(run([&](Tx& tx) -> Result<void> {
            done = TRY(tx.ask_proof(use, {proof, asked}));
            return {};
        }));
        return done;
    };
    EXPECT_FALSE(ask_for({nonce.id, other, nonce.terminal, now}));
    EXPECT_FALSE(ask_for({nonce.id, nonce.digest, stranger, now}));
    EXPECT_FALSE(ask_for({nonce.id, nonce.digest, nonce.terminal, nonce.expires_at}));
    EXPECT_EQ(ask([&](Reader& r) { return r.nonce(nonce.id); }), nonce);
    EXPECT_TRUE(ask_for({nonce.id, nonce.digest, nonce.terminal, now}));
    proof.fill(0x33);  // The answer was lost, and it is asked for again.
    EXPECT_TRUE(ask_for({nonce.id, nonce.digest, nonce.terminal, now}));
    const auto found = ask([&](Reader& r) { return r.nonce(nonce.id); });
    ASSERT_TRUE(found);
    EXPECT_EQ(found->proof, proof);
    EXPECT_EQ(found->asked, asked);
    EXPECT_TRUE(consume({nonce.id, nonce.digest, nonce.terminal, now}));
    EXPECT_FALSE(ask_for({nonce.id, nonce.digest, nonce.terminal, now})) << "it is used";
}

// Shows: A6
TEST_P(StoreTrustTest, OfManyWhoUseOneChallengeAtOnceOneGetsIt) {
    const NonceRow nonce = challenge();
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(nonce); }));
    constexpr int callers = 32;
    std::mutex mutex;
    std::condition_variable finished;
    int taken = 0, answered = 0;
    for (int i = 0; i < callers; ++i) {
        const auto mine = std::make_shared<bool>(false);
        store_->submit(
            [&nonce, mine](Tx& tx) -> Result<void> {
                *mine = TRY(tx.consume({nonce.id, nonce.digest, nonce.terminal, now}));
                return {};
            },
            [&, mine](const Result<void>& durable) {
                const std::lock_guard lock(mutex);
                taken += durable && *mine ? 1 : 0;
                ++answered;
                finished.notify_one();
            });
    }
    std::unique_lock lock(mutex);
    finished.wait(lock, [&] { return answered == callers; });
    EXPECT_EQ(taken, 1);
}

TEST_P(StoreTrustTest, AFailedVerdictGivesTheChallengeBack) {
    const NonceRow nonce = challenge();
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(nonce); }));
    EXPECT_FALSE(run([&](Tx& tx) -> Result<void> {
        EXPECT_TRUE(*tx.consume({nonce.id, nonce.digest, nonce.terminal, now}));
        return fail(ErrorKind::unavailable, "the verdict was not written");
    }));
    EXPECT_TRUE(consume({nonce.id, nonce.digest, nonce.terminal, now}));
}

TEST_P(StoreTrustTest, OldChallengesAreDropped) {
    const NonceRow old = challenge();
    NonceRow fresh = challenge();
    fresh.expires_at.unix_ms += 2LL * 24 * 60 * 60 * 1000;
    ASSERT_TRUE(run([&](Tx& tx) -> Result<void> {
        TRY_VOID(tx.insert(old));
        return tx.insert(fresh);
    }));
    EXPECT_EQ(ask([&](Reader& r) { return r.nonce(old.id); }), std::nullopt);
    EXPECT_EQ(ask([&](Reader& r) { return r.nonce(fresh.id); }), fresh);
}

TEST_P(StoreTrustTest, APermitIsSpentOnce) {
    PermitRow row = permit();
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(row); }));
    EXPECT_EQ(ask([&](Reader& r) { return r.permit(row.id); }), row);
    const Id128 payment = Id128::make(random_), other = Id128::make(random_);
    const auto spend = [&](const Id128& permit, const Id128& by) {
        bool spent = false;
        EXPECT_TRUE(run([&](Tx& tx) -> Result<void> {
            spent = TRY(tx.spend(permit, by));
            return {};
        }));
        return spent;
    };
    EXPECT_FALSE(spend(Id128::make(random_), payment));
    EXPECT_TRUE(spend(row.id, payment));
    EXPECT_FALSE(spend(row.id, other));
    EXPECT_FALSE(spend(row.id, payment));
    row.payment = payment;
    open();
    EXPECT_EQ(ask([&](Reader& r) { return r.permit(row.id); }), row);
}

// Shows: MPOC-5-AUDIT
TEST_P(StoreTrustTest, EvidenceGoesOnWhereItEndedOrNotAtAll) {
    const auto append = [&](const EvidenceRow& row) {
        return run([&](Tx& tx) { return tx.append(row); });
    };
    EXPECT_EQ(append(evidence(2, 2)).error().kind, ErrorKind::conflict);
    ASSERT_TRUE(append(evidence(1, 1)));
    EXPECT_EQ(append(evidence(1, 1)).error().kind, ErrorKind::conflict);
    EvidenceRow forked = evidence(2, 2);
    forked.previous[0] ^= 1;
    EXPECT_EQ(append(forked).error().kind, ErrorKind::conflict);
    EXPECT_EQ(append(evidence(3, 2)).error().kind, ErrorKind::conflict);  // A gap.
    ASSERT_TRUE(append(evidence(2, 2)));
    const auto rows = ask([](Reader& r) { return r.evidence_of("00000001", {}); });
    EXPECT_EQ(rows, (std::vector{evidence(1, 1), evidence(2, 2)}));
    EXPECT_EQ(ask([](Reader& r) { return r.evidence_of("00000001", {.after = 1}); }).size(), 1U);
}

TEST_P(StoreTrustTest, TransitionsAreNumberedByTheStore) {
    TransitionRow row{.terminal = "00000001", .at = now, .from = 3, .to = 6, .cause = 4};
    row.code = 1;
    row.origin = 2;
    row.detail = 77;
    row.policy_version = 7;
    row.evidence.fill(1);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(run([&](Tx& tx) { return tx.append(row); }));
    const auto rows = ask([](Reader& r) { return r.transitions_of("00000001", {}); });
    ASSERT_EQ(rows.size(), 3U);
    row.sequence = 3;
    EXPECT_EQ(rows[2], row);
}

TEST_P(StoreTrustTest, IncidentsComeNewestFirst) {
    std::vector<IncidentRow> rows;
    for (int i = 0; i < 3; ++i) {
        IncidentRow row{.id = Id128::make(random_), .terminal = "00000001"};
        row.merchant = shop;
        row.code = 1;
        row.origin = 2;
        row.payment = Id128::make(random_);
        row.opened_at = {now.unix_ms + i};
        row.keys = KeyEnd::due;
        row.facts = "{}";
        rows.push_back(row);
    }
    ASSERT_TRUE(run([&](Tx& tx) -> Result<void> {
        for (const auto& row : rows) TRY_VOID(tx.insert(row));
        rows[1].keys = KeyEnd::done;
        rows[1].state = IncidentState::closed;
        rows[1].closed_at = now;
        return tx.update(rows[1]);
    }));
    const auto newest = ask([](Reader& r) { return r.incidents({}, 2); });
    ASSERT_EQ(newest.size(), 2U);
    EXPECT_EQ(newest[0], rows[2]);
    EXPECT_EQ(newest[1], rows[1]);
    EXPECT_EQ(ask([&](Reader& r) { return r.incidents(rows[1].id, 9); }), std::vector{rows[0]});
    EXPECT_EQ(ask([](Reader& r) { return r.incidents_of("00000001"); }).size(), 3U);
    EXPECT_EQ(ask([](Reader& r) { return r.incidents_with_keys(); }).size(), 2U);
    EXPECT_EQ(ask([&](Reader& r) { return r.incident(rows[1].id); }), rows[1]);
}

TEST_P(StoreTrustTest, CommandsStayOpenUntilTheyAreDoneOrOld) {
    CommandRow row{.terminal = "00000001", .number = 1, .id = Id128::make(random_)};
    row.action = 3;
    row.issued_at = now;
    row.not_after = {now.unix_ms + 1000};
    CommandRow later = row;
    later.number = 2;
    later.id = Id128::make(random_);
    later.not_after = {now.unix_ms + 2000};
    ASSERT_TRUE(run([&](Tx& tx) -> Result<void> {
        TRY_VOID(tx.insert(row));
        return tx.insert(later);
    }));
    EXPECT_EQ(run([&](Tx& tx) { return tx.insert(row); }).error().kind, ErrorKind::conflict);
    EXPECT_EQ(ask([](Reader& r) { return r.open_commands("00000001", now); }),
              (std::vector{row, later}));
    EXPECT_EQ(ask([&](Reader& r) { return r.open_commands("00000001", row.not_after); }),
              std::vector{later});
    later.state = CommandState::obeyed;
    later.done_at = now;
    ASSERT_TRUE(run([&](Tx& tx) { return tx.update(later); }));
    EXPECT_EQ(ask([](Reader& r) { return r.open_commands("00000001", now); }), std::vector{row});
    EXPECT_EQ(ask([&](Reader& r) { return r.command("00000001", later.id); }), later);
    EXPECT_EQ(ask([](Reader& r) { return r.commands_of("00000001", {}); }).size(), 2U);
}

// Shows: MPOC-3-POLICY
TEST_P(StoreTrustTest, ThePolicyInForceIsTheOneActivatedLast) {
    PolicyRow first{.version = 1, .text = "{}", .signature = {1}, .uploaded_at = now};
    PolicyRow second{.version = 2, .text = "{2}", .signature = {2}, .uploaded_at = now};
    ASSERT_TRUE(run([&](Tx& tx) -> Result<void> {
        TRY_VOID(tx.insert(first));
        return tx.insert(second);
    }));
    EXPECT_EQ(ask([](Reader& r) { return r.policy_in_force(); }), std::nullopt);
    first.activated_at = now;
    ASSERT_TRUE(run([&](Tx& tx) { return tx.update(first); }));
    EXPECT_EQ(ask([](Reader& r) { return r.policy_in_force(); }), first);
    second.activated_at = {now.unix_ms + 5};
    ASSERT_TRUE(run([&](Tx& tx) { return tx.update(second); }));
    EXPECT_EQ(ask([](Reader& r) { return r.policy_in_force(); }), second);
    EXPECT_EQ(ask([](Reader& r) { return r.policies(); }), (std::vector{first, second}));
    EXPECT_EQ(ask([](Reader& r) { return r.policy(1); }), first);
}

TEST_P(StoreTrustTest, OneTrialRunsAtATimeAndAnEndedOneStaysAsItWas) {
    TrialRow first{.id = Id128::make(random_), .policy_version = 3, .sdk_version = 7};
    first.share_per_mille = 50;
    first.promotes = true;
    first.started_at = now;
    TrialRow second{.id = Id128::make(random_), .app_version = 9};
    second.started_at = {now.unix_ms + 5};
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(first); }));
    const auto both = run([&](Tx& tx) { return tx.insert(second); });
    ASSERT_FALSE(both);
    EXPECT_EQ(both.error().kind, ErrorKind::conflict);
    first.state = TrialState::rolled_back;
    first.ended_at = {now.unix_ms + 3};
    first.reason = "approvals";
    first.others = {1, 2, 3, 4};
    first.canaries = {5, 6, 7, 8};
    ASSERT_TRUE(run([&](Tx& tx) { return tx.update(first); }));
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(second); }));
    EXPECT_EQ(ask([&](Reader& r) { return r.trial(first.id); }), first);
    EXPECT_EQ(ask([](Reader& r) { return r.trials(); }), (std::vector{second, first}));
    first.reason = "person";
    EXPECT_FALSE(run([&](Tx& tx) { return tx.update(first); })) << "it has ended";
}

TEST_P(StoreTrustTest, DeliveriesAreDueInTheirTurn) {
    WebhookRow hook{.id = Id128::make(random_), .url = "https://acquirer.example/hook"};
    hook.secret = {1, 2, 3};
    hook.created_at = now;
    DeliveryRow delivery{.webhook = hook.id, .sequence = 4, .topic = "incident", .body = "{}"};
    delivery.created_at = delivery.next_at = now;
    DeliveryRow later = delivery;
    later.sequence = 3;
    later.next_at = {now.unix_ms + 60'000};
    ASSERT_TRUE(run([&](Tx& tx) -> Result<void> {
        TRY_VOID(tx.insert(hook));
        TRY_VOID(tx.insert(delivery));
        return tx.insert(later);
    }));
    EXPECT_EQ(ask([](Reader& r) { return r.webhooks(); }), std::vector{hook});
    EXPECT_EQ(ask([](Reader& r) { return r.deliveries_due(now, 9); }), std::vector{delivery});
    delivery.state = DeliveryState::done;
    delivery.attempts = 1;
    delivery.last_status = 204;
    ASSERT_TRUE(run([&](Tx& tx) { return tx.update(delivery); }));
    EXPECT_TRUE(ask([](Reader& r) { return r.deliveries_due(now, 9); }).empty());
    EXPECT_EQ(ask([&](Reader& r) { return r.deliveries_due(later.next_at, 9); }),
              std::vector{later});
    EXPECT_EQ(ask([&](Reader& r) { return r.deliveries_of(hook.id, 9); }),
              (std::vector{delivery, later}));
    hook.disabled_at = now;
    ASSERT_TRUE(run([&](Tx& tx) { return tx.update(hook); }));
    EXPECT_EQ(ask([&](Reader& r) { return r.webhook(hook.id); }), hook);
}

TEST_P(StoreTrustTest, ASerialNumberIsGivenOutOnceAndKeepsItsHistory) {
    RegistryChange change{.reason = "created"};
    RegistryRow& row = change.row;
    row.terminal = "00000001";
    row.serial = "00009908P00000000001";
    row.acquirer = "82600000000000";
    row.merchant = shop;
    row.licence.fill(1);
    row.account.fill(2);
    row.address = "上海市-上海市-浦东新区-世纪大道 1 号";
    row.placed = true;
    row.latitude_e6 = 31'230'416;
    row.longitude_e6 = -121'473'701;
    row.changed_at = now;
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(change); }));
    RegistryChange twice = change;
    twice.row.terminal = "00000002";
    EXPECT_EQ(run([&](Tx& tx) { return tx.insert(twice); }).error().kind, ErrorKind::conflict);
    EXPECT_EQ(run([&](Tx& tx) { return tx.update(change); }).error().kind, ErrorKind::conflict);
    RegistryChange moved = change;
    moved.reason = "moved";
    moved.row.address = "上海市-上海市-黄浦区-人民路 2 号";
    moved.row.version = 2;
    ASSERT_TRUE(run([&](Tx& tx) { return tx.update(moved); }));
    RegistryChange renumbered = moved;
    renumbered.row.serial = "00009908P00000000002";
    renumbered.row.version = 3;
    EXPECT_EQ(run([&](Tx& tx) { return tx.update(renumbered); }).error().kind, ErrorKind::conflict);
    EXPECT_EQ(ask([](Reader& r) { return r.registered("00000001"); }), moved.row);
    EXPECT_EQ(ask([&](Reader& r) { return r.registered_serial(row.serial); }), moved.row);
    EXPECT_EQ(ask([](Reader& r) { return r.registry({}, 10); }), std::vector{moved.row});
    EXPECT_EQ(ask([](Reader& r) { return r.registry_history("00000001"); }),
              (std::vector{change, moved}));
}

TEST_P(StoreTrustTest, OpenPaymentsOfATerminal) {
    const pay::Payment sale = payment(1), still_open = payment(2);
    pay::Payment elsewhere = payment(3);
    elsewhere.terminal = "00000002";
    ASSERT_TRUE(sell(sale));
    ASSERT_TRUE(run([&](Tx& tx) -> Result<void> {
        TRY_VOID(tx.insert(still_open));
        return tx.insert(elsewhere);
    }));
    EXPECT_EQ(ask([](Reader& r) { return r.open_payments_of("00000001"); }),
              std::vector{still_open});
}

INSTANTIATE_TEST_SUITE_P(Backends, StoreTrustTest, all_backends, backend_name);

}  // namespace
}  // namespace softpos::store
