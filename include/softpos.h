/* OpenSoftPOS from C: takes payments on this phone by way of the softpos-device service. C11.
 *
 * Amounts are whole minor units (fen for CNY): 1250 is 12.50. Texts are UTF-8, end with a zero and
 * are never NULL in an answer; an empty text is a value that is not known.
 *
 * Every struct begins with its own size. Set it with sizeof before a call: a library that is newer
 * than the program then fills only what the program knows.
 *
 * Threads: a handle may be used by several threads at once. softpos_purchase blocks for as long as
 * the customer takes; softpos_cancel and softpos_next_event are meant to be called meanwhile from
 * another thread. softpos_close waits for nobody: call it when no other call runs.
 *
 * The one rule about money: after SOFTPOS_MAYBE_BEGUN, and after a result of
 * SOFTPOS_INDETERMINATE, the payment may or may not have been made. Do not pay again with a new
 * key; call softpos_status with payment.idempotency_key until the result is another one.
 */
#ifndef SOFTPOS_H
#define SOFTPOS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SOFTPOS_API_VERSION 1

/* The version the library was built with. Equal first numbers work together. */
int softpos_api_version(void);

typedef struct softpos_handle softpos_t;

typedef enum softpos_error {
    SOFTPOS_OK = 0,           /* The answer is filled in. */
    SOFTPOS_REFUSED = 1,      /* Nothing was begun; refusal_code and message_en say why. */
    SOFTPOS_UNAVAILABLE = 2,  /* softpos-device cannot be reached; nothing was begun. */
    SOFTPOS_MAYBE_BEGUN = 3,  /* The answer was lost; ask with softpos_status. */
    SOFTPOS_BAD_ARGUMENT = 4, /* A NULL, a size or a text that cannot be; nothing was begun. */
    SOFTPOS_NOTHING = 5       /* softpos_next_event: nothing came in time. */
} softpos_error;

/* One English sentence, for logs; never NULL. */
const char* softpos_error_text(softpos_error error);

typedef enum softpos_result {
    SOFTPOS_INDETERMINATE = 0, /* Not known yet; see above. */
    SOFTPOS_APPROVED = 1,
    SOFTPOS_DECLINED = 2 /* Final: no money moves. */
} softpos_result;

typedef struct softpos_options {
    size_t struct_size;
    const char* socket_path; /* Of softpos-device. Required. */
    uint32_t timeout_ms;     /* For one call; 0: 300000. */
} softpos_options;

typedef struct softpos_payment {
    size_t struct_size;
    softpos_result result;
    int64_t amount_minor;
    int64_t refunded_minor;   /* Of a purchase: what was given back so far. */
    char idempotency_key[40]; /* 32 hex digits; also set where the call failed. */
    char payment_id[72];      /* The platform's. */
    char kind[16];            /* "purchase", "void", "refund" */
    char state[72];
    char currency[8]; /* "CNY" */
    char reference[72];
    char masked_pan[32];    /* "621094******0001" */
    char response_code[16]; /* The card network's. */
    char trace[16];
    char rrn[24]; /* Retrieval reference number. */
    char auth_code[16];
    char batch[16];
    char settlement_date[16];
    char original_payment_id[72]; /* Of a void or refund. */
    char created_at[40];          /* ISO 8601 */
    char refusal_code[72];        /* Where not approved: "ISSUER_DECLINED", */
    char refusal_class[16];       /* "fix_now", "retry", "contact" or "final", */
    char message_en[256];         /* and what to do, for people. */
    char message_zh[256];
} softpos_payment;

typedef struct softpos_purchase_request {
    size_t struct_size;
    int64_t amount_minor;        /* 1 to 999999999999 */
    const char* reference;       /* Yours, at most 64 bytes; NULL for none. */
    const char* idempotency_key; /* 32 hex digits, kept by you; NULL: made here. */
} softpos_purchase_request;

typedef struct softpos_scan_request {
    size_t struct_size;
    int64_t amount_minor;
    const char* payment_code;    /* Of the payer, as a camera or scanner has read it. */
    const char* reference;       /* As of a purchase. */
    const char* idempotency_key; /* As of a purchase. */
} softpos_scan_request;

typedef struct softpos_show_request {
    size_t struct_size;
    int64_t amount_minor;
    const char* channel; /* "alipay", "wechat" or "unionpay" */
    const char* reference;
    const char* idempotency_key;
} softpos_show_request;

typedef struct softpos_shown_code {
    size_t struct_size;
    char code[520];      /* What to draw; good for this one payment. */
    char expires_at[40]; /* ISO 8601 */
} softpos_shown_code;

typedef struct softpos_void_request {
    size_t struct_size;
    const char* payment_id;      /* Of the sale. Same settlement day only. */
    const char* idempotency_key; /* Of the void. */
} softpos_void_request;

