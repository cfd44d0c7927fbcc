// The pointer to the host is the one global of this file: the interface leaves no other place.
#include "phone/trust/gp_host.h"

#include "base/check.h"
#include "phone/trust/gp_platform.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <softpos/ta.h>
#include <string_view>
#include <vector>

// An open object: a copy of its content, and how far it was read.
struct TEE_ObjectHandleImpl {  // NOLINT(readability-identifier-naming)
    softpos::SecretBytes content;
    std::size_t position = 0;
};

namespace softpos::trust {

struct GpHost::Inside {
    explicit Inside(TrustedPlatform& below) : platform(below) {}

    TrustedPlatform& platform;
    void* instance_data = nullptr;
    std::vector<std::unique_ptr<TEE_ObjectHandleImpl>> objects{};
};

namespace {

constexpr std::size_t objects_max = 8;
constexpr std::int64_t us_of_second = 1'000'000;

GpHost* current_host = nullptr;

}  // namespace

// What the functions below share. A call without a host is our own mistake.
struct GpCalls {
    static GpHost& host() {
        CHECK(current_host != nullptr);
        return *current_host;
    }
    static GpHost::Inside& inside() { return *host().inside_; }

    static TEE_Result give(SecretBytes content, TEE_ObjectHandle* object) {
        auto& objects = inside().objects;
        if (objects.size() == objects_max) return TEE_ERROR_OUT_OF_MEMORY;
        objects.push_back(std::make_unique<TEE_ObjectHandleImpl>(std::move(content), 0));
        *object = objects.back().get();
        return TEE_SUCCESS;
    }
    static TEE_Result failed(const Error& error) {
        switch (error.kind) {
            case ErrorKind::not_found:
                return TEE_ERROR_ITEM_NOT_FOUND;
            case ErrorKind::malformed:
            case ErrorKind::denied:
                return TEE_ERROR_CORRUPT_OBJECT;
            default:
                return TEE_ERROR_STORAGE_NOT_AVAILABLE;
        }
    }
};

PlatformExtras& platform_extras() {
    return GpCalls::inside().platform;
}

TEE_Identity user_identity(uid_t uid) {
    TEE_Identity identity{};
    identity.login = TEE_LOGIN_USER;
    for (unsigned i = 0; i < 4; ++i) {
        identity.uuid.clockSeqAndNode[4 + i] = static_cast<std::uint8_t>(uid >> (24 - 8 * i));
    }
    return identity;
}

GpHost::GpHost(TrustedPlatform& platform, GpProperties given)
    : properties(given), inside_(std::make_unique<Inside>(platform)) {
    CHECK(current_host == nullptr);
    current_host = this;
}

GpHost::~GpHost() {
    CHECK(inside_->instance_data == nullptr);
    current_host = nullptr;
}

GpClient::GpClient(void* session) : session_(session), answer_(SOFTPOS_TA_ANSWER_BYTES_MAX) {}

Result<std::unique_ptr<GpClient>> GpClient::open() {
    const TEE_Result made = TA_CreateEntryPoint();
    if (made != TEE_SUCCESS) return fail(ErrorKind::internal, "trusted application", made);
    TEE_Param params[4]{};
    void* session = nullptr;
    const TEE_Result opened = TA_OpenSessionEntryPoint(0, params, &session);
    if (opened != TEE_SUCCESS) {
        TA_DestroyEntryPoint();
        return fail(ErrorKind::denied, "trusted application: session", opened);
    }
    return std::unique_ptr<GpClient>(new GpClient(session));
}

GpClient::~GpClient() {
    TA_CloseSessionEntryPoint(session_);
    TA_DestroyEntryPoint();
}

Result<Buffer> GpClient::call(Bytes request) {
    // The application does not write to what is given as input.
    auto* const in = const_cast<std::uint8_t*>(request.data());
    TEE_Param params[4]{};
    params[0].memref = {in, request.size()};
    params[1].memref = {answer_.data(), answer_.size()};
    const TEE_Result called = TA_InvokeCommandEntryPoint(
        session_, SOFTPOS_TA_CALL,
        TEE_PARAM_TYPES(TEE_PARAM_TYPE_MEMREF_INPUT, TEE_PARAM_TYPE_MEMREF_OUTPUT, 0U, 0U), params);
    if (called != TEE_SUCCESS) return fail(ErrorKind::malformed, "trusted application", called);
    const auto used = answer_.begin() + static_cast<std::ptrdiff_t>(params[1].memref.size);
    return Buffer(answer_.begin(), used);
}

}  // namespace softpos::trust

// The names are GlobalPlatform's.
// NOLINTBEGIN(readability-identifier-naming)
using softpos::Bytes;
using softpos::trust::GpCalls;

