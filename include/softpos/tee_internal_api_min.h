/*
 * The part of the GlobalPlatform TEE Internal Core API that our trusted application uses, and no
 * more: names, values and shapes as that interface gives them, comments ours. A TEE's own headers
 * take the place of this one when the application is built for it; it exists so that the
 * application compiles and is tested everywhere else.
 *
 * Spec: [GP-TEE-CORE] 3, 4 and 5.
 */
#ifndef SOFTPOS_TEE_INTERNAL_API_MIN_H
#define SOFTPOS_TEE_INTERNAL_API_MIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Results: 32 bits, 0 is good ------------------------------------------------------------ */
typedef uint32_t TEE_Result;

#define TEE_SUCCESS 0x00000000U
#define TEE_ERROR_CORRUPT_OBJECT 0xF0100001U
#define TEE_ERROR_STORAGE_NOT_AVAILABLE 0xF0100003U
#define TEE_ERROR_GENERIC 0xFFFF0000U
#define TEE_ERROR_ACCESS_DENIED 0xFFFF0001U
#define TEE_ERROR_EXCESS_DATA 0xFFFF0004U
#define TEE_ERROR_BAD_FORMAT 0xFFFF0005U
#define TEE_ERROR_BAD_PARAMETERS 0xFFFF0006U
#define TEE_ERROR_BAD_STATE 0xFFFF0007U
#define TEE_ERROR_ITEM_NOT_FOUND 0xFFFF0008U
#define TEE_ERROR_NOT_SUPPORTED 0xFFFF000AU
#define TEE_ERROR_OUT_OF_MEMORY 0xFFFF000CU
#define TEE_ERROR_BUSY 0xFFFF000DU
#define TEE_ERROR_SHORT_BUFFER 0xFFFF0010U
#define TEE_ERROR_STORAGE_NO_SPACE 0xFFFF3041U

/* ---- Parameters of a call: four, each of one of these types, four bits a type ---------------- */
#define TEE_PARAM_TYPE_NONE 0U
#define TEE_PARAM_TYPE_VALUE_INPUT 1U
#define TEE_PARAM_TYPE_VALUE_OUTPUT 2U
#define TEE_PARAM_TYPE_VALUE_INOUT 3U
#define TEE_PARAM_TYPE_MEMREF_INPUT 5U
#define TEE_PARAM_TYPE_MEMREF_OUTPUT 6U
#define TEE_PARAM_TYPE_MEMREF_INOUT 7U
#define TEE_PARAM_TYPES(t0, t1, t2, t3) ((t0) | (t1) << 4 | (t2) << 8 | (t3) << 12)

/* A memref may lie in memory that the caller still writes: read it once, and decide on the copy. */
typedef union {
    struct {
        void* buffer;
        size_t size;
    } memref;
    struct {
        uint32_t a;
        uint32_t b;
    } value;
} TEE_Param;

/* ---- Who calls ------------------------------------------------------------------------------- */
typedef struct {
    uint32_t timeLow;
    uint16_t timeMid;
    uint16_t timeHiAndVersion;
    uint8_t clockSeqAndNode[8];
} TEE_UUID;

typedef struct {
    uint32_t login;
    TEE_UUID uuid;
} TEE_Identity;

#define TEE_LOGIN_PUBLIC 0x00000000U
#define TEE_LOGIN_USER 0x00000001U
#define TEE_LOGIN_GROUP 0x00000002U
#define TEE_LOGIN_APPLICATION 0x00000004U
#define TEE_LOGIN_APPLICATION_USER 0x00000005U
#define TEE_LOGIN_APPLICATION_GROUP 0x00000006U
#define TEE_LOGIN_TRUSTED_APP 0xF0000000U

/* Sets of properties; "gpd.client.identity" is one of the client's. */
typedef struct TEE_PropSetHandleImpl* TEE_PropSetHandle;
#ifdef __cplusplus
#define TEE_PROPSET_CURRENT_CLIENT (reinterpret_cast<TEE_PropSetHandle>(uintptr_t{0xFFFFFFFEU}))
#define TEE_PROPSET_CURRENT_TA (reinterpret_cast<TEE_PropSetHandle>(uintptr_t{0xFFFFFFFFU}))
#else
#define TEE_PROPSET_CURRENT_CLIENT ((TEE_PropSetHandle)(uintptr_t)0xFFFFFFFEU)
#define TEE_PROPSET_CURRENT_TA ((TEE_PropSetHandle)(uintptr_t)0xFFFFFFFFU)
#endif

TEE_Result TEE_GetPropertyAsIdentity(TEE_PropSetHandle set, const char* name, TEE_Identity* value);
/* In: room in `value`; out: size of the property, also where it did not fit. */
TEE_Result TEE_GetPropertyAsBinaryBlock(TEE_PropSetHandle set, const char* name, void* value,
                                        size_t* value_bytes);

/* ---- The instance, randomness, time ---------------------------------------------------------- */
/* Ends the application; every client of it hears that it is dead. */
#ifdef __cplusplus
[[noreturn]]
#else
_Noreturn
#endif
void TEE_Panic(TEE_Result code);
void TEE_SetInstanceData(const void* data);
void* TEE_GetInstanceData(void);
void TEE_GenerateRandom(void* buffer, size_t bytes);

typedef struct {
    uint32_t seconds;
    uint32_t millis;
} TEE_Time;

/* Since some start; never goes back while the instance lives. */
void TEE_GetSystemTime(TEE_Time* time);

/* ---- Objects that outlive the instance, private to the application --------------------------- */
typedef struct TEE_ObjectHandleImpl* TEE_ObjectHandle;
#define TEE_HANDLE_NULL 0

typedef struct {
    uint32_t objectType;
    uint32_t objectSize;
    uint32_t maxObjectSize;
    uint32_t objectUsage;
    size_t dataSize;
    size_t dataPosition;
    uint32_t handleFlags;
} TEE_ObjectInfo;

#define TEE_STORAGE_PRIVATE 0x00000001U
#define TEE_DATA_FLAG_ACCESS_READ 0x00000001U
#define TEE_DATA_FLAG_ACCESS_WRITE 0x00000002U
#define TEE_DATA_FLAG_OVERWRITE 0x00000400U
#define TEE_OBJECT_ID_MAX_LEN 64U

TEE_Result TEE_OpenPersistentObject(uint32_t storage, const void* id, size_t id_bytes,
                                    uint32_t flags, TEE_ObjectHandle* object);
/* With the overwrite flag an object of that name is replaced in one step: old or new. */
TEE_Result TEE_CreatePersistentObject(uint32_t storage, const void* id, size_t id_bytes,
                                      uint32_t flags, TEE_ObjectHandle attributes, const void* data,
                                      size_t data_bytes, TEE_ObjectHandle* object);
TEE_Result TEE_GetObjectInfo1(TEE_ObjectHandle object, TEE_ObjectInfo* info);
TEE_Result TEE_ReadObjectData(TEE_ObjectHandle object, void* buffer, size_t bytes, size_t* read);
void TEE_CloseObject(TEE_ObjectHandle object);

/* ---- What the application gives the TEE ------------------------------------------------------ */
TEE_Result TA_CreateEntryPoint(void);
void TA_DestroyEntryPoint(void);
TEE_Result TA_OpenSessionEntryPoint(uint32_t param_types, TEE_Param params[4], void** session);
void TA_CloseSessionEntryPoint(void* session);
TEE_Result TA_InvokeCommandEntryPoint(void* session, uint32_t command, uint32_t param_types,
                                      TEE_Param params[4]);

#ifdef __cplusplus
}
#endif

#endif
