// Signatures and ciphertexts that anybody might send: none of them is good for a key that nobody
// else has.
// links: crypto
#include "base/check.h"
#include "crypto/sm2.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos;
    static const auto key = crypto::Sm2Key::generate().value();
    static const Buffer point = key.public_point();
    const Bytes input(data, size);
    CHECK(!key.decrypt(input));
    CHECK(!crypto::sm2_verify(point, bytes_of("message"), "identity", input));
    const auto der = crypto::sm2_ciphertext_der(input);
    if (der) CHECK(!key.decrypt(*der));
    return 0;
}