// The process ends as after a failed CHECK; its callers see the connection break.
void TEE_Panic(TEE_Result) {
    std::abort();
}

void TEE_SetInstanceData(const void* data) {
    GpCalls::inside().instance_data = const_cast<void*>(data);
}

void* TEE_GetInstanceData() {
    return GpCalls::inside().instance_data;
}

void TEE_GenerateRandom(void* buffer, size_t bytes) {
    GpCalls::inside().platform.random().fill({static_cast<std::uint8_t*>(buffer), bytes});
}

void TEE_GetSystemTime(TEE_Time* time) {
    const std::int64_t us = std::max<std::int64_t>(GpCalls::inside().platform.ticks().us, 0);
    time->seconds = static_cast<std::uint32_t>(us / softpos::trust::us_of_second);
    time->millis = static_cast<std::uint32_t>(us % softpos::trust::us_of_second / 1000);
}

TEE_Result TEE_GetPropertyAsIdentity(TEE_PropSetHandle set, const char* name, TEE_Identity* value) {
    const bool known =
        set == TEE_PROPSET_CURRENT_CLIENT && std::string_view(name) == "gpd.client.identity";
    if (!known) return TEE_ERROR_ITEM_NOT_FOUND;
    *value = GpCalls::host().properties.client;
    return TEE_SUCCESS;
}

TEE_Result TEE_GetPropertyAsBinaryBlock(TEE_PropSetHandle set, const char* name, void* value,
                                        size_t* value_bytes) {
    const auto& key = GpCalls::host().properties.platform_key;
    const bool known =
        set == TEE_PROPSET_CURRENT_TA && std::string_view(name) == SOFTPOS_TA_PLATFORM_KEY;
    if (!known || !key) return TEE_ERROR_ITEM_NOT_FOUND;
    const std::size_t room = std::exchange(*value_bytes, key->size());
    if (room < key->size()) return TEE_ERROR_SHORT_BUFFER;
    std::memcpy(value, key->data(), key->size());
    return TEE_SUCCESS;
}

TEE_Result TEE_OpenPersistentObject(uint32_t storage, const void* id, size_t id_bytes,
                                    uint32_t flags, TEE_ObjectHandle* object) {
    const std::string_view name(static_cast<const char*>(id), id_bytes);
    *object = nullptr;
    if (storage != TEE_STORAGE_PRIVATE || flags != TEE_DATA_FLAG_ACCESS_READ) {
        return TEE_ERROR_NOT_SUPPORTED;
    }
    auto& platform = GpCalls::inside().platform;
    if (name != "state" && name != "journal") return TEE_ERROR_ITEM_NOT_FOUND;
    auto content = name == "state" ? platform.load_state() : platform.load_journal();
    if (!content) return GpCalls::failed(content.error());
    return GpCalls::give(std::move(*content), object);
}

TEE_Result TEE_CreatePersistentObject(uint32_t storage, const void* id, size_t id_bytes,
                                      uint32_t flags, TEE_ObjectHandle, const void* data,
                                      size_t data_bytes, TEE_ObjectHandle* object) {
    const std::string_view name(static_cast<const char*>(id), id_bytes);
    const Bytes content(static_cast<const std::uint8_t*>(data), data_bytes);
    *object = nullptr;
    const bool whole = (flags & TEE_DATA_FLAG_OVERWRITE) != 0;
    const bool known = name == "state" || name == "journal";
    if (storage != TEE_STORAGE_PRIVATE || !whole || !known) return TEE_ERROR_NOT_SUPPORTED;
    auto& platform = GpCalls::inside().platform;
    const auto saved =
        name == "state" ? platform.save_state(content) : platform.save_journal(content);
    if (!saved && saved.error().kind == softpos::ErrorKind::denied) {
        return TEE_ERROR_STORAGE_NO_SPACE;
    }
    if (!saved) return GpCalls::failed(saved.error());
    return GpCalls::give({}, object);
}

TEE_Result TEE_GetObjectInfo1(TEE_ObjectHandle object, TEE_ObjectInfo* about) {
    *about = {};
    about->dataSize = object->content.size();
    about->dataPosition = object->position;
    return TEE_SUCCESS;
}

TEE_Result TEE_ReadObjectData(TEE_ObjectHandle object, void* buffer, size_t bytes, size_t* read) {
    const Bytes rest = object->content.bytes().subspan(object->position);
    *read = std::min(bytes, rest.size());
    if (*read != 0) std::memcpy(buffer, rest.data(), *read);
    object->position += *read;
    return TEE_SUCCESS;
}

void TEE_CloseObject(TEE_ObjectHandle object) {
    std::erase_if(GpCalls::inside().objects,
                  [object](const auto& one) { return one.get() == object; });
}
// NOLINTEND(readability-identifier-naming)
