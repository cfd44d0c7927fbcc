// Key blocks: a key under another one, bound to what it is for, so that a PIN key cannot come out
// as a data key. TR-31 and X9.143 (B, D; A and C to take over old stock), ISO 20038 (E), and our
// own version 1 for SM4.
//
// Spec: [TR-31] 5.3.2, [ISO-20038] 6.
#pragma once

#include "base/random.h"
#include "base/secret.h"
#include "crypto/key_block.h"

namespace softpos::crypto {

// What an import takes beyond the ordinary. All off: B, D and E under a key at least as strong.
struct KeyBlockPolicy {
    bool legacy = false;     // Versions A and C, and single DES keys.
    bool own_sm4 = false;    // Version 1. Nobody but we make it, so nothing from outside needs it.
    bool weak_kbpk = false;  // A protection key weaker than the key under it.
};

struct UnwrappedKey {
    KeyBlockHeader header;
    SecretBytes key;  // As many bytes as the block says; DER where the key is asymmetric.
};

// `kbpk` is the protection key: TDES of 16 or 24 bytes for A, B and C, AES of 16, 24 or 32 for D
// and E, SM4 of 16 for version 1.
//
// Nothing of the payload is looked at before the MAC is right. malformed and unsupported as
// parse_key_block(), and for a kbpk of no legal size; denied where the MAC is wrong (another kbpk
// or a changed character: one error) or the policy says no; malformed where an authentic payload
// holds no key of its algorithm, or a check value (KC, KP) in its header is of another key.
//
//     const UnwrappedKey pin_key = TRY(import_key_block(zmk, text));
//     if (pin_key.header.usage != KeyUsage::pin_encryption) return fail(...);
Result<UnwrappedKey> import_key_block(Bytes kbpk, std::string_view text,
                                      const KeyBlockPolicy& policy = {});

// A block of version B, D, E or 1 by the header, filled up at random to the longest key of its
// algorithm, so that its length does not tell the key's. denied for A and C, for a kbpk weaker than
// the key, for single DES; malformed for sizes and for what the header cannot hold.
Result<std::string> export_key_block(Bytes kbpk, const KeyBlockHeader& header, Bytes key,
                                     Random& random);

}  // namespace softpos::crypto
