// Serial numbers as text, in two bases.
#include "platform/attest/revocation.h"

#include "codec/json_tree.h"

#include <algorithm>

namespace softpos::attest {
namespace {

constexpr std::size_t serial_digits_max = 128;
constexpr std::size_t date_characters = 10;  // "2026-12-01"

// "00AB" is "ab"; nothing where it is no number in either base.
std::string normal_serial(std::string_view key) {
    if (key.empty() || key.size() > serial_digits_max) return {};
    std::string text(key);
    for (char& c : text) {
        if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
        if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) return {};
    }
    text.erase(0, std::min(text.find_first_not_of('0'), text.size() - 1));
    return text;
}

RevocationStatus status_of(std::string_view word) {
    if (word == "REVOKED") return RevocationStatus::revoked;
    if (word == "SUSPENDED") return RevocationStatus::suspended;
    return RevocationStatus::unknown;
}

bool is_date(std::string_view text) {
    constexpr std::string_view form = "0000-00-00";
    static_assert(form.size() == date_characters);
    return text.size() == form.size() && std::ranges::equal(text, form, [](char c, char wanted) {
               return wanted == '-' ? c == '-' : c >= '0' && c <= '9';
           });
}

}  // namespace

Result<RevocationList> RevocationList::parse(std::string_view json, Instant served) {
    const auto tree =
        TRY(codec::JsonTree::parse(json, {.bytes_max = bytes_max, .values_max = values_max}));
    const auto entries = tree.root()["entries"];
    if (!entries.is_object()) return fail(ErrorKind::malformed, "revocation list: no entries");
    RevocationList list;
    list.served_ = served;
    for (const auto& [key, value] : entries.members()) {
        const std::string serial = normal_serial(key);
        const auto status = value["status"].text();
        if (serial.empty() || !status) {
            return fail(ErrorKind::malformed, "revocation list: entry",
                        static_cast<std::uint32_t>(list.entries_.size()));
        }
        Revocation entry{status_of(*status), std::string(value["reason"].text().value_or("")),
                         std::string(value["expires"].text().value_or(""))};
        if (value["expires"] && !is_date(entry.expires)) {
            return fail(ErrorKind::malformed, "revocation list: date",
                        static_cast<std::uint32_t>(list.entries_.size()));
        }
        list.entries_.insert_or_assign(serial, std::move(entry));
    }
    return list;
}

const Revocation* RevocationList::find(const crypto::Certificate& certificate) const {
    // A decimal number is never longer in digits than needed, so that it is found as it stands.
    for (const std::string& serial : {certificate.serial_hex(), certificate.serial_decimal()}) {
        const auto found = entries_.find(serial);
        if (found != entries_.end()) return &found->second;
    }
    return nullptr;
}

}  // namespace softpos::attest
