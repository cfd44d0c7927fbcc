// A merchant: what it says about itself when it applies, and what it may do since.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/refusal.h"
#include "base/result.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace softpos::merchant {

// Numbers are stored: never renumber.
enum class LicenceKind : std::uint8_t { social_credit_code = 1, resident_id = 2 };
enum class MerchantState : std::uint8_t {
    applied = 1,
    approved = 2,
    active = 3,
    suspended = 4,
    closed = 5,
    rejected = 6,
};
enum class MerchantAction : std::uint8_t { approve, reject, activate, suspend, resume, close };

// applied -> approved | rejected; approved -> active; active <-> suspended; any but rejected ->
// closed. conflict where there is no such step.
Result<MerchantState> next_state(MerchantState state, MerchantAction action);

// A number that may be known but not shown: a licence, an identity or a bank account. Kept as
// what may be printed, what finds duplicates and what only the key vault opens.
struct ProtectedNumber {
    std::string masked = {};
    std::array<std::uint8_t, 32> digest{};  // Keyed hash by the caller, to find duplicates.
    Buffer sealed = {};                     // By the caller; empty where it keeps none.

    friend bool operator==(const ProtectedNumber&, const ProtectedNumber&) = default;
};

struct Merchant {
    std::string number = {};  // 15 characters.
    MerchantState state = MerchantState::applied;
    std::string name = {};
    LicenceKind licence_kind = LicenceKind::resident_id;
    ProtectedNumber licence = {};
    std::string mcc = {};     // Field 18, four digits.
    std::string region = {};  // GB/T 2260 city, four digits.
    std::string phone_masked = {};
    std::string bank_name = {};
    std::string account_holder = {};
    ProtectedNumber bank_account = {};
    std::string address = {};
    std::string limit_class = {};  // A row of data/policy/merchant.limits.
    Instant applied_at = {};
    Instant changed_at = {};

    friend bool operator==(const Merchant&, const Merchant&) = default;
};

std::string_view name_of(MerchantState state);
std::string_view name_of(LicenceKind kind);
std::optional<MerchantState> merchant_state(std::int64_t stored);
std::optional<LicenceKind> licence_kind(std::int64_t stored);

}  // namespace softpos::merchant
