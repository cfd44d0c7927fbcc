// From a verifier's reason to the finding that policies know and to a sentence for people, one
// table for all kinds of evidence; and how a verdict takes a reason on.
#pragma once

#include "platform/attest/chain.h"
#include "platform/attest/verdict.h"

#include <optional>
#include <span>
#include <string_view>

namespace softpos::attest {

struct ReasonRow {
    std::string_view reason;
    protocol::FindingCode code;
    std::string_view sentence;  // What it means for whoever looks at the case.
};
std::span<const ReasonRow> reason_rows();

// CHAIN where the reason is not in the table: the evidence then leads nowhere.
protocol::FindingCode finding_of(std::string_view reason);
std::string_view sentence_of(std::string_view reason);

// Nothing wrong: pass. Else the outcome, with the reason and its finding of class hardware.
void settle(Verdict& verdict, Outcome outcome, const std::optional<Fault>& fault);

}  // namespace softpos::attest
