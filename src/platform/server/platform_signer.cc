// Encode, name the signer, sign.
#include "platform/server/platform_signer.h"

namespace softpos::server {

Result<protocol::SignedBody> PlatformSigner::sign(const protocol::SpaBody& body) const {
    protocol::SignedBody signed_body;
    signed_body.body = protocol::encode(body);
    signed_body.signature =
        TRY(vault_.sign(permit_key_alias, protocol::platform_signed_message(signed_body.body)));
    return signed_body;
}

}  // namespace softpos::server
