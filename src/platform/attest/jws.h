// Signed and encrypted tokens in their compact form, as services of phone makers give them out. Of
// the many ways that the specifications leave, the three signatures and the one encryption that
// these services use; a token chooses among the first and nothing else.
//
// Spec: [RFC-7515] 3.1, 5.2; [RFC-7516] 3.1, 5.2; [RFC-7518] 3.3 to 3.5, 4.4, 5.3.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/public_key.h"

#include <string_view>
#include <vector>

namespace softpos::attest {

constexpr std::size_t token_bytes_max = 16UL * 1024;
constexpr std::size_t token_certificates_max = 4;
constexpr std::size_t token_key_bytes = 32;

enum class JwsAlgorithm : std::uint8_t { es256, rs256, ps256 };
std::string_view name_of(JwsAlgorithm algorithm);  // "ES256"

struct Jws {
    JwsAlgorithm algorithm{};
    std::vector<Buffer> certificates;  // Of "x5c", DER, the signer's first; may be none.
    Buffer payload;
    Buffer signed_text;  // Header and payload as they stand in the token.
    Buffer signature;    // In the form of crypto::PublicKey::verify.
};

// malformed, with the offset where there is one; unsupported for another algorithm than the three
// and for a header that demands more to be understood ("crit"); denied over a limit.
Result<Jws> parse_jws(std::string_view token);

// denied where the signature does not fit, or the key is of another kind than the algorithm's.
Result<void> check_jws(const Jws& token, const crypto::PublicKey& key);

// Five parts and not three: encrypted.
bool is_jwe(std::string_view token);

// What is inside: A256KW with that key of token_key_bytes, A256GCM, nothing compressed. malformed
// and unsupported as above; denied where it does not open.
Result<SecretBytes> open_jwe(std::string_view token, Bytes key);

}  // namespace softpos::attest
