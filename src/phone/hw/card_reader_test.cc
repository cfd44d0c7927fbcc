// The faults: each has its own Error, and the Error gives the fault back.
#include "phone/hw/card_reader.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace softpos::hw {
namespace {

constexpr ReaderFault all_faults[] = {ReaderFault::no_reader,    ReaderFault::no_card,
                                      ReaderFault::card_removed, ReaderFault::timeout,
                                      ReaderFault::protocol,     ReaderFault::cancelled};

TEST(CardReader, FaultComesBackOutOfItsError) {
    for (const ReaderFault fault : all_faults) {
        EXPECT_EQ(fault_of(reader_failure(fault).error()), fault);
    }
}

TEST(CardReader, EachFaultHasItsOwnText) {
    std::set<std::string> texts;
    for (const ReaderFault fault : all_faults) {
        texts.insert(reader_failure(fault).error().what.c_str());
    }
    EXPECT_EQ(texts.size(), std::size(all_faults));
}

TEST(CardReader, ErrorsFromElsewhereAreNoReaderFault) {
    EXPECT_EQ(fault_of(fail(ErrorKind::malformed, "tlv: no length", 0x9F02).error()),
              ReaderFault::none);
    EXPECT_EQ(fault_of(fail(ErrorKind::malformed, "tlv: no length", 3).error()), ReaderFault::none);
}

TEST(CardReader, WhatMayBeTriedAgainSaysSo) {
    EXPECT_EQ(reader_failure(ReaderFault::card_removed).error().kind, ErrorKind::unavailable);
    EXPECT_EQ(reader_failure(ReaderFault::timeout).error().kind, ErrorKind::unavailable);
    EXPECT_EQ(reader_failure(ReaderFault::protocol).error().kind, ErrorKind::malformed);
}

}  // namespace
}  // namespace softpos::hw
