// The note of a release is about one program and of one maker, to the last bit.
#include "phone/posture/release_note.h"

#include "base/hex.h"
#include "crypto/hash.h"
#include "crypto/p256.h"
#include "host/durable_file.h"
#include "host/scratch_directory.h"
#include "phone/posture/linux_posture.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace softpos::posture {
namespace {

using protocol::Finding;
using protocol::FindingCode;

struct Maker {
    crypto::P256Key key = crypto::P256Key::generate().value();
    Buffer point() const {
        const auto bytes = key.public_point();
        return {bytes.begin(), bytes.end()};
    }
    std::string note(Bytes digest) const {
        return to_hex(digest) + "\n" + to_hex(key.sign(bytes_of(release_message(digest)))) + "\n";
    }
};

TEST(ReleaseNote, IsAboutOneProgramAndOfOneMaker) {
    const Maker maker, other;
    const auto digest = crypto::sha256(bytes_of("program"));
    const auto changed = crypto::sha256(bytes_of("program with a little more"));
    EXPECT_TRUE(is_as_released(digest, maker.note(digest), maker.point()));
    EXPECT_FALSE(is_as_released(changed, maker.note(digest), maker.point()));
    EXPECT_FALSE(is_as_released(digest, maker.note(changed), maker.point()));
    EXPECT_FALSE(is_as_released(digest, other.note(digest), maker.point()));
    EXPECT_FALSE(is_as_released(digest, maker.note(digest), Buffer(65, 4)));
    EXPECT_FALSE(is_as_released(digest, "", maker.point()));
    EXPECT_FALSE(is_as_released(digest, to_hex(digest), maker.point()));
    EXPECT_FALSE(is_as_released(digest, to_hex(digest) + "\n", maker.point()));
    EXPECT_FALSE(is_as_released(
        digest, maker.note(digest) + std::string(release_note_bytes_max, '0'), maker.point()));
}

TEST(ReleaseNote, NoChangedBitIsTaken) {
    auto random = testing::Prng::from_environment();
    const Maker maker;
    const auto digest = crypto::sha256(bytes_of("program"));
    const std::string note = maker.note(digest);
    for (int round = 0; round < 300; ++round) {
        std::string changed = note;
        char& c = changed[random.below(static_cast<unsigned>(note.size() - 1))];
        const char before = c;
        c = "0123456789ABCDEF"[random.below(16)];
        if (c == before) continue;
        ASSERT_FALSE(is_as_released(digest, changed, maker.point())) << "SEED=" << random.seed();
    }
}

// Shows: MPOC-1B-TAMPER
TEST(LinuxPosture, AProgramThatWasNotReleasedIsRepackaged) {
    const Maker maker;
    const host::ScratchDirectory folder;
    const auto program = host::read_running_program(program_bytes_max);
    ASSERT_TRUE(program);
    const std::string path = folder.file("release");
    const auto repackaged = [&](const std::string& note) {
        EXPECT_TRUE(host::write_durably(path, bytes_of(note), 0644));
        auto posture =
            LinuxPosture::open({.claims = {}, .release_note = path, .maker_point = maker.point()});
        EXPECT_TRUE(posture);
        const auto found = posture->look().findings;
        return std::ranges::find(found, FindingCode::repackaged, &Finding::code) != found.end();
    };
    EXPECT_FALSE(repackaged(maker.note(crypto::sha256(*program))));
    EXPECT_TRUE(repackaged(maker.note(crypto::sha256(bytes_of("another")))));
    EXPECT_TRUE(repackaged(Maker().note(crypto::sha256(*program))));
    auto missing = LinuxPosture::open(
        {.claims = {}, .release_note = folder.file("none"), .maker_point = maker.point()});
    EXPECT_FALSE(missing) << "what is set up and cannot be read is an error";
}

}  // namespace
}  // namespace softpos::posture
