// What a TPM may answer over a connection, and what is none: cut short, too long, or silence.
#include "phone/hw/tpm_stream.h"

#include "base/bytes.h"
#include "base/check.h"
#include "host/descriptor.h"
#include "host/scratch_directory.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <tss2/tss2_tcti.h>
#include <unistd.h>

namespace softpos::hw {
namespace {

const TSS2_TCTI_CONTEXT_COMMON_V1& calls_of(const TpmStream& stream) {
    return *reinterpret_cast<const TSS2_TCTI_CONTEXT_COMMON_V1*>(stream.get());
}

class TpmStreamTest : public ::testing::Test {
protected:
    void SetUp() override {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string path = scratch_.file("tpm");
        std::memcpy(address.sun_path, path.data(), path.size());
        listening_ = host::Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(
            ::bind(listening_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            0);
        ASSERT_EQ(::listen(listening_.get(), 4), 0);
        connect();
    }
    void connect() {
        auto stream = connect_tpm_stream(scratch_.file("tpm"));
        ASSERT_TRUE(stream);
        stream_ = *std::move(stream);
        peer_ = host::Descriptor(::accept(listening_.get(), nullptr, nullptr));
    }
    void answer(Bytes bytes) {
        ASSERT_EQ(::send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
    }
    TSS2_RC command(Bytes bytes) {
        return calls_of(stream_).transmit(stream_.get(), bytes.size(), bytes.data());
    }
    TSS2_RC receive(Buffer& into, std::size_t room, std::int32_t timeout_ms = 0) {
        into.resize(room);
        std::size_t size = room;
        const TSS2_RC code =
            calls_of(stream_).receive(stream_.get(), &size, into.data(), timeout_ms);
        if (code == TSS2_RC_SUCCESS) into.resize(size);
        return code;
    }

    const Buffer asked_ = {0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x44};
    host::ScratchDirectory scratch_;
    host::Descriptor listening_, peer_;
    TpmStream stream_;
};

TEST_F(TpmStreamTest, AnAnswerComesWholeInWhateverPieces) {
    testing::Prng random = testing::Prng::from_environment();
    for (int round = 0; round < 50; ++round) {
        Buffer wanted(10 + random.below(4087));
        wanted[0] = 0x80;
        wanted[4] = static_cast<std::uint8_t>(wanted.size() >> 8U);
        wanted[5] = static_cast<std::uint8_t>(wanted.size());
        ASSERT_EQ(command(asked_), TSS2_RC_SUCCESS);
        EXPECT_EQ(command(asked_), TSS2_TCTI_RC_BAD_SEQUENCE) << "one at a time";
        Buffer got;
        ASSERT_EQ(receive(got, 4096), TSS2_TCTI_RC_TRY_AGAIN);
        const std::size_t cut = random.below(static_cast<unsigned>(wanted.size()));
        if (cut > 0) answer(Bytes(wanted).first(cut));
        ASSERT_EQ(receive(got, 4096), TSS2_TCTI_RC_TRY_AGAIN) << "SEED=" << random.seed();
        answer(Bytes(wanted).subspan(cut));
        if (wanted.size() > 10) EXPECT_EQ(receive(got, 10), TSS2_TCTI_RC_INSUFFICIENT_BUFFER);
        ASSERT_EQ(receive(got, 4096), TSS2_RC_SUCCESS) << "SEED=" << random.seed();
        ASSERT_EQ(got, wanted) << "SEED=" << random.seed();
        EXPECT_EQ(receive(got, 4096), TSS2_TCTI_RC_BAD_SEQUENCE);
    }
}

TEST_F(TpmStreamTest, SizesThatCannotBeEndIt) {
    for (const Buffer& bad : {Buffer{0x80, 1, 0, 0, 0x10, 1, 0, 0, 0, 0},  // One above the limit.
                              Buffer{0x80, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0},
                              Buffer{0x80, 1, 0, 0, 0, 9, 0, 0, 0, 0}}) {
        ASSERT_EQ(command(asked_), TSS2_RC_SUCCESS);
        answer(bad);
        Buffer got;
        EXPECT_EQ(receive(got, 4096), TSS2_TCTI_RC_MALFORMED_RESPONSE);
        connect();
    }
}

TEST_F(TpmStreamTest, WhoGoesAwayIsNoticed) {
    ASSERT_EQ(command(asked_), TSS2_RC_SUCCESS);
    peer_ = {};
    Buffer got;
    EXPECT_EQ(receive(got, 4096, -1), TSS2_TCTI_RC_IO_ERROR);
    connect();
    peer_ = {};
    EXPECT_EQ(command(asked_), TSS2_TCTI_RC_IO_ERROR) << "and no signal ends the program";
}

TEST(TpmStream, NobodyListensOrThePathCannotBe) {
    EXPECT_EQ(connect_tpm_stream("/nonexistent/tpm").error().kind, ErrorKind::unavailable);
    EXPECT_EQ(connect_tpm_stream("").error().kind, ErrorKind::malformed);
    EXPECT_EQ(connect_tpm_stream(std::string(200, 'a')).error().kind, ErrorKind::malformed);
}

}  // namespace
}  // namespace softpos::hw
