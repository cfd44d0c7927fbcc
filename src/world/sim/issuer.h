// The card issuers behind the simulated network: accounts with balances in fen, and the check of
// every application cryptogram with the issuer's own key. Nothing is approved because it was asked.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "world/card/personalisation.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::sim {

struct AuthorisationRequest {
    std::string_view pan;
    std::string_view psn;          // Two digits.
    std::string_view expiry_yymm;  // Empty where the message has none.
    std::uint32_t business_date;   // YYYYMMDD.
    std::int64_t amount_minor;
    Bytes field55;
    std::optional<std::string> pin = {};  // In clear, as a network's own vault would see it.
};

class Issuer {
public:
    void add_issuer(card::IssuerProfile issuer) { issuers_.push_back(std::move(issuer)); }
    void open_account(std::string pan, std::int64_t balance_minor, std::string pin = {});
    std::int64_t balance_minor(std::string_view pan) const;  // 0 where there is no such account.
    std::int64_t total_minor() const;                        // Over all accounts.

    // Field 39: "00" and the amount is taken from the account, or why not: 14 no such card, 54
    // expired, 51 not enough money, 63 the cryptogram is wrong, 94 the card's counter went back, 55
    // another PIN than the account's, 38 that for the third time.
    std::string authorise(const AuthorisationRequest& request);

    // Gives money back: a reversal, void or refund of what was authorised.
    void credit(std::string_view pan, std::int64_t amount_minor);

private:
    struct Account {
        std::int64_t balance_minor = 0;
        std::string pin = {};  // Empty: of no interest.
        unsigned wrong_pins = 0;
        std::uint32_t last_counter = 0;  // Highest application transaction counter seen, 9F36.
    };
    static constexpr unsigned wrong_pins_max = 3;
    static std::string check_pin(const AuthorisationRequest& request, Account& account);
    std::string check_cryptogram(const AuthorisationRequest& request, Account& account) const;

    std::vector<card::IssuerProfile> issuers_;
    std::map<std::string, Account, std::less<>> accounts_;
};

// Every *.issuer file of a folder. Error.detail is a line of the first bad one.
Result<void> load_issuers(const std::string& folder, Issuer& into);

}  // namespace softpos::sim
