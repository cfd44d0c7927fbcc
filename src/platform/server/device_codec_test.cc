// A phone's record comes back as it went, and records of before hardware's keys still do.
#include "platform/server/device_codec.h"

#include "codec/cbor.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace softpos::server {
namespace {

monitor::DeviceRecord record() {
    monitor::DeviceRecord device;
    device.terminal = "00000007";
    device.pins.kind = protocol::EvidenceKind::tpm_quote;
    device.pins.home = attest::KeyHome::tpm;
    device.keys = {Buffer(34, 1), 77, Buffer(91, 2), 4'000'000'000U};
    device.last_sequence = 9;
    return device;
}

TEST(DeviceCodec, ComesBack) {
    const auto device = record();
    const Buffer bytes = encode_device(device);
    const auto back = decode_device(bytes);
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, device);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        EXPECT_FALSE(decode_device(Bytes(bytes).first(cut))) << cut;
    }
}

TEST(DeviceCodec, RecordsOfTheFirstVersionHaveNoKeys) {
    auto device = record();
    device.keys = {};
    const Buffer now = encode_device(device);
    ASSERT_EQ(now[0], 0x98);  // An array, its count in the next byte.
    ASSERT_EQ(now[1], 28);
    ASSERT_EQ(now[2], 2);
    Buffer keys;  // Four fields, all empty: between marks and hardware.
    codec::CborWriter out(keys);
    out.begin_array(4);
    out.put_bytes({});
    out.put_unsigned(0);
    out.put_bytes({});
    out.put_unsigned(0);
    const auto at = std::search(now.begin(), now.end(), keys.begin(), keys.end());
    ASSERT_NE(at, now.end());
    Buffer before(now.begin(), at);
    before.insert(before.end(), at + static_cast<std::ptrdiff_t>(keys.size()), now.end());
    before[2] = 1;
    EXPECT_FALSE(decode_device(before)) << "the count is still that of today";
    before[1] = 27;
    const auto back = decode_device(before);
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, device);
    before[2] = 2;
    EXPECT_FALSE(decode_device(before));
    before[2] = 3;
    EXPECT_EQ(decode_device(before).error().kind, ErrorKind::unsupported);
}

}  // namespace
}  // namespace softpos::server
