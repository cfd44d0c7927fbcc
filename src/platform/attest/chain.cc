// Names by bytes, signatures by the library, trust by key.
#include "platform/attest/chain.h"

#include "codec/der.h"

#include <algorithm>

namespace softpos::attest {

std::optional<Fault> read_chain(std::span<const Bytes> der, Chain& chain) {
    if (der.empty() || der.size() > chain_max) return Fault{"CHAIN_BROKEN", 0};
    for (const Bytes one : der) {
        auto certificate = crypto::Certificate::parse(one);
        if (!certificate) {
            return Fault{"CERTIFICATE_MALFORMED",
                         static_cast<std::uint32_t>(chain.certificates.size())};
        }
        chain.certificates.push_back(*std::move(certificate));
    }
    return std::nullopt;
}

std::optional<Fault> check_root(const Chain& chain, std::span<const TrustAnchor> anchors) {
    if (!chain.has_root() || find_anchor(anchors, chain.top().key()) != nullptr) {
        return std::nullopt;
    }
    return Fault{"ROOT_UNTRUSTED", static_cast<std::uint32_t>(chain.certificates.size() - 1)};
}

std::optional<Fault> check_names(const Chain& chain) {
    for (std::size_t i = 0; i + 1 < chain.certificates.size(); ++i) {
        if (!std::ranges::equal(chain.certificates[i].issuer(),
                                chain.certificates[i + 1].subject())) {
            return Fault{"CHAIN_BROKEN", static_cast<std::uint32_t>(i)};
        }
    }
    return std::nullopt;
}

std::optional<Fault> check_signatures(Chain& chain, std::span<const TrustAnchor> anchors) {
    const auto last = static_cast<std::uint32_t>(chain.certificates.size() - 1);
    if (chain.has_root()) {
        chain.anchor = find_anchor(anchors, chain.top().key());
        if (chain.anchor == nullptr) return Fault{"ROOT_UNTRUSTED", last};
        if (!chain.top().check_signed_by(chain.anchor->key)) return Fault{"SIGNATURE", last};
    } else {
        for (const TrustAnchor& anchor : anchors) {
            if (is_software_root(anchor.key)) continue;
            if (chain.top().check_signed_by(anchor.key)) chain.anchor = &anchor;
        }
        if (chain.anchor == nullptr) return Fault{"ROOT_UNTRUSTED", last};
    }
    for (std::uint32_t i = last; i-- > 0;) {
        // The root's key is the anchor's, which is loaded already.
        const bool under_root = i + 1 == last && chain.has_root();
        const crypto::PublicKey& key =
            under_root ? chain.anchor->key : chain.certificates[i + 1].key();
        if (!chain.certificates[i].check_signed_by(key)) return Fault{"SIGNATURE", i};
    }
    return std::nullopt;
}

bool is_authority(const crypto::Certificate& certificate) {
    const auto constraints = certificate.basic_constraints();
    const auto may_sign = certificate.may_sign_certificates();
    return constraints && constraints->has_value() && (*constraints)->authority && may_sign &&
           may_sign->value_or(true);
}

std::optional<Fault> check_dates(const Chain& chain, ChainRange range, Instant now) {
    for (std::size_t i = range.first; i < range.end; ++i) {
        const auto from = chain.certificates[i].not_before();
        const auto to = chain.certificates[i].not_after();
        const auto position = static_cast<std::uint32_t>(i);
        if (!from || *from > now) return Fault{"NOT_YET_VALID", position};
        if (!to || *to < now) return Fault{"EXPIRED", position};
    }
    return std::nullopt;
}

Observations describe_certificates(const Chain& chain) {
    Observations out;
    for (const crypto::Certificate& certificate : chain.certificates) {
        out.emplace_back("certificate " + std::to_string(out.size()),
                         crypto::name_text(certificate.subject()) + "; serial " +
                             certificate.serial_hex() + "; " + certificate.key().name() + "; " +
                             date_text(certificate.not_before()) + " to " +
                             date_text(certificate.not_after()));
    }
    return out;
}

Result<std::vector<Bytes>> split_chain(Bytes concatenated) {
    std::vector<Bytes> found;
    codec::DerReader in(concatenated);
    while (!in.empty()) {
        if (found.size() == chain_max) {
            return fail(ErrorKind::denied, "chain: too many certificates", chain_max);
        }
        found.push_back(TRY(in.take(codec::der::sequence)).whole);
    }
    return found;
}

}  // namespace softpos::attest
