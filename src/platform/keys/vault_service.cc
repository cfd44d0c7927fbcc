// Reads, hands over, writes.
#include "platform/keys/vault_service.h"

#include "protocol/vault_door.h"

namespace softpos::keys {

using protocol::VaultAnswer;
using protocol::VaultFailure;

namespace {

Buffer failed(ErrorKind kind, VaultFault fault) {
    return protocol::encode(VaultAnswer(VaultFailure{kind, fault}));
}

// What is wrong with a message that is no request.
VaultFault fault_of(const Error& error) {
    return error.kind == ErrorKind::unsupported ? VaultFault::version_unsupported
                                                : VaultFault::malformed_request;
}

}  // namespace

Buffer VaultService::handle(Bytes request, const Caller& caller) {
    const auto decoded = protocol::decode_vault_request(request);
    if (!decoded) {
        const VaultFault fault = fault_of(decoded.error());
        vault_.note_unreadable(caller, fault);
        return failed(decoded.error().kind, fault);
    }
    return protocol::encode(vault_.handle(*decoded, caller));
}

Buffer VaultService::handle_from_door(Bytes message) {
    const auto call = protocol::decode_door_call(message);
    if (!call) {
        vault_.note_unreadable({"door"}, VaultFault::malformed_request);
        return failed(call.error().kind, VaultFault::malformed_request);
    }
    const Caller caller = Caller::of_certificate(call->common_name);
    const auto request = protocol::decode_vault_request(call->request);
    if (!request) {
        const VaultFault fault = fault_of(request.error());
        vault_.note_unreadable(caller, fault);
        return failed(request.error().kind, fault);
    }
    if (const auto allowed = callers_.allow(call->common_name, *request); !allowed) {
        vault_.note_refused(*request, caller, VaultFault::caller);
        return failed(ErrorKind::denied, VaultFault::caller);
    }
    return protocol::encode(vault_.handle(*request, caller));
}

}  // namespace softpos::keys
