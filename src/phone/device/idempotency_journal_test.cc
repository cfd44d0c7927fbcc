// The journal under every cut and every flipped byte, then its rules one by one.
#include "phone/device/idempotency_journal.h"

#include "testing/prng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace softpos::device {
namespace {

class Folder {
public:
    Folder() {
        // Thousands of durable writes: in memory, where there is a file system for it.
        const std::filesystem::path memory = "/dev/shm";
        const auto parent =
            std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path();
        std::string name = (parent / "journal-XXXXXX").string();
        if (::mkdtemp(name.data()) != nullptr) path_ = name;
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::string file() const { return path_ + "/journal"; }

private:
    std::string path_;
};

Id128 key_of(std::uint8_t number) {
    Id128 key;
    key.bytes.fill(number);
    return key;
}

JournalRequest purchase(std::uint8_t number) {
    JournalRequest request;
    request.key = key_of(number);
    request.digest.fill(number);
    request.amount_minor = 100 * number;
    request.reference = "table 7";
    return request;
}

Payment answer(std::uint8_t number, PaymentResult result = PaymentResult::approved) {
    Payment payment;
    payment.payment_id = "pay-" + std::to_string(number);
    payment.result = result;
    payment.amount_minor = 100 * number;
    if (result == PaymentResult::declined) payment.refusal = words_of(Refusal::issuer_declined);
    return payment;
}

std::unique_ptr<IdempotencyJournal> open(const Folder& folder, const JournalLimits& limits = {}) {
    auto journal = IdempotencyJournal::open(folder.file(), limits);
    EXPECT_TRUE(journal.has_value()) << (journal ? "" : journal.error().what.c_str());
    return std::move(journal).value();
}

Buffer content(const Folder& folder) {
    return host::read_file(folder.file(), 1 << 20).value();
}

// Three payments: answered, sent, started. Returns the file's size behind each write.
std::vector<std::size_t> write_story(const Folder& folder) {
    std::vector<std::size_t> sizes;
    const auto journal = open(folder);
    const auto note = [&](bool ok) {
        EXPECT_TRUE(ok);
        sizes.push_back(content(folder).size());
    };
    note(journal->begin(purchase(1), Instant{1000}).has_value());
    note(journal->mark_sent(key_of(1), Instant{1001}).has_value());
    note(journal->mark_answered(key_of(1), answer(1)).has_value());
    note(journal->begin(purchase(2), Instant{2000}).has_value());
    note(journal->mark_sent(key_of(2), Instant{2001}).has_value());
    note(journal->begin(purchase(3), Instant{3000}).has_value());
    return sizes;
}

TEST(IdempotencyJournal, SurvivesBeingOpenedAgain) {
    const Folder folder;
    write_story(folder);
    const auto journal = open(folder);
    EXPECT_EQ(journal->find(key_of(1))->state, EntryState::answered);
    EXPECT_EQ(read_payment(journal->find(key_of(1))->result_json)->payment_id, "pay-1");
    EXPECT_EQ(journal->find(key_of(2))->state, EntryState::sent);
    EXPECT_EQ(journal->find(key_of(2))->sent_at, Instant{2001});
    EXPECT_EQ(journal->find(key_of(3))->state, EntryState::started);
    EXPECT_EQ(journal->find(key_of(3))->request.reference, "table 7");
    EXPECT_EQ(journal->find_payment("pay-1")->request.key, key_of(1));
    EXPECT_EQ(journal->last()->request.key, key_of(3));
    EXPECT_EQ(journal->open_count(), 2u);
    EXPECT_FALSE(journal->find(key_of(4)));
}

// What a crash leaves: any prefix. Each must give back exactly the writes that were whole.
TEST(IdempotencyJournal, EveryCutKeepsWhatWasWhole) {
    const Folder folder;
    const auto sizes = write_story(folder);
    const Buffer image = content(folder);
    for (std::size_t cut = 0; cut <= image.size(); ++cut) {
        ASSERT_TRUE(host::write_durably(folder.file(), Bytes(image).first(cut)));
        const auto journal = IdempotencyJournal::open(folder.file());
        ASSERT_TRUE(journal.has_value()) << "cut at " << cut;
        const auto whole = std::ranges::count_if(sizes, [&](auto size) { return size <= cut; });
        const auto state = [&](std::uint8_t number) {
            const auto entry = (*journal)->find(key_of(number));
            return entry ? static_cast<int>(entry->state) : -1;
        };
        ASSERT_EQ(state(1), std::min<long>(whole, 3) - 1) << "cut at " << cut;
        ASSERT_EQ(state(2), std::clamp<long>(whole - 3, 0, 2) - 1) << "cut at " << cut;
        ASSERT_EQ(state(3), whole == 6 ? 0 : -1) << "cut at " << cut;
    }
}

TEST(IdempotencyJournal, CanBeWrittenAfterATornEnd) {
    const Folder folder;
    write_story(folder);
    const Buffer image = content(folder);
    ASSERT_TRUE(host::write_durably(folder.file(), Bytes(image).first(image.size() - 3)));
    ASSERT_TRUE(open(folder)->begin(purchase(9), Instant{9000}));
    EXPECT_EQ(open(folder)->find(key_of(9))->state, EntryState::started);
    EXPECT_FALSE(open(folder)->find(key_of(3)));
}

TEST(IdempotencyJournal, DamageInFrontOfTheLastRecordIsAnErrorAndChangesNothing) {
    const Folder folder;
    const auto sizes = write_story(folder);
    const Buffer image = content(folder);
    for (std::size_t at = 0; at < sizes[4]; at += 3) {
        Buffer damaged = image;
        damaged[at] ^= 0x41;
        ASSERT_TRUE(host::write_durably(folder.file(), damaged));
        const auto journal = IdempotencyJournal::open(folder.file());
        ASSERT_FALSE(journal.has_value()) << "byte " << at;
        ASSERT_EQ(journal.error().kind, ErrorKind::malformed);
        ASSERT_EQ(content(folder), damaged) << "byte " << at;
    }
}

TEST(IdempotencyJournal, GoingBackIsDamage) {
    const Folder folder;
    JournalEntry entry;
    entry.request = purchase(1);
    entry.trace = 1;
    entry.state = EntryState::sent;
    auto log = host::AppendLog::open(folder.file(), [](Bytes) {}).value();
    ASSERT_TRUE(log.append(encode_entry(entry)));
    entry.state = EntryState::started;
    ASSERT_TRUE(log.append(encode_entry(entry)));
    EXPECT_EQ(IdempotencyJournal::open(folder.file()).error().kind, ErrorKind::malformed);
}

TEST(IdempotencyJournal, AKeyStandsForOneRequest) {
    const Folder folder;
    const auto journal = open(folder);
    ASSERT_TRUE(journal->begin(purchase(1), Instant{1}));
    EXPECT_EQ(journal->begin(purchase(1), Instant{2})->started_at, Instant{1});
    JournalRequest other = purchase(1);
    other.digest.fill(0x99);
    EXPECT_EQ(journal->begin(other, Instant{3}).error().kind, ErrorKind::conflict);
    other = purchase(1);
    other.kind = PaymentKind::refund;
    EXPECT_EQ(journal->begin(other, Instant{3}).error().kind, ErrorKind::conflict);
}

TEST(IdempotencyJournal, AnAnswerIsFinal) {
    const Folder folder;
    const auto journal = open(folder);
    ASSERT_TRUE(journal->begin(purchase(1), Instant{1}));
    EXPECT_EQ(
        journal->mark_answered(key_of(1), answer(1, PaymentResult::indeterminate)).error().kind,
        ErrorKind::conflict);
    ASSERT_TRUE(journal->mark_answered(key_of(1), answer(1, PaymentResult::declined)));
    EXPECT_EQ(journal->mark_answered(key_of(1), answer(1)).error().kind, ErrorKind::conflict);
    EXPECT_EQ(journal->mark_sent(key_of(1), Instant{2}).error().kind, ErrorKind::conflict);
    EXPECT_EQ(journal->mark_sent(key_of(2), Instant{2}).error().kind, ErrorKind::not_found);
}

TEST(IdempotencyJournal, TracesCountAndSurvive) {
    const Folder folder;
    EXPECT_EQ(open(folder)->begin(purchase(1), Instant{1})->trace, 1u);
    EXPECT_EQ(open(folder)->begin(purchase(2), Instant{1})->trace, 2u);
    ASSERT_TRUE(open(folder)->compact());
    EXPECT_EQ(open(folder)->begin(purchase(3), Instant{1})->trace, 3u);
}

TEST(IdempotencyJournal, RefusesTooManyUnresolved) {
    const Folder folder;
    const auto journal = open(folder, {.open_max = 2});
    ASSERT_TRUE(journal->begin(purchase(1), Instant{1}));
    ASSERT_TRUE(journal->begin(purchase(2), Instant{1}));
    EXPECT_EQ(journal->begin(purchase(3), Instant{1}).error().kind, ErrorKind::denied);
    ASSERT_TRUE(journal->mark_answered(key_of(1), answer(1)));
    EXPECT_TRUE(journal->begin(purchase(3), Instant{1}));
}

TEST(IdempotencyJournal, CompactionKeepsOpenOnesAndTheLatestAnswers) {
    const Folder folder;
    const auto journal = open(folder, {.answered_kept = 2});
    ASSERT_TRUE(journal->begin(purchase(1), Instant{1}));  // Stays open, and so stays.
    for (std::uint8_t number = 2; number <= 6; ++number) {
        ASSERT_TRUE(journal->begin(purchase(number), Instant{1}));
        ASSERT_TRUE(journal->mark_answered(key_of(number), answer(number)));
    }
    ASSERT_TRUE(journal->compact());
    ASSERT_TRUE(journal->begin(purchase(7), Instant{1}));
    const auto again = open(folder);
    EXPECT_TRUE(again->find(key_of(1)));
    EXPECT_FALSE(again->find(key_of(4)));
    EXPECT_TRUE(again->find(key_of(5)));
    EXPECT_TRUE(again->find(key_of(6)));
    EXPECT_EQ(again->last()->request.key, key_of(7));
}

TEST(IdempotencyJournal, CompactsItselfWhenLarge) {
    const Folder folder;
    const auto journal = open(folder, {.file_bytes_max = 4096, .answered_kept = 3});
    for (std::uint8_t number = 1; number < 40; ++number) {
        ASSERT_TRUE(journal->begin(purchase(number), Instant{1}));
        ASSERT_TRUE(journal->mark_answered(key_of(number), answer(number)));
        ASSERT_LT(content(folder).size(), 4096u + 1024u);
    }
    EXPECT_EQ(open(folder)->last()->request.key, key_of(39));
}

TEST(IdempotencyJournal, EntriesComeBackAsTheyWere) {
    auto prng = testing::Prng::from_environment();
    for (int round = 0; round < 200; ++round) {
        SCOPED_TRACE("SEED=" + std::to_string(prng.seed()));
        JournalEntry entry;
        entry.request.key = Id128::make(prng.random());
        entry.request.kind = static_cast<PaymentKind>(prng.below(3));
        entry.request.amount_minor = prng.below(1'000'000);
        entry.request.reference = std::string(prng.below(reference_bytes_max + 1), 'r');
        entry.trace = 1 + prng.below(trace_max);
        entry.state = static_cast<EntryState>(prng.below(3));
        if (entry.state == EntryState::answered) entry.result_json = payment_json(answer(1));
        const Buffer encoded = encode_entry(entry);
        ByteReader reader(encoded);
        const auto decoded = decode_entry(reader);
        ASSERT_TRUE(decoded);
        ASSERT_TRUE(reader.empty());
        ASSERT_EQ(encode_entry(*decoded), encoded);
        ASSERT_EQ(count_entries(encoded), 1u);
    }
}

}  // namespace
}  // namespace softpos::device
