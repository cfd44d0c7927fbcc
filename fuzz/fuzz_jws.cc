// Tokens as anybody might send them: in one form or refused, and never believed without a key or an
// anchor.
// links: attest
#include "base/check.h"
#include "codec/base64.h"
#include "platform/attest/integrity_token.h"
#include "platform/attest/jws.h"

// Shows: A8
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos;
    const std::string_view token = text_of({data, size});
    const auto parsed = attest::parse_jws(token);
    if (parsed) {
        CHECK(!attest::is_jwe(token));
        CHECK(token.starts_with(text_of(parsed->signed_text)));
        // What is accepted encodes to the same text.
        CHECK(text_of(parsed->signed_text).ends_with("." + codec::to_base64url(parsed->payload)));
        CHECK(parsed->certificates.size() <= attest::token_certificates_max);
    }
    CHECK(!attest::open_jwe(token, Buffer(attest::token_key_bytes)));
    const auto play = attest::verify_play_integrity(token, {}, {}, Instant{1});
    CHECK(play.outcome == attest::Outcome::fail && !play.reason.empty());
    const auto hms = attest::verify_sys_integrity(token, {}, {}, Instant{1});
    CHECK(hms.outcome == attest::Outcome::fail && !hms.reason.empty());
    return 0;
}
