/* Takes one payment: take_payment SOCKET AMOUNT_MINOR. Shows what the customer has to do. */
#include <inttypes.h>
#include <softpos.h>
#include <stdio.h>

int main(int argc, char** argv) {
    char* end = NULL;
    const intmax_t amount = argc == 3 ? strtoimax(argv[2], &end, 10) : 0;
    if (end == NULL || *end != '\0') {
        fprintf(stderr, "usage: %s SOCKET AMOUNT_MINOR\n", argv[0]);
        return 2;
    }
    const softpos_options options = {.struct_size = sizeof options, .socket_path = argv[1]};
    softpos_t* pos = NULL;
    softpos_error error = softpos_open(&options, &pos);
    softpos_payment payment = {.struct_size = sizeof payment};
    if (error == SOFTPOS_OK) {
        const softpos_purchase_request request = {
            .struct_size = sizeof request, .amount_minor = amount, .reference = "example"};
        puts("Please present card / 请挥卡");
        error = softpos_purchase(pos, &request, &payment);
    }
    while (error == SOFTPOS_MAYBE_BEGUN) { /* The answer was lost: never pay again, ask. */
        error = softpos_status(pos, payment.idempotency_key, &payment);
    }
    softpos_close(pos);
    if (error != SOFTPOS_OK) {
        fprintf(stderr, "%s %s\n", softpos_error_text(error), payment.message_en);
        return 1;
    }
    static const char* const words[] = {"INDETERMINATE", "APPROVED", "DECLINED"};
    printf("%s %s %s %s\n", words[payment.result], payment.masked_pan, payment.payment_id,
           payment.message_en);
    return payment.result == SOFTPOS_APPROVED ? 0 : 1;
}
