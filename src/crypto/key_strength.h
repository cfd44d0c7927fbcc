// How hard a key is to find, in bits: what "wrapped under a key at least as strong" is decided by.
#pragma once

#include "base/result.h"
#include "crypto/cipher.h"

namespace softpos::crypto {

// 0 where the size is none of the cipher's. Two-key TDES counts 80 and three-key TDES 112; a TDES
// key whose parts are equal counts as what it really is. Spec: [SP800-57] 5.6.1.
unsigned key_strength_bits(Cipher cipher, Bytes key);

// Of a private or public key in DER: PKCS#8, PKCS#1, SEC 1 or SubjectPublicKeyInfo. malformed where
// it is none, or something stands behind it.
Result<unsigned> asymmetric_strength_bits(Bytes der);

}  // namespace softpos::crypto
