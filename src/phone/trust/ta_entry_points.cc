// The trusted core as a trusted application: the entry points that a GlobalPlatform TEE calls. What
// comes in is checked for its form here, copied once out of memory that the caller still holds, and
// given to the core as bytes.
//
// Spec: [GP-TEE-CORE] 4.3.
#include "phone/trust/gp_platform.h"
#include "phone/trust/trusted_core.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <softpos/ta.h>
#include <softpos/tee_internal_api_min.h>

namespace softpos::trust {
namespace {

constexpr std::uint32_t no_params = TEE_PARAM_TYPES(TEE_PARAM_TYPE_NONE, TEE_PARAM_TYPE_NONE,
                                                    TEE_PARAM_TYPE_NONE, TEE_PARAM_TYPE_NONE);
constexpr std::uint32_t call_params =
    TEE_PARAM_TYPES(TEE_PARAM_TYPE_MEMREF_INPUT, TEE_PARAM_TYPE_MEMREF_OUTPUT, TEE_PARAM_TYPE_NONE,
                    TEE_PARAM_TYPE_NONE);
constexpr std::uint32_t limits_params =
    TEE_PARAM_TYPES(TEE_PARAM_TYPE_VALUE_OUTPUT, TEE_PARAM_TYPE_VALUE_OUTPUT, TEE_PARAM_TYPE_NONE,
                    TEE_PARAM_TYPE_NONE);

struct Session {
    bool open = false;
};

// One a process; all sessions share its core, as they would share the terminal.
struct Instance {
    Instance(PlatformExtras& extras, const CoreOptions& options)
        : platform(extras), core(platform, options) {}

    // nullptr where the pointer is none that this instance gave out, or the session is closed.
    Session* session_at(const void* pointer) {
        for (Session& one : sessions) {
            if (&one == pointer && one.open) return &one;
        }
        return nullptr;
    }

    GpPlatform platform;
    TrustedCore core;
    std::array<Session, SOFTPOS_TA_SESSIONS_MAX> sessions{};
};

Instance* instance() {
    return static_cast<Instance*>(TEE_GetInstanceData());
}

TEE_Result read_options(CoreOptions& options) {
    protocol::Point65 point{};
    std::size_t bytes = point.size();
    const TEE_Result read = TEE_GetPropertyAsBinaryBlock(
        TEE_PROPSET_CURRENT_TA, SOFTPOS_TA_PLATFORM_KEY, point.data(), &bytes);
    if (read == TEE_ERROR_ITEM_NOT_FOUND) return TEE_SUCCESS;
    if (read != TEE_SUCCESS || bytes != point.size()) return TEE_ERROR_BAD_FORMAT;
    options.platform_key = point;
    return TEE_SUCCESS;
}

// Somebody must stand behind a session: a user or an application that the system told apart. Other
// trusted applications have no business here.
bool may_open(std::uint32_t login) {
    switch (login) {
        case TEE_LOGIN_USER:
        case TEE_LOGIN_GROUP:
        case TEE_LOGIN_APPLICATION:
        case TEE_LOGIN_APPLICATION_USER:
        case TEE_LOGIN_APPLICATION_GROUP:
            return true;
        default:
            return false;
    }
}

// Room for the longest answer is asked for before anything is done, so that no answer is ever made
// and lost, and no call has to be made twice.
TEE_Result call(TrustedCore& core, TEE_Param params[4]) {
    const auto& in = params[0].memref;
    auto& out = params[1].memref;
    if (in.buffer == nullptr || in.size == 0) return TEE_ERROR_BAD_PARAMETERS;
    if (in.size > SOFTPOS_TA_REQUEST_BYTES_MAX) return TEE_ERROR_EXCESS_DATA;
    if (out.buffer == nullptr && out.size != 0) return TEE_ERROR_BAD_PARAMETERS;
    if (out.size < SOFTPOS_TA_ANSWER_BYTES_MAX) {
        out.size = SOFTPOS_TA_ANSWER_BYTES_MAX;
        return TEE_ERROR_SHORT_BUFFER;
    }
    SecretBytes request(in.size);
    std::memcpy(request.writable().data(), in.buffer, request.size());
    const Buffer answer = core.invoke(request.bytes());
    if (answer.size() > SOFTPOS_TA_ANSWER_BYTES_MAX) return TEE_ERROR_GENERIC;
    std::memcpy(out.buffer, answer.data(), answer.size());
    out.size = answer.size();
    return TEE_SUCCESS;
}

TEE_Result limits(TEE_Param params[4]) {
    params[0].value = {SOFTPOS_TA_REQUEST_BYTES_MAX, SOFTPOS_TA_ANSWER_BYTES_MAX};
    params[1].value = {protocol::trusted_call_version, core_version};
    return TEE_SUCCESS;
}

}  // namespace
}  // namespace softpos::trust

