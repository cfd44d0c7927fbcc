// For tests: a phone of a maker like Huawei, whose key store attests a key; right or wrong in any
// one part. No chain of theirs is published, so that all are of our own making.
#pragma once

#include "crypto/hash.h"
#include "platform/attest/certificate_test_support.h"
#include "platform/attest/huks_key.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace softpos::attest {

// What may be right or wrong.
struct TestHuksClaims {
    Buffer challenge = Buffer(32, 0x11);
    std::string owner_type = "1.3.6.1.4.1.2011.2.376.2.1.3.1";
    std::string owner = R"({"appId":"cn.example.spos_QUJD","bundleName":"cn.example.spos"})";
    Buffer source = Buffer{2};
    std::vector<std::pair<std::string, Buffer>> more = {};  // Claims: type, value in DER.
    std::vector<std::string> without = {};                  // Types that are left out.
    std::optional<std::uint64_t> version = 0;
    bool leaf_is_authority = false;
    Instant device_until = tests_to;
};

struct TestHuks : TestHuksClaims {
    TestAuthority root = TestAuthority::make("Device Attestation Root");
    TestAuthority middle = TestAuthority::make("Device Attestation CA");
    TestAuthority device = TestAuthority::make("Device");
    TestAuthority key = TestAuthority::make("Key");

    static Buffer number(std::uint64_t value) {
        Buffer out;
        codec::DerWriter(out).put_unsigned(der::integer, value);
        return out;
    }
    static Buffer claim(const std::string& oid, const Buffer& value) {
        return der_list(der::sequence, {number(0), der_oid(oid), value});
    }
    Buffer statement() const {
        const std::string base = "1.3.6.1.4.1.2011.2.376.2.";
        std::vector<std::pair<std::string, Buffer>> claims = {
            {base + "1.3",
             der_list(der::sequence,
                      {der_oid(owner_type), der_object(der::octet_string, bytes_of(owner))})},
            {base + "1.4", der_object(der::octet_string, challenge)},
            {base + "1.5", der_object(der::octet_string, source)},
            {base + "2.4.8", der_object(der::utf8_string, bytes_of("ABC-AL00"))},
            {base + "2.2.6", der_object(der::octet_string, Buffer(16, 0x28))}};
        claims.insert(claims.end(), more.begin(), more.end());
        std::vector<Buffer> parts;
        if (version) parts.push_back(number(*version));
        for (const auto& [oid, value] : claims) {
            if (std::ranges::find(without, oid) == without.end())
                parts.push_back(claim(oid, value));
        }
        return der_list(der::sequence, parts);
    }
    TestCertificate leaf() const {
        return {.subject = key.name,
                .spki = key.spki(),
                .authority = leaf_is_authority,
                .extensions = {{std::string(huks_key_oid), statement()}}};
    }
    // Offline: leaf, device, intermediate, root.
    std::vector<Buffer> chain() const {
        return {device.certify(leaf()),
                middle.certify(
                    {.subject = device.name, .spki = device.spki(), .not_after = device_until}),
                root.certify(middle), root.certify(root)};
    }
    std::vector<TrustAnchor> anchors() const { return {root.anchor()}; }
};

}  // namespace softpos::attest
