// Accounts, and the cryptogram of UnionPay version 01 recomputed from the issuer's master key.
#include "world/sim/issuer.h"

#include "base/pan.h"
#include "codec/ber_tlv.h"
#include "host/durable_file.h"
#include "world/card/cryptogram.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace softpos::sim {
namespace {

using codec::Tag;

constexpr std::size_t issuer_file_bytes_max = 4096;
constexpr std::size_t amount_bytes = 6;  // 9F02

std::optional<Bytes> object_in(Bytes field55, std::uint32_t tag) {
    const auto found = codec::find_value(field55, Tag{tag});
    return found ? *found : std::nullopt;
}

std::int64_t decimal(Bytes bcd) {
    std::int64_t value = 0;
    for (const std::uint8_t byte : bcd) value = value * 100 + (byte >> 4) * 10 + (byte & 0x0F);
    return value;
}

bool expired(std::string_view yymm, std::uint32_t business_date) {
    if (yymm.size() != 4) return false;
    std::uint32_t expiry = 0;
    std::from_chars(yymm.data(), yymm.data() + yymm.size(), expiry);
    return 2000 * 100 + expiry < business_date / 100;
}

}  // namespace

void Issuer::open_account(std::string pan, std::int64_t balance_minor, std::string pin) {
    Account& account = accounts_[std::move(pan)];
    account.balance_minor = balance_minor;
    account.pin = std::move(pin);
    account.wrong_pins = 0;
}

// As an issuer counts: the third wrong one closes it, and a right one starts anew.
std::string Issuer::check_pin(const AuthorisationRequest& request, Account& account) {
    if (!request.pin || account.pin.empty()) return {};
    if (account.wrong_pins >= wrong_pins_max) return "38";
    if (*request.pin == account.pin) {
        account.wrong_pins = 0;
        return {};
    }
    return ++account.wrong_pins >= wrong_pins_max ? "38" : "55";
}

std::int64_t Issuer::balance_minor(std::string_view pan) const {
    const auto account = accounts_.find(pan);
    return account == accounts_.end() ? 0 : account->second.balance_minor;
}

std::int64_t Issuer::total_minor() const {
    std::int64_t total = 0;
    for (const auto& [pan, account] : accounts_) total += account.balance_minor;
    return total;
}

std::string Issuer::authorise(const AuthorisationRequest& request) {
    const auto found = accounts_.find(request.pan);
    if (found == accounts_.end()) return "14";
    Account& account = found->second;
    if (expired(request.expiry_yymm, request.business_date)) return "54";
    std::string refused = check_cryptogram(request, account);
    if (refused.empty()) refused = check_pin(request, account);
    if (!refused.empty()) return refused;
    if (account.balance_minor < request.amount_minor) return "51";
    account.balance_minor -= request.amount_minor;
    return "00";
}

std::string Issuer::check_cryptogram(const AuthorisationRequest& request, Account& account) const {
    const auto pan = Pan::parse(request.pan);
    const card::IssuerProfile* issuer = pan ? card::find_issuer(issuers_, *pan) : nullptr;
    if (issuer == nullptr) return "15";
    // A stripe proves nothing by itself: who has no chip must know the PIN.
    if (request.field55.empty()) return request.pin && !account.pin.empty() ? "" : "57";
    const auto amount = object_in(request.field55, 0x9F02);
    if (!amount || amount->size() != amount_bytes) return "99";
    // The card signed another amount than the one that is asked for.
    if (decimal(*amount) != request.amount_minor) return "63";
    const auto check = card::check_field55(*issuer, *pan, request.psn, request.field55);
    if (!check) return "99";
    if (!check->genuine || check->type != card::CryptogramType::arqc) return "63";
    if (check->atc <= account.last_counter) return "94";  // A copy of an earlier tap.
    account.last_counter = check->atc;
    return {};
}

void Issuer::credit(std::string_view pan, std::int64_t amount_minor) {
    if (const auto account = accounts_.find(pan); account != accounts_.end()) {
        account->second.balance_minor += amount_minor;
    }
}

Result<void> load_issuers(const std::string& folder, Issuer& into) {
    std::error_code error;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        if (entry.path().extension() == ".issuer") files.push_back(entry.path());
    }
    if (error || files.empty()) return fail(ErrorKind::not_found, "issuer: no *.issuer file");
    std::ranges::sort(files);
    for (const auto& file : files) {
        const Buffer text = TRY(host::read_file(file.string(), issuer_file_bytes_max));
        into.add_issuer(TRY(card::parse_issuer(text_of(text))));
    }
    return {};
}

}  // namespace softpos::sim