// The names are GlobalPlatform's.
// NOLINTBEGIN(readability-identifier-naming)
using softpos::trust::Instance;

TEE_Result TA_CreateEntryPoint() {
    if (softpos::trust::instance() != nullptr) return TEE_ERROR_BAD_STATE;
    softpos::trust::CoreOptions options;
    const TEE_Result read = softpos::trust::read_options(options);
    if (read != TEE_SUCCESS) return read;
    // Without memory for this there is nobody to answer: allocation ends the process by itself.
    auto made = std::make_unique<Instance>(softpos::trust::platform_extras(), options);
    TEE_SetInstanceData(made.release());
    return TEE_SUCCESS;
}

void TA_DestroyEntryPoint() {
    const std::unique_ptr<Instance> ended(softpos::trust::instance());
    if (ended == nullptr) return;
    TEE_SetInstanceData(nullptr);
    ended->core.close();
}

TEE_Result TA_OpenSessionEntryPoint(uint32_t param_types, TEE_Param[4], void** session) {
    Instance* const here = softpos::trust::instance();
    if (here == nullptr) return TEE_ERROR_BAD_STATE;
    if (param_types != softpos::trust::no_params || session == nullptr) {
        return TEE_ERROR_BAD_PARAMETERS;
    }
    TEE_Identity client{};
    const TEE_Result read =
        TEE_GetPropertyAsIdentity(TEE_PROPSET_CURRENT_CLIENT, "gpd.client.identity", &client);
    if (read != TEE_SUCCESS || !softpos::trust::may_open(client.login)) {
        return TEE_ERROR_ACCESS_DENIED;
    }
    for (auto& one : here->sessions) {
        if (one.open) continue;
        one.open = true;
        *session = &one;
        return TEE_SUCCESS;
    }
    return TEE_ERROR_BUSY;
}

void TA_CloseSessionEntryPoint(void* session) {
    Instance* const here = softpos::trust::instance();
    auto* const closed = here == nullptr ? nullptr : here->session_at(session);
    if (closed != nullptr) closed->open = false;
}

TEE_Result TA_InvokeCommandEntryPoint(void* session, uint32_t command, uint32_t param_types,
                                      TEE_Param params[4]) {
    Instance* const here = softpos::trust::instance();
    if (here == nullptr || here->session_at(session) == nullptr) return TEE_ERROR_BAD_STATE;
    switch (command) {
        case SOFTPOS_TA_CALL:
            if (param_types != softpos::trust::call_params) return TEE_ERROR_BAD_PARAMETERS;
            return softpos::trust::call(here->core, params);
        case SOFTPOS_TA_LIMITS:
            if (param_types != softpos::trust::limits_params) return TEE_ERROR_BAD_PARAMETERS;
            return softpos::trust::limits(params);
        default:
            return TEE_ERROR_NOT_SUPPORTED;
    }
}
// NOLINTEND(readability-identifier-naming)
