// A secret for the holder of one P-256 key, from anybody: how an initial key reaches a phone.
#pragma once

#include "crypto/p256.h"

namespace softpos::crypto {

constexpr std::size_t envelope_overhead_bytes = p256_point_bytes + 16;
constexpr std::size_t envelope_bytes_max = 64UL * 1024;

// ephemeral point (65) || AES-256-GCM ciphertext || tag (16). Key and nonce are HKDF-SHA256 of the
// agreed x coordinate, with both points as salt, so that an envelope fits one recipient and cannot
// be carried over to another key. `info` says what it is for and must be the same at opening.
//
// The envelope does not say who made it: where that matters, the caller authenticates the road.
Result<Buffer> seal_to(Bytes recipient_point, Bytes info, Bytes plain);

// malformed where it is too short or its point has no legal form; denied where the point is off
// the curve, the key is another one, the info differs or a byte was changed.
Result<SecretBytes> open_envelope(const P256Key& recipient, Bytes info, Bytes envelope);

}  // namespace softpos::crypto
