// Reads the file of anchors and knows whom not to trust.
#include "platform/attest/anchors.h"

#include "base/hex.h"
#include "crypto/hash.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace softpos::attest {
namespace {

// SHA-256 of SubjectPublicKeyInfo.
constexpr std::string_view software_roots[] = {
    // "Android Keystore Software Attestation Root", P-256.
    "D5100C7942EF2E8310DC30EF82729680CF48D690735C3F68179A33C7C370F286",
    // "Google, Inc., Android", RSA-1024.
    "F2C4746F545946C100E72297F8F946344D7052F03A2F694221F9C893B0E6F711",
};

std::string fingerprint(Bytes spki) {
    return to_hex(crypto::sha256(spki));
}

struct Entry {
    std::string name;
    std::string sha256;
    std::string spki;
    std::uint32_t line;
};

Result<TrustAnchor> anchor_of(const Entry& entry) {
    const auto spki = from_hex(entry.spki);
    const auto digest = from_hex(entry.sha256);
    if (!spki || !digest) return fail(ErrorKind::malformed, "anchors: hex", entry.line);
    if (!std::ranges::equal(crypto::sha256(*spki), *digest)) {
        return fail(ErrorKind::malformed, "anchors: key and sha256 differ", entry.line);
    }
    const auto key = crypto::PublicKey::from_spki(*spki);
    if (!key || key->family() == crypto::KeyFamily::other) {
        return fail(ErrorKind::malformed, "anchors: no key", entry.line);
    }
    if (is_software_root(*key))
        return fail(ErrorKind::denied, "anchors: software root", entry.line);
    return TrustAnchor{entry.name, *key};
}

// The value behind "name = " in a line.
std::optional<std::string_view> value_of(std::string_view line, std::string_view name) {
    if (!line.starts_with(name) || !line.substr(name.size()).starts_with(" = ")) {
        return std::nullopt;
    }
    return line.substr(name.size() + 3);
}

}  // namespace

Result<std::vector<TrustAnchor>> parse_anchors(std::string_view text) {
    std::vector<Entry> entries;
    std::uint32_t number = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        if (line.empty() || line.front() == '#') continue;
        if (line.front() == '[' && line.back() == ']') {
            if (entries.size() == anchors_max) {
                return fail(ErrorKind::denied, "anchors: too many", number);
            }
            entries.push_back({std::string(line.substr(1, line.size() - 2)), {}, {}, number});
            continue;
        }
        if (entries.empty()) return fail(ErrorKind::malformed, "anchors: no name yet", number);
        if (const auto digest = value_of(line, "sha256")) {
            entries.back().sha256 = *digest;
        } else if (const auto part = value_of(line, "spki")) {
            entries.back().spki += *part;
        } else {
            return fail(ErrorKind::malformed, "anchors: line", number);
        }
    }
    std::vector<TrustAnchor> anchors;
    for (const Entry& entry : entries) anchors.push_back(TRY(anchor_of(entry)));
    return anchors;
}

const TrustAnchor* find_anchor(std::span<const TrustAnchor> anchors, const crypto::PublicKey& key) {
    if (is_software_root(key)) return nullptr;
    const auto found = std::ranges::find_if(
        anchors, [&key](const TrustAnchor& anchor) { return anchor.key.spki() == key.spki(); });
    return found == anchors.end() ? nullptr : &*found;
}

bool is_software_root(const crypto::PublicKey& key) {
    const std::string digest = fingerprint(key.spki());
    return std::ranges::find(software_roots, digest) != std::end(software_roots);
}

}  // namespace softpos::attest
