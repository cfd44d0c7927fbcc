// Foreign text as a certificate request: whatever is signed carries our name, not theirs.
// links: crypto
#include "base/check.h"
#include "crypto/p256.h"
#include "crypto/x509.h"

using namespace softpos;

namespace {

crypto::CertAndKey authority() {
    auto ca = crypto::make_ca("fuzz", Instant{1'795'000'000'000}, 3650);
    CHECK(ca.has_value());
    return std::move(*ca);
}

// The input as the body of a request, so that mutations reach the DER and not only the frame.
std::string as_request(std::string_view der) {
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text = "-----BEGIN CERTIFICATE REQUEST-----\n";
    std::size_t column = 0;
    for (std::size_t i = 0; i < der.size(); i += 3) {
        unsigned group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            group = group << 8 | (i + k < der.size() ? static_cast<std::uint8_t>(der[i + k]) : 0U);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            text += i + k <= der.size() ? digits[group >> (18 - 6 * k) & 63] : '=';
        }
        if ((column += 4) % 64 == 0) text += '\n';
    }
    return text + "\n-----END CERTIFICATE REQUEST-----\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const crypto::CertAndKey ca = authority();
    const crypto::ClientGrant grant{
        .common_name = "terminal", .now = Instant{1'795'000'000'000}, .days = 1};
    const std::string_view raw = text_of({data, size});
    for (const std::string& text : {std::string(raw), as_request(raw)}) {
        const auto pem = crypto::sign_csr(ca, text, grant);
        if (!pem) {
            CHECK(pem.error().kind == ErrorKind::malformed ||
                  pem.error().kind == ErrorKind::denied);
            continue;
        }
        CHECK(crypto::certificate_common_name(*pem).value_or("") == "terminal");
    }
    const auto fingerprint = crypto::certificate_fingerprint(raw);
    CHECK(!fingerprint || fingerprint->size() == 64);
    return 0;
}
