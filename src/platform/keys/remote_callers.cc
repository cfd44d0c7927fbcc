// Rights are sets of calls; everything that is in no set of the caller's is refused.
#include "platform/keys/remote_callers.h"

#include "codec/strict_json.h"
#include "protocol/vault_door.h"
#include "protocol/vault_journal.h"

#include <algorithm>
#include <optional>

namespace softpos::keys {
namespace {

using protocol::VaultRequest;

constexpr std::size_t rights_bytes_max = 512;
constexpr std::size_t calls_known = std::variant_size_v<VaultRequest>;
static_assert(calls_known <= 64);

template <typename Request, std::size_t at = 0>
constexpr std::uint64_t bit() {
    if constexpr (std::is_same_v<Request, std::variant_alternative_t<at, VaultRequest>>) {
        return std::uint64_t{1} << at;
    } else {
        return bit<Request, at + 1>();
    }
}

template <typename... Requests>
constexpr std::uint64_t calls() {
    return (bit<Requests>() | ...);
}

struct Group {
    std::string_view name;
    std::uint64_t calls;
};

constexpr Group groups[] = {
    {"look",
     calls<protocol::VaultStatusRequest, protocol::KeyInfoRequest, protocol::PublicKeyRequest>()},
    {"pay", calls<protocol::OpenCardRequest, protocol::OpenStoredRequest, protocol::MacRequest,
                  protocol::VerifyMacRequest, protocol::SignRequest,
                  protocol::CheckSerialCipherRequest, protocol::TranslatePinRequest,
                  protocol::LoadWorkingKeysRequest, protocol::GiveWorkingKeysRequest,
                  protocol::TranslateClassicPinRequest, protocol::KeepCardRequest>()},
    {"terminals", calls<protocol::CreateTmkRequest, protocol::ExportInitialKeyRequest,
                        protocol::CreateSerialKeyRequest, protocol::ExportSerialKeyRequest,
                        protocol::RevokeTerminalRequest, protocol::CreateClassicKeyRequest>()},
    {"found",
     calls<protocol::CreateBdkRequest, protocol::CreatePinBdkRequest, protocol::ImportZmkRequest,
           protocol::CreateSigningKeyRequest, protocol::CreateKeyRequest>()},
    {"host", calls<protocol::GenerateMacRequest, protocol::CheckMacRequest,
                   protocol::CheckCryptogramRequest, protocol::TranslateTerminalPinRequest,
                   protocol::CheckTerminalMacRequest, protocol::AnswerTerminalMacRequest>()},
    {"approve", calls<protocol::RequestApprovalRequest, protocol::ApproveRequest,
                      protocol::BeginCeremonyRequest, protocol::AddComponentRequest>()},
    {"operate",
     calls<protocol::SetKeyStateRequest, protocol::DestroyKeyRequest, protocol::SetOperatorsRequest,
           protocol::ApplyRequest, protocol::FinishCeremonyRequest, protocol::ImportKeyBlockRequest,
           protocol::ExportKeyBlockRequest, protocol::UnlockTerminalRequest>()},
    {"audit", calls<protocol::ReadJournalRequest, protocol::VerifyJournalRequest>()},
};

std::optional<std::uint64_t> calls_of_right(std::string_view right) {
    for (const Group& group : groups) {
        if (group.name == right) return group.calls;
    }
    for (std::size_t call = 0; call < calls_known; ++call) {
        if (protocol::name_of_call(static_cast<std::uint8_t>(call)) == right) {
            return std::uint64_t{1} << call;
        }
    }
    return std::nullopt;
}

// Rights in a row, with one blank between them. Nothing where one of them is unknown.
std::optional<std::uint64_t> calls_of_rights(std::string_view rights) {
    std::uint64_t all = 0;
    for (;;) {
        const std::size_t end = rights.find(' ');
        const auto some = calls_of_right(rights.substr(0, end));
        if (!some) return std::nullopt;
        all |= *some;
        if (end == std::string_view::npos) return all;
        rights.remove_prefix(end + 1);
    }
}

std::unexpected<Error> bad_file() {
    return fail(ErrorKind::malformed, "vault: file of callers is not what it should be");
}

std::unexpected<Error> refuse() {
    return std::unexpected(protocol::error_of(ErrorKind::denied, protocol::VaultFault::caller));
}

bool has(std::uint64_t calls, const VaultRequest& request) {
    return (calls >> request.index() & 1) != 0;
}

// For whom a request speaks, where it speaks for anybody.
const std::string* speaker_of(const VaultRequest& request) {
    if (const auto* approval = std::get_if<protocol::ApproveRequest>(&request)) {
        return &approval->operator_name;
    }
    if (const auto* component = std::get_if<protocol::AddComponentRequest>(&request)) {
        return &component->operator_name;
    }
    return nullptr;
}

}  // namespace

Result<void> RemoteCallers::add(Row row) {
    const bool named = row.operator_name.empty() || protocol::is_operator_name(row.operator_name);
    const bool taken = std::ranges::any_of(rows_, [&](const Row& one) {
        return one.common_name == row.common_name ||
               (!row.operator_name.empty() && one.operator_name == row.operator_name);
    });
    if (!named || taken || !protocol::is_door_caller(row.common_name)) return bad_file();
    rows_.push_back(std::move(row));
    return {};
}

Result<RemoteCallers> RemoteCallers::parse(std::string_view text) {
    if (text.size() > file_bytes_max) return bad_file();
    RemoteCallers callers;
    codec::StrictJson json(text);
    for (codec::StrictJson& one : json.objects("callers", callers_max)) {
        Row row{.common_name = one.text("common_name", protocol::door_caller_bytes_max),
                .calls = 0,
                .operator_name =
                    one.optional_text("operator", protocol::operator_name_bytes_max).value_or("")};
        const auto calls = calls_of_rights(one.text("rights", rights_bytes_max));
        if (!calls) return bad_file();
        row.calls = *calls;
        TRY_VOID(callers.add(std::move(row)));
    }
    if (json.finish() || callers.rows_.empty()) return bad_file();
    return callers;
}

Result<void> RemoteCallers::allow(std::string_view common_name, const VaultRequest& request) const {
    const auto row = std::ranges::find(rows_, common_name, &Row::common_name);
    if (row == rows_.end() || !has(row->calls, request)) return refuse();
    if (const std::string* speaker = speaker_of(request)) {
        if (row->operator_name.empty() || *speaker != row->operator_name) return refuse();
    }
    // Whoever may ask the operators may ask them anything; what counts is who does it then. What
    // cannot be read is no matter for a ticket: the vault refuses it.
    if (const auto* applied = std::get_if<protocol::ApplyRequest>(&request)) {
        const auto wanted = protocol::decode_vault_request(applied->request);
        if (wanted && !has(row->calls, *wanted)) return refuse();
    }
    return {};
}

}  // namespace softpos::keys
