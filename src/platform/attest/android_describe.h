// A chain and a key description in words, for people: pairs of a name and what stands there, in
// reading order. Text out of certificates is printable ASCII here, whatever stood in them.
#pragma once

#include "platform/attest/android_chain.h"
#include "platform/attest/android_key.h"
#include "platform/attest/revocation.h"
#include "platform/attest/words.h"

#include <string>

namespace softpos::attest {

// "certificate 0" and so on, with serial number, key and dates; `revoked` may be null.
Observations describe_chain(const AndroidChain& chain, const RevocationList* revoked);

// Every field and tag: "attestation version", "hardware.osPatchLevel".
Observations describe_key(const KeyDescription& description);

// One tag's value: "SIGN, VERIFY", "2025-11", "cn.example.spos (120)".
std::string describe_value(const AuthorizationList& list, const Authorization& entry);

}  // namespace softpos::attest
