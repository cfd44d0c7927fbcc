// What a key block may say of a key that comes in, and what it says of one that goes out.
#pragma once

#include "crypto/key_block.h"
#include "platform/keys/key_attributes.h"
#include "protocol/vault_requests.h"

namespace softpos::keys {

// Usages that no other call makes a key for; never single DES.
bool is_made_on_request(const KeyAttributes& attributes);

// The attributes that the key gets: those of the table for this usage, never more than the block
// allows. nullopt where the block says another usage, an algorithm that the usage does not have, a
// mode that does not cover ours, or a component of a key; and for key pairs. A block that says "do
// not export" is obeyed; one that says more than the table is cut to it.
std::optional<KeyAttributes> attributes_in_block(const crypto::KeyBlockHeader& header,
                                                 KeyUsage usage);

// Whether a key of these attributes has this size.
bool is_key_size(const KeyAttributes& attributes, std::size_t bytes);

// CHECKs that the attributes are those of a key that may leave in a block.
crypto::KeyBlockHeader header_for(const KeyAttributes& attributes, protocol::KeyBlockKind kind);

}  // namespace softpos::keys