typedef struct softpos_refund_request {
    size_t struct_size;
    const char* payment_id; /* Of the sale. */
    int64_t amount_minor;   /* In whole or in parts. */
    const char* idempotency_key;
} softpos_refund_request;

/* What the customer is to see while a payment runs. */
typedef struct softpos_event {
    size_t struct_size;
    uint64_t number; /* Ask for what comes behind it. */
    uint32_t hold_ms;
    char message[32]; /* "present_card" */
    char message_en[128];
    char message_zh[128];
    char idempotency_key[40];
} softpos_event;

/* Does not connect yet. *handle is NULL unless SOFTPOS_OK. */
softpos_error softpos_open(const softpos_options* options, softpos_t** handle);
void softpos_close(softpos_t* handle); /* NULL is allowed. */

/* Waits for a card, then for the platform. SOFTPOS_OK says that there is a result, which may be
 * SOFTPOS_DECLINED. The same key again gives the stored result and takes no second payment. */
softpos_error softpos_purchase(softpos_t* handle, const softpos_purchase_request* request,
                               softpos_payment* payment);
/* Takes the money out of the wallet whose code was scanned. Waits for the payer to confirm, about a
 * minute at most; then the result may be SOFTPOS_INDETERMINATE. */
softpos_error softpos_scan(softpos_t* handle, const softpos_scan_request* request,
                           softpos_payment* payment);
/* A code for a payer to scan. Comes back at once with SOFTPOS_INDETERMINATE: draw the code, and
 * call softpos_status until the result is another one. */
softpos_error softpos_show(softpos_t* handle, const softpos_show_request* request,
                           softpos_shown_code* code, softpos_payment* payment);
/* Nobody is waited for any longer: asked for once more, and then cancelled. */
softpos_error softpos_give_up(softpos_t* handle, const char* payment_id, softpos_payment* payment);
softpos_error softpos_void(softpos_t* handle, const softpos_void_request* request,
                           softpos_payment* payment);
softpos_error softpos_refund(softpos_t* handle, const softpos_refund_request* request,
                             softpos_payment* payment);

/* By payment identifier or idempotency key. */
softpos_error softpos_status(softpos_t* handle, const char* id_or_key, softpos_payment* payment);
/* The payment that this phone began last. */
softpos_error softpos_last(softpos_t* handle, softpos_payment* payment);

/* *cancelled is 1 where the payment still waited for its card, and will end as declined. */
softpos_error softpos_cancel(softpos_t* handle, int* cancelled);

/* The next event behind `after` (0 at first), waiting at most wait_ms (up to 25000). */
softpos_error softpos_next_event(softpos_t* handle, uint64_t after, uint32_t wait_ms,
                                 softpos_event* event);

/* Whose code a scanner has read. Payment codes are below 64: the payer shows them, and a payment
 * service charges them. Merchant codes are from 64 on: a payer scans them; read by a cashier they
 * are a mistake, and softpos_code_advice says what to ask for. The numbers never change. */
typedef enum softpos_code_kind {
    SOFTPOS_CODE_UNKNOWN = 0,
    SOFTPOS_CODE_WECHAT = 1,
    SOFTPOS_CODE_ALIPAY = 2,
    SOFTPOS_CODE_UNIONPAY = 3,
    SOFTPOS_CODE_EMV_PAYER = 4, /* EMV consumer-presented: card data in it, so do not log it. */
    SOFTPOS_CODE_ALIPAY_FACE = 5,
    SOFTPOS_CODE_UNIONPAY_FIXED = 64,
    SOFTPOS_CODE_UNIONPAY_DYNAMIC = 65,
    SOFTPOS_CODE_UNIONPAY_ACQUIRER = 66,
    SOFTPOS_CODE_EMV_MERCHANT = 67,
    SOFTPOS_CODE_ALIPAY_MERCHANT = 68,
    SOFTPOS_CODE_WECHAT_MERCHANT = 69
} softpos_code_kind;

/* Needs no handle and no service. Blanks and line ends around the text are passed over. A card
 * number typed by hand may look like a UnionPay payment code: give only what a camera or scanner
 * has read. NULL is SOFTPOS_CODE_UNKNOWN. */
softpos_code_kind softpos_classify_payment_code(const char* text);

/* "wechat"; never NULL. */
const char* softpos_code_kind_name(softpos_code_kind kind);

/* What to tell the cashier; empty for a payment code. Never NULL. */
const char* softpos_code_advice_en(softpos_code_kind kind);
const char* softpos_code_advice_zh(softpos_code_kind kind);

#ifdef __cplusplus
}
#endif

#endif /* SOFTPOS_H */
