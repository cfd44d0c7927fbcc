// The calls into the key vault, one TLV message there and one back. Whoever can make them can have
// card data opened and MACs computed, and can never have a key.
#pragma once

#include "protocol/vault_answers.h"
#include "protocol/vault_keys.h"
#include "protocol/vault_requests.h"

#include <variant>

namespace softpos::protocol {

constexpr std::uint8_t vault_call_version = 1;

// The place in the list is the number of the call: new ones go to the end.
using VaultRequest = std::variant<
    VaultStatusRequest, KeyInfoRequest, SetKeyStateRequest, CreateBdkRequest, ImportZmkRequest,
    CreateTmkRequest, ExportInitialKeyRequest, LoadWorkingKeysRequest, OpenCardRequest,
    OpenStoredRequest, MacRequest, VerifyMacRequest, CreatePinBdkRequest, CreateSigningKeyRequest,
    SignRequest, PublicKeyRequest, CreateSerialKeyRequest, ExportSerialKeyRequest,
    CheckSerialCipherRequest, DestroyKeyRequest, RevokeTerminalRequest, TranslatePinRequest,
    SetOperatorsRequest, RequestApprovalRequest, ApproveRequest, ApplyRequest, BeginCeremonyRequest,
    AddComponentRequest, FinishCeremonyRequest, ReadJournalRequest, VerifyJournalRequest,
    CreateKeyRequest, ImportKeyBlockRequest, ExportKeyBlockRequest, GenerateMacRequest,
    CheckMacRequest, CheckCryptogramRequest, TranslateTerminalPinRequest, CheckTerminalMacRequest,
    AnswerTerminalMacRequest, UnlockTerminalRequest, CreateClassicKeyRequest,
    GiveWorkingKeysRequest, TranslateClassicPinRequest, KeepCardRequest>;

// The failure, which every call may have for an answer, stands first; new ones go to the end.
using VaultAnswer =
    std::variant<VaultFailure, VaultStatus, KeyInfoAnswer, DoneAnswer, KeyCheckAnswer,
                 CreateTmkAnswer, KeyEnvelopeAnswer, OpenCardAnswer, OpenStoredAnswer, MacAnswer,
                 SignatureAnswer, PublicKeyAnswer, PinBlockAnswer, TicketAnswer, ApprovalAnswer,
                 JournalAnswer, JournalHeadAnswer, KeyBlockAnswer, MacBytesAnswer, CryptogramAnswer,
                 WorkingKeysAnswer, KeepCardAnswer>;

// Encoding CHECKs what decoding refuses; what is accepted encodes to the bytes it came from. The
// bytes may hold secrets: who is done with them wipes them.
Buffer encode(const VaultRequest& request);
Result<VaultRequest> decode_vault_request(Bytes message);
Buffer encode(const VaultAnswer& answer);
Result<VaultAnswer> decode_vault_answer(Bytes message);

}  // namespace softpos::protocol
