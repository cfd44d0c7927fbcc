// Statements and chains of Huawei's key store as any phone might send them: read or refused, and
// never believed without an anchor.
// links: attest
#include "base/check.h"
#include "platform/attest/huks_verify.h"

#include <set>

// Shows: A8
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos;
    const Bytes input(data, size);
    const auto statement = attest::HuksStatement::parse(input);
    if (!statement) {
        CHECK(statement.error().at <= size);
    } else {
        std::set<std::string> types;
        for (const auto& claim : statement->claims) {
            CHECK(types.insert(claim.oid).second && !claim.value.empty());
        }
        CHECK(statement->claims.size() <= attest::HuksStatement::claims_max);
    }
    const Bytes thirds[] = {input.first(size / 3), input.subspan(size / 3, size / 3),
                            input.subspan(size / 3 * 2)};
    const auto verdict = attest::verify_huks_key(thirds, {}, {{}, nullptr}, Instant{1});
    CHECK(verdict.outcome == attest::Outcome::fail && !verdict.reason.empty());
    return 0;
}
