// No call of an operating system stands here, and none below: only the TEE's functions.
#include "phone/trust/gp_platform.h"

#include <softpos/tee_internal_api_min.h>
#include <string_view>

namespace softpos::trust {
namespace {

constexpr std::string_view state_object = "state";
constexpr std::string_view journal_object = "journal";

std::unexpected<Error> failed(TEE_Result result) {
    if (result == TEE_ERROR_ITEM_NOT_FOUND) {
        return fail(ErrorKind::not_found, "tee: no such object");
    }
    if (result == TEE_ERROR_CORRUPT_OBJECT) {
        return fail(ErrorKind::malformed, "tee: the object is damaged");
    }
    return fail(ErrorKind::unavailable, "tee: storage", result);
}

class Object {
public:
    Object() = default;
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;
    ~Object() {
        if (handle != nullptr) TEE_CloseObject(handle);
    }

    TEE_ObjectHandle handle = nullptr;
};

Result<SecretBytes> load(std::string_view name, std::size_t bytes_max) {
    Object object;
    const TEE_Result opened = TEE_OpenPersistentObject(
        TEE_STORAGE_PRIVATE, name.data(), name.size(), TEE_DATA_FLAG_ACCESS_READ, &object.handle);
    if (opened != TEE_SUCCESS) return failed(opened);
    TEE_ObjectInfo about{};
    const TEE_Result asked = TEE_GetObjectInfo1(object.handle, &about);
    if (asked != TEE_SUCCESS) return failed(asked);
    if (about.dataSize > bytes_max) return failed(TEE_ERROR_CORRUPT_OBJECT);
    SecretBytes content(about.dataSize);
    std::size_t got = 0;
    const TEE_Result read =
        TEE_ReadObjectData(object.handle, content.writable().data(), content.size(), &got);
    if (read != TEE_SUCCESS) return failed(read);
    if (got != content.size()) return failed(TEE_ERROR_CORRUPT_OBJECT);
    return content;
}

Result<void> save(std::string_view name, Bytes content) {
    Object object;
    const TEE_Result made =
        TEE_CreatePersistentObject(TEE_STORAGE_PRIVATE, name.data(), name.size(),
                                   TEE_DATA_FLAG_ACCESS_WRITE | TEE_DATA_FLAG_OVERWRITE,
                                   TEE_HANDLE_NULL, content.data(), content.size(), &object.handle);
    if (made != TEE_SUCCESS) return failed(made);
    return {};
}

}  // namespace

void GpPlatform::GpRandom::fill(std::span<std::uint8_t> out) {
    TEE_GenerateRandom(out.data(), out.size());
}

Ticks GpPlatform::ticks() {
    TEE_Time time{};
    TEE_GetSystemTime(&time);
    return {std::int64_t{time.seconds} * 1'000'000 + std::int64_t{time.millis} * 1000};
}

Result<SecretBytes> GpPlatform::load_state() {
    return load(state_object, state_bytes_max);
}
Result<SecretBytes> GpPlatform::load_journal() {
    return load(journal_object, journal_bytes_max);
}
Result<void> GpPlatform::save_state(Bytes state) {
    return save(state_object, state);
}
Result<void> GpPlatform::save_journal(Bytes journal) {
    return save(journal_object, journal);
}

}  // namespace softpos::trust
