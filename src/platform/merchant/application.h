// A merchant's application, checked field by field before anybody looks at it.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "platform/merchant/merchant.h"

#include <string>
#include <string_view>
#include <vector>

namespace softpos::merchant {

// In the clear, as received; lives as long as the request. Never stored or logged as it is.
struct Application {
    std::string name = {};
    LicenceKind licence_kind = LicenceKind::resident_id;
    std::string licence_number = {};
    std::string mcc = {};
    std::string region = {};
    std::string phone = {};
    std::string bank_name = {};
    std::string account_holder = {};
    std::string bank_account = {};
    std::string address = {};
};

constexpr std::size_t text_bytes_max = 200;  // Any free text of an application.

// A field and what is wrong with it; `field` is the JSON name.
struct Finding {
    std::string_view field = {};
    Refusal refusal;  // missing_field or bad_value.
};

// All that is wrong, in field order; empty when it may be taken.
std::vector<Finding> check(const Application& application, Instant now);

// What the caller's key turns clear numbers into.
struct ProtectedNumbers {
    ProtectedNumber licence = {};       // masked is filled in here.
    ProtectedNumber bank_account = {};  // masked is filled in here.
};

// malformed unless check() finds nothing.
Result<Merchant> take_application(const Application& application, ProtectedNumbers numbers,
                                  std::string_view merchant_number, Instant now);

std::string mask_number(std::string_view number);  // First and last four, stars between.

}  // namespace softpos::merchant
