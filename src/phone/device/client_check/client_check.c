/* The C face from C11. */
#include "phone/device/client_check.h"

#include <softpos.h>
#include <string.h>

static softpos_t* open_handle(const char* socket_path) {
    const softpos_options options = {
        .struct_size = sizeof options, .socket_path = socket_path, .timeout_ms = 20000};
    softpos_t* handle = NULL;
    return softpos_open(&options, &handle) == SOFTPOS_OK ? handle : NULL;
}

static int purchase_steps(softpos_t* handle, char key_out[40]) {
    softpos_payment payment = {.struct_size = sizeof payment};
    softpos_purchase_request request = {
        .struct_size = sizeof request, .amount_minor = 1250, .reference = "table 7"};
    if (softpos_purchase(handle, &request, &payment) != SOFTPOS_OK) return 1;
    if (payment.result != SOFTPOS_APPROVED || payment.amount_minor != 1250) return 2;
    if (strlen(payment.idempotency_key) != 32 || payment.payment_id[0] == '\0') return 3;
    if (strcmp(payment.reference, "table 7") != 0 || payment.refusal_code[0] != '\0') return 4;
    strcpy(key_out, payment.idempotency_key);

    softpos_payment again = {.struct_size = sizeof again};
    request.idempotency_key = payment.idempotency_key;
    if (softpos_purchase(handle, &request, &again) != SOFTPOS_OK) return 5;
    if (strcmp(again.payment_id, payment.payment_id) != 0) return 6;
    request.amount_minor = 1;
    if (softpos_purchase(handle, &request, &again) != SOFTPOS_REFUSED) return 7;
    if (strcmp(again.refusal_code, "IDEMPOTENCY_CONFLICT") != 0) return 8;

    if (softpos_status(handle, payment.idempotency_key, &again) != SOFTPOS_OK) return 9;
    if (softpos_last(handle, &again) != SOFTPOS_OK) return 10;
    if (strcmp(again.idempotency_key, key_out) != 0) return 11;
    int cancelled = 1;
    if (softpos_cancel(handle, &cancelled) != SOFTPOS_OK || cancelled != 0) return 12;
    softpos_event event = {.struct_size = sizeof event};
    if (softpos_next_event(handle, 0, 0, &event) != SOFTPOS_OK) return 13;
    if (strcmp(event.message, "present_card") != 0 || event.message_zh[0] == '\0') return 14;
    const softpos_refund_request refund = {
        .struct_size = sizeof refund, .payment_id = payment.payment_id, .amount_minor = 250};
    if (softpos_refund(handle, &refund, &again) != SOFTPOS_OK) return 15;
    if (again.result != SOFTPOS_APPROVED || strcmp(again.kind, "refund") != 0) return 16;
    const softpos_void_request undo = {.struct_size = sizeof undo,
                                       .payment_id = payment.payment_id};
    if (softpos_void(handle, &undo, &again) != SOFTPOS_OK) return 17;
    if (again.result != SOFTPOS_APPROVED || strcmp(again.kind, "void") != 0) return 18;
    return 0;
}

static int wallet_steps(softpos_t* handle) {
    softpos_payment payment = {.struct_size = sizeof payment};
    const softpos_scan_request scan = {.struct_size = sizeof scan,
                                       .amount_minor = 1880,
                                       .payment_code = "283456789012345678",
                                       .reference = "table 7"};
    if (softpos_scan(handle, &scan, &payment) != SOFTPOS_OK) return 31;
    if (payment.result != SOFTPOS_APPROVED || payment.amount_minor != 1880) return 32;
    softpos_scan_request wrong = scan;
    wrong.payment_code = "https://qr.alipay.com/bax1";
    if (softpos_scan(handle, &wrong, &payment) != SOFTPOS_REFUSED) return 33;
    if (strcmp(payment.refusal_code, "PAYMENT_CODE_INVALID") != 0) return 34;
    wrong.payment_code = NULL;
    if (softpos_scan(handle, &wrong, &payment) != SOFTPOS_BAD_ARGUMENT) return 35;
    const softpos_show_request show = {
        .struct_size = sizeof show, .amount_minor = 1880, .channel = "alipay"};
    softpos_shown_code code = {.struct_size = sizeof code};
    if (softpos_show(handle, &show, &code, &payment) != SOFTPOS_OK) return 36;
    if (payment.result != SOFTPOS_INDETERMINATE || payment.payment_id[0] == '\0') return 37;
    if (strcmp(code.code, "https://qr.example/1") != 0 || code.expires_at[0] == '\0') return 38;
    if (softpos_show(handle, &show, NULL, &payment) != SOFTPOS_BAD_ARGUMENT) return 39;
    if (softpos_give_up(handle, NULL, &payment) != SOFTPOS_BAD_ARGUMENT) return 40;
    return 0;
}

