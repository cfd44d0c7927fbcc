// Walks a chain of certificates by positions: what every maker's chain has in common. A general
// path builder would refuse real phones (theirs are older than its rules) and take forged ones (an
// app can sign certificates with an attested key, and only the position tells).
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "crypto/certificate.h"
#include "platform/attest/anchors.h"
#include "platform/attest/words.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace softpos::attest {

constexpr std::size_t chain_max = 10;  // Certificates.

// Why a statement is refused. A literal that stays the same, and the certificate or tag.
struct Fault {
    std::string_view reason;
    std::uint32_t where = 0;
};

struct Chain {
    std::vector<crypto::Certificate> certificates;  // Leaf first, then each one's issuer.
    const TrustAnchor* anchor = nullptr;            // Borrowed from what check_anchored() got.

    const crypto::Certificate& top() const { return certificates.back(); }
    // Whether the root itself is among the certificates.
    bool has_root() const { return top().self_issued(); }
};

// "CERTIFICATE_MALFORMED", or "CHAIN_BROKEN" for none and for too many.
std::optional<Fault> read_chain(std::span<const Bytes> der, Chain& chain);

// "ROOT_UNTRUSTED" where the chain names its own root and that is no anchor. First of all, because
// all else that such a chain says is its own word.
std::optional<Fault> check_root(const Chain& chain, std::span<const TrustAnchor> anchors);

// "CHAIN_BROKEN" where an issuer's name is not the next one's subject, byte for byte.
std::optional<Fault> check_names(const Chain& chain);

// Every signature from the anchor down, that of a root over itself included; sets the anchor.
// "SIGNATURE", or "ROOT_UNTRUSTED" where no anchor signed the uppermost of a chain without root.
std::optional<Fault> check_signatures(Chain& chain, std::span<const TrustAnchor> anchors);

// Marked as authority and, where it tells what its key is for, allowed to sign certificates.
bool is_authority(const crypto::Certificate& certificate);

// "EXPIRED" or "NOT_YET_VALID", of the certificates from `first` up to and without `end`.
struct ChainRange {
    std::size_t first, end;
};
std::optional<Fault> check_dates(const Chain& chain, ChainRange range, Instant now);

// "certificate 0" and so on, with name, serial number, key and dates; at [i] the one of position i.
Observations describe_certificates(const Chain& chain);

// Takes one certificate after the other off concatenated DER, as evidence travels. malformed where
// anything else is between them, denied above chain_max. The bytes are borrowed.
Result<std::vector<Bytes>> split_chain(Bytes concatenated);

}  // namespace softpos::attest
