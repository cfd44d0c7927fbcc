// The checks of an application.
#include "platform/merchant/application.h"

#include "platform/merchant/check_digits.h"
#include "platform/merchant/numbers.h"

#include <algorithm>
#include <utility>

namespace softpos::merchant {
namespace {

bool digits(std::string_view text, std::size_t size) {
    return text.size() == size &&
           std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Text for people: something in it, not too long, no control characters.
bool is_text(std::string_view text) {
    const bool printable = std::ranges::none_of(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
    return printable && text.size() <= text_bytes_max && text.find_first_not_of(' ') != text.npos;
}

bool is_licence(const Application& application, Instant now) {
    const std::string_view number = application.licence_number;
    return application.licence_kind == LicenceKind::social_credit_code
               ? is_social_credit_code(number)
               : is_resident_id(number, china_time(now).yyyymmdd());
}

}  // namespace

std::vector<Finding> check(const Application& application, Instant now) {
    std::vector<Finding> findings;
    const auto field = [&](std::string_view name, std::string_view value, bool good) {
        if (value.empty())
            findings.push_back({name, Refusal::missing_field});
        else if (!good)
            findings.push_back({name, Refusal::bad_value});
    };
    const Application& a = application;
    field("name", a.name, is_text(a.name));
    field("licence_number", a.licence_number, is_licence(a, now));
    field("mcc", a.mcc, digits(a.mcc, 4));
    field("region", a.region, digits(a.region, 4) && a.region[0] != '0');
    field("phone", a.phone, is_mobile_number(a.phone));
    field("bank_name", a.bank_name, is_text(a.bank_name));
    field("account_holder", a.account_holder, is_text(a.account_holder));
    field("bank_account", a.bank_account, is_bank_account(a.bank_account));
    field("address", a.address, is_text(a.address));
    return findings;
}

std::string mask_number(std::string_view number) {
    constexpr std::size_t shown = 4;
    if (number.size() <= 2 * shown) return std::string(number.size(), '*');
    return std::string(number.substr(0, shown)) + std::string(number.size() - 2 * shown, '*') +
           std::string(number.substr(number.size() - shown));
}

Result<Merchant> take_application(const Application& application, ProtectedNumbers numbers,
                                  std::string_view merchant_number, Instant now) {
    if (!check(application, now).empty()) {
        return fail(ErrorKind::malformed, "the application has findings");
    }
    if (!is_merchant_number(merchant_number)) {
        return fail(ErrorKind::malformed, "no merchant number");
    }
    Merchant merchant;
    merchant.number = merchant_number;
    merchant.name = application.name;
    merchant.licence_kind = application.licence_kind;
    merchant.licence = std::move(numbers.licence);
    merchant.licence.masked = mask_number(application.licence_number);
    merchant.mcc = application.mcc;
    merchant.region = application.region;
    merchant.phone_masked = mask_number(application.phone);
    merchant.bank_name = application.bank_name;
    merchant.account_holder = application.account_holder;
    merchant.bank_account = std::move(numbers.bank_account);
    merchant.bank_account.masked = mask_number(application.bank_account);
    merchant.address = application.address;
    merchant.limit_class =
        application.licence_kind == LicenceKind::resident_id ? "micro" : "company";
    merchant.applied_at = now;
    merchant.changed_at = now;
    return merchant;
}

}  // namespace softpos::merchant
