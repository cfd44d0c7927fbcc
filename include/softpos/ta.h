/*
 * The trusted application as its caller sees it: what goes into the GlobalPlatform client call. The
 * bytes inside the two buffers are those of src/protocol/trusted_call.h.
 */
#ifndef SOFTPOS_TA_H
#define SOFTPOS_TA_H

/* As TEE_UUID or TEEC_UUID: {timeLow, timeMid, timeHiAndVersion, {clockSeqAndNode}}. */
#define SOFTPOS_TA_UUID                                                                            \
    {                                                                                              \
        0x5b0c1f52U, 0x93d4U, 0x4c6eU, {                                                           \
            0xa7U, 0x1dU, 0x60U, 0x2eU, 0x8fU, 0x39U, 0xb4U, 0x05U                                 \
        }                                                                                          \
    }

/* Memref in: the request. Memref out: the answer, with room for SOFTPOS_TA_ANSWER_BYTES_MAX; with
 * less nothing is done, the size says how much is needed, and the result is short buffer. */
#define SOFTPOS_TA_CALL 1U
/* Value out: the two sizes below. Value out: version of the call, version of the core. */
#define SOFTPOS_TA_LIMITS 2U

#define SOFTPOS_TA_REQUEST_BYTES_MAX 65536U
#define SOFTPOS_TA_ANSWER_BYTES_MAX 65536U
#define SOFTPOS_TA_SESSIONS_MAX 4U

/* Property of the application: the 65 bytes of the platform's signing key. Where it is missing the
 * core enrols with nobody. */
#define SOFTPOS_TA_PLATFORM_KEY "softpos.platform_key"

#endif
