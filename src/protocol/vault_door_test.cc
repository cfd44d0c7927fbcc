// What a door says: one form for each call, and never a request's.
#include "protocol/vault_door.h"

#include "protocol/vault_call.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

namespace softpos::protocol {
namespace {

TEST(VaultDoor, WhatWentInComesOut) {
    auto prng = testing::Prng::from_environment();
    for (int round = 0; round < 500; ++round) {
        const std::string name(1 + prng.below(door_caller_bytes_max), 'a');
        const Buffer request = prng.bytes(1 + prng.below(200));
        const Buffer message = encode_door_call(name, request);
        const auto call = decode_door_call(message);
        ASSERT_TRUE(call.has_value()) << "SEED=" << prng.seed();
        EXPECT_EQ(call->common_name, name);
        EXPECT_TRUE(equal_constant_time(call->request, request)) << "SEED=" << prng.seed();
        // Nothing that is shorter than the name says is a call.
        for (std::size_t size = 0; size <= 2 + name.size(); ++size) {
            EXPECT_FALSE(decode_door_call(Bytes(message).first(size)).has_value());
        }
    }
}

TEST(VaultDoor, ARequestIsNoDoorCallAndADoorCallIsNoRequest) {
    const Buffer request = encode(VaultRequest(VaultStatusRequest{}));
    EXPECT_FALSE(decode_door_call(request).has_value());
    EXPECT_FALSE(decode_vault_request(encode_door_call("server-1", request)).has_value());
}

TEST(VaultDoor, NamesThatCouldBeMistakenAreNone) {
    EXPECT_TRUE(is_door_caller("server-1.bank.example"));
    EXPECT_TRUE(is_door_caller(std::string(door_caller_bytes_max, 'x')));
    EXPECT_FALSE(is_door_caller(std::string(door_caller_bytes_max + 1, 'x')));
    for (const char* name : {"", "a b", "a\n", "a/b", "\xE5\xBA\x93", "a\"b"}) {
        EXPECT_FALSE(is_door_caller(name)) << name;
    }
}

TEST(VaultDoor, AnotherVersionAndARequestTooLongAreRefused) {
    Buffer message = encode_door_call("a", Buffer(door_request_bytes_max, 1));
    EXPECT_TRUE(decode_door_call(message).has_value());
    message.push_back(1);
    EXPECT_FALSE(decode_door_call(message).has_value());
    message.pop_back();
    message[0] = 0xD2;
    EXPECT_FALSE(decode_door_call(message).has_value());
}

}  // namespace
}  // namespace softpos::protocol
