// Files that somebody hands to a person who looks at a case: recognised or refused, and without
// anchors and keys nothing in them is believed. What is shown is printable.
// links: attest
#include "base/check.h"
#include "platform/attest/explain.h"

#include <algorithm>

// Shows: A8
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos;
    attest::ExplainQuestion question;
    question.now = Instant{1'795'305'600'000};
    const auto said = attest::explain_evidence({data, size}, question);
    if (!said) return 0;
    const bool process = said->verdict.kind == protocol::EvidenceKind::dev_process;
    CHECK(said->verdict.outcome == attest::Outcome::fail ||
          (process && said->verdict.outcome == attest::Outcome::review));
    CHECK(!said->verdict.reason.empty());
    for (const auto& [name, text] : said->verdict.observations) {
        CHECK(std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; }));
    }
    return 0;
}