int client_check_wallet(const char* socket_path) {
    softpos_t* handle = open_handle(socket_path);
    if (handle == NULL) return 100;
    const int step = wallet_steps(handle);
    softpos_close(handle);
    return step;
}

int client_check_purchase(const char* socket_path, char key_out[40]) {
    softpos_t* handle = open_handle(socket_path);
    if (handle == NULL) return 100;
    const int step = purchase_steps(handle, key_out);
    softpos_close(handle);
    return step;
}

int client_check_arguments(const char* socket_path) {
    softpos_t* handle = open_handle(socket_path);
    if (handle == NULL) return 100;
    softpos_payment payment = {.struct_size = sizeof payment};
    softpos_purchase_request request = {.struct_size = sizeof request};
    int step = 0;
    if (softpos_purchase(handle, &request, &payment) != SOFTPOS_BAD_ARGUMENT) step = 1;
    request.amount_minor = 1;
    request.idempotency_key = "short";
    if (softpos_purchase(handle, &request, &payment) != SOFTPOS_BAD_ARGUMENT) step = 2;
    request.idempotency_key = NULL;
    request.struct_size = 4;
    if (softpos_purchase(handle, &request, &payment) != SOFTPOS_BAD_ARGUMENT) step = 3;
    if (softpos_status(handle, "../x", &payment) != SOFTPOS_BAD_ARGUMENT) step = 4;
    if (softpos_status(handle, "nobody", NULL) != SOFTPOS_BAD_ARGUMENT) step = 5;
    softpos_t* none = handle;
    if (softpos_open(NULL, &none) != SOFTPOS_BAD_ARGUMENT || none != NULL) step = 6;
    if (softpos_api_version() != SOFTPOS_API_VERSION) step = 7;
    softpos_close(NULL);
    softpos_close(handle);
    return step;
}

/* Also: an old program's shorter struct is not written behind its end. */
int client_check_unreachable(const char* socket_path) {
    softpos_t* handle = open_handle(socket_path);
    if (handle == NULL) return 100;
    softpos_payment payment;
    memset(&payment, 0x5A, sizeof payment);
    payment.struct_size = offsetof(softpos_payment, kind);
    const softpos_purchase_request request = {.struct_size = sizeof request, .amount_minor = 1};
    int step = 0;
    if (softpos_purchase(handle, &request, &payment) != SOFTPOS_UNAVAILABLE) step = 1;
    if (strlen(payment.idempotency_key) != 32) step = 2;
    if (payment.kind[0] != 0x5A || payment.message_zh[0] != 0x5A) step = 3;
    softpos_close(handle);
    return step;
}

int client_check_codes(void) {
    if (softpos_classify_payment_code(NULL) != SOFTPOS_CODE_UNKNOWN) return 1;
    if (softpos_classify_payment_code("") != SOFTPOS_CODE_UNKNOWN) return 2;
    const softpos_code_kind wechat = softpos_classify_payment_code("131234567890123456\n");
    if (wechat != SOFTPOS_CODE_WECHAT || strcmp(softpos_code_kind_name(wechat), "wechat") != 0) {
        return 3;
    }
    if (softpos_code_advice_en(wechat)[0] != '\0') return 4;
    const softpos_code_kind merchant =
        softpos_classify_payment_code("https://qr.95516.com/00010000/01123456789012345678");
    if (merchant != SOFTPOS_CODE_UNIONPAY_FIXED) return 5;
    if (strstr(softpos_code_advice_en(merchant), "merchant code") == NULL) return 6;
    if (softpos_code_advice_zh(SOFTPOS_CODE_UNKNOWN)[0] == '\0') return 7;
    static char endless[8192];
    memset(endless, '1', sizeof endless - 1);
    if (softpos_classify_payment_code(endless) != SOFTPOS_CODE_UNKNOWN) return 8;
    if (strcmp(softpos_code_kind_name((softpos_code_kind)100), "unknown") != 0) return 9;
    return 0;
}
