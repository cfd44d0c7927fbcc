// Roots and revocation lists as they are served.
#include "codec/der.h"
#include "codec/json_tree.h"
#include "world/conformance/android_files.h"
#include "world/conformance/checkers.h"

#include <algorithm>

namespace softpos::conformance {
namespace {

void check_root(Row& row, Bytes der) {
    const auto certificate = crypto::Certificate::parse(der);
    if (!certificate) return row.fail("certificate", certificate.error());
    const auto anchors = google_anchors(row);
    row.holds("its key is an anchor", attest::find_anchor(anchors, certificate->key()) != nullptr);
    row.holds("it signed itself", certificate->check_signed_by(certificate->key()).has_value());
}

// A certificate of which nothing matters but the serial number.
std::optional<crypto::Certificate> with_serial(Bytes magnitude) {
    using codec::DerWriter;
    namespace der = codec::der;
    Buffer algorithm;
    DerWriter(algorithm).put_oid("1.2.840.10045.4.3.2");
    Buffer validity;
    const codec::DerTag utc_time{codec::DerClass::universal, false, 23};
    DerWriter(validity).put(utc_time, bytes_of("260101000000Z"));
    DerWriter(validity).put(utc_time, bytes_of("270101000000Z"));
    Buffer spki;
    DerWriter(spki).put(der::sequence, algorithm);
    DerWriter(spki).put(der::bit_string, Buffer(2));
    Buffer body;
    DerWriter to(body);
    to.put_magnitude(magnitude);
    to.put(der::sequence, algorithm);
    to.put(der::sequence, {});
    to.put(der::sequence, validity);
    to.put(der::sequence, {});
    to.put(der::sequence, spki);
    Buffer parts;
    DerWriter(parts).put(der::sequence, body);
    DerWriter(parts).put(der::sequence, algorithm);
    DerWriter(parts).put(der::bit_string, Buffer(2));
    Buffer whole;
    DerWriter(whole).put(der::sequence, parts);
    auto certificate = crypto::Certificate::parse(whole);
    if (!certificate) return std::nullopt;
    return *std::move(certificate);
}

// The number that digits of that base write.
Buffer magnitude_of(std::string_view digits, unsigned base) {
    Buffer number;  // Lowest byte first.
    for (const char c : digits) {
        unsigned carry = static_cast<unsigned>(c >= 'a' ? c - 'a' + 10 : c - '0');
        for (std::uint8_t& byte : number) {
            carry += byte * base;
            byte = static_cast<std::uint8_t>(carry & 0xFFU);
            carry >>= 8U;
        }
        for (; carry != 0; carry >>= 8U) number.push_back(static_cast<std::uint8_t>(carry & 0xFFU));
    }
    std::ranges::reverse(number);
    return number;
}

void check_entry(Row& row, const attest::RevocationList& list, std::string_view key) {
    const bool decimal = std::ranges::all_of(key, [](char c) { return c >= '0' && c <= '9'; });
    for (const unsigned base : {16U, 10U}) {
        if (base == 10 && !decimal) continue;
        const auto certificate = with_serial(magnitude_of(key, base));
        if (!certificate) return row.fail("serial number");
        row.holds(base == 10 ? "is found as decimal" : "is found as hex",
                  list.find(*certificate) != nullptr);
    }
    const auto other = with_serial(magnitude_of(std::string(key) + "7", 16));
    row.holds("one digit more is not found", other && list.find(*other) == nullptr);
}

}  // namespace

void check_android_root(const Input& in, Tally& tally) {
    Row row(tally, std::string(in.file));
    if (in.file.ends_with(".der")) return check_root(row, bytes_of(in.text));
    const auto der = crypto::pem_certificates(in.text, 1);
    if (!der) return row.fail("armour", der.error());
    check_root(row, der->front());
}

void check_android_roots(const Input& in, Tally& tally) {
    const auto items = in.json.items();
    std::vector<Buffer> keys;
    for (std::size_t i = 0; i < items.size(); ++i) {
        Row row(tally, "root " + std::to_string(i));
        const auto der = crypto::pem_certificates(items[i].text(), 1);
        if (!der) {
            row.fail("armour", der.error());
            continue;
        }
        check_root(row, der->front());
        const auto certificate = crypto::Certificate::parse(der->front());
        if (certificate) keys.push_back(certificate->key().spki());
    }
    // And the other way round: we trust nobody beyond those.
    Row row(tally, "anchors");
    for (const attest::TrustAnchor& anchor : google_anchors(row)) {
        row.holds(anchor.name + " is among them",
                  std::ranges::find(keys, anchor.key.spki()) != keys.end());
    }
}

void check_revocation_list(const Input& in, Tally& tally) {
    Row whole(tally, "list");
    const auto list = attest::RevocationList::parse(in.text, Instant{});
    if (!list) return whole.fail("cannot be read", list.error());
    const auto tree =
        codec::JsonTree::parse(in.text, {.bytes_max = attest::RevocationList::bytes_max,
                                         .values_max = attest::RevocationList::values_max});
    if (!tree) return whole.fail("cannot be read", tree.error());
    const auto members = tree->root()["entries"].members();
    whole.holds("number of entries", members.size() == list->size());
    for (const auto& [key, value] : members) {
        Row row(tally, std::string(key));
        check_entry(row, *list, key);
    }
}

}  // namespace softpos::conformance
