// Who a terminal is to the regulator: a serial number bound to five elements, filed when it is made
// and compared with what is known now at every step.
//
// Spec: [PBOC-259] serial numbers, five elements; filing fields.
#pragma once

#include "base/result.h"
#include "platform/merchant/merchant.h"
#include "platform/merchant/terminal.h"
#include "platform/store/store.h"
#include "protocol/spa.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::server {

// What differs; the number is the detail of a BINDING finding. Where the terminal stands is the
// fifth element: phones tell their place, and the policy says how far is too far (MOVED).
enum class Element : std::uint8_t { none, serial, acquirer, merchant, licence, account };
std::string_view name_of(Element element);  // "licence"
Element element_of(std::uint32_t detail);   // none for what is none of them.

Element differing_element(const store::RegistryRow& registered, const merchant::Terminal& terminal,
                          const merchant::Merchant& merchant, std::string_view acquirer);

// Part of a work: the finding that follows, if any, and where the terminal is registered to stand.
struct IdentityView {
    std::optional<protocol::Finding> finding;
    std::optional<protocol::Location> place;
};
Result<IdentityView> look_up_identity(store::Reader& reader, const merchant::Terminal& terminal,
                                      std::string_view acquirer);

// Part of a work: changes the filing status, and says why in the history.
Result<void> file_status(store::Tx& tx, std::string_view terminal, store::FilingStatus status,
                         std::string_view reason, Instant now);

// The header and one line a terminal, for the filing with the clearing institution: commas, quoted
// where needed, line ends as [RFC-4180] has them.
struct FilingFacts {
    std::string_view maker;    // Six digits.
    std::string_view licence;  // Network licence number of the product; may be empty.
};
std::string filing_header();
std::string filing_line(const store::RegistryRow& row, std::string_view merchant_name,
                        const FilingFacts& facts);

}  // namespace softpos::server
