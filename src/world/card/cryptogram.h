// UnionPay cryptogram version 01, as the card makes it and its issuer checks it.
//
// Spec: [JRT-0025] part 4, and part 12 for the contactless application.
#pragma once

#include "crypto/emv_keys.h"
#include "world/card/personalisation.h"

namespace softpos::card {

enum class CryptogramType : std::uint8_t { aac = 0, tc = 1, arqc = 2 };  // As in the CVR.

// What the cryptogram is over; borrowed, each in its EMV size.
struct CryptogramInput {
    Bytes amount;            // 9F02, 6
    Bytes amount_other;      // 9F03, 6
    Bytes terminal_country;  // 9F1A, 2
    Bytes tvr;               // 95, 5
    Bytes currency;          // 5F2A, 2
    Bytes date;              // 9A, 3
    Bytes type;              // 9C, 1
    Bytes unpredictable;     // 9F37, 4
    Bytes aip;               // 82, 2
    Bytes cvr;               // 4, with its length byte
    std::uint16_t atc;       // 9F36
};

Result<crypto::Cryptogram> compute_cryptogram(Bytes card_key, const CryptogramInput& input);

// 9F10 of eight bytes: 07, key index, version 01, card verification results, algorithm 3DES.
using IssuerApplicationData = std::array<std::uint8_t, 8>;
IssuerApplicationData make_iad(std::uint8_t dki, CryptogramType type);

struct IssuerCheck {
    bool genuine;  // The cryptogram is this card's.
    CryptogramType type;
    std::uint16_t atc;
};

// The issuer's side: takes the card's and the terminal's objects out of field 55. malformed with
// the tag where one is missing or of the wrong size; unsupported on another version, algorithm or
// key index.
//
//     const IssuerCheck check = TRY(check_field55(issuer, pan, "00", field55));
Result<IssuerCheck> check_field55(const IssuerProfile& issuer, const Pan& pan, std::string_view psn,
                                  Bytes field55);

}  // namespace softpos::card
