// What PC/SC gives without a card. A tap over it: the live check of the simulator.
#include "phone/hw/pcsc_reader.h"

#include <gtest/gtest.h>

#include <unistd.h>

namespace softpos::hw {
namespace {

bool service_runs() {
    return ::access("/run/pcscd/pcscd.comm", F_OK) == 0;
}

TEST(PcscReader, WithoutItsServiceThereIsNoReader) {
    if (service_runs()) GTEST_SKIP() << "pcscd runs here";
    EXPECT_EQ(fault_of(list_pcsc_readers().error()), ReaderFault::no_reader);
    EXPECT_EQ(fault_of(PcscReader::open("").error()), ReaderFault::no_reader);
}

TEST(PcscReader, UnknownNameIsNoReader) {
    const auto reader = PcscReader::open("no reader is called this");
    ASSERT_FALSE(reader);
    EXPECT_EQ(fault_of(reader.error()), ReaderFault::no_reader);
}

TEST(PcscReader, EveryListedReaderOpensUnderItsName) {
    const auto names = list_pcsc_readers();
    if (!names || names->empty()) GTEST_SKIP() << "no PC/SC reader here";
    for (const std::string& name : *names) {
        EXPECT_EQ(PcscReader::open(name).value()->name(), name);
    }
}

}  // namespace
}  // namespace softpos::hw
