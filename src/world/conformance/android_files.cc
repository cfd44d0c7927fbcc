// Reading chains and anchors for the checkers.
#include "world/conformance/android_files.h"

#include "base/check.h"
#include "host/data_files.h"
#include "host/durable_file.h"
#include "platform/attest/chain.h"
#include "world/conformance/conformance.h"

#include <algorithm>

namespace softpos::conformance {

std::optional<attest::KeyDescription> PemChain::description() const {
    const auto* extension = certificates.front().extension(attest::android_key_oid);
    if (extension == nullptr) return std::nullopt;
    auto description = attest::KeyDescription::parse(extension->value);
    if (!description) return std::nullopt;
    return *std::move(description);
}

Instant PemChain::issuers_valid() const {
    Instant latest;
    for (std::size_t i = 1; i < certificates.size(); ++i) {
        latest = std::max(latest, certificates[i].not_before().value_or(Instant{}));
    }
    return latest;
}

std::optional<PemChain> read_chain(Row& row, const std::string& folder, const std::string& file) {
    const auto text = host::read_file(folder + "/" + file, file_bytes_max);
    if (!text) {
        row.fail(file, text.error());
        return std::nullopt;
    }
    auto der = crypto::pem_certificates(softpos::text_of(*text), attest::chain_max);
    if (!der) {
        row.fail(file, der.error());
        return std::nullopt;
    }
    PemChain chain{*std::move(der), {}};
    for (const Buffer& one : chain.der) {
        auto certificate = crypto::Certificate::parse(one);
        if (!certificate) {
            row.fail(file, certificate.error());
            return std::nullopt;
        }
        chain.certificates.push_back(*std::move(certificate));
    }
    return chain;
}

std::vector<attest::TrustAnchor> google_anchors(Row& row) {
    const auto text = host::read_data("attest/android.anchors");
    if (!text) {
        row.fail("anchors", text.error());
        return {};
    }
    auto anchors = attest::parse_anchors(*text);
    if (!anchors) {
        row.fail("anchors", anchors.error());
        return {};
    }
    return *std::move(anchors);
}

attest::AndroidPolicy policy_of(const attest::KeyDescription& description) {
    attest::AndroidPolicy policy;
    policy.challenge = description.challenge;
    policy.package = std::string();
    if (description.software.application) {
        const auto& app = *description.software.application;
        if (!app.packages.empty()) policy.package = app.packages.front().name;
        policy.signers = app.signers;
    }
    return policy;
}

attest::RevocationList empty_revocation_list(Instant served) {
    auto list = attest::RevocationList::parse(R"({"entries":{}})", served);
    CHECK(list.has_value());
    return *std::move(list);
}

std::string text_of(const attest::Verdict& verdict) {
    std::string text(attest::name_of(verdict.outcome));
    if (!verdict.reason.empty()) text.append(" ").append(verdict.reason);
    return text;
}

}  // namespace softpos::conformance
