// Whatever a scanner reads: what is taken is written back to a code that says the same, what is
// refused has its fault inside the text, and a strict reading takes nothing that a lenient one does
// not.
// links: qr
#include "base/check.h"
#include "codec/qr/merchant_code.h"
#include "codec/qr/objects.h"
#include "codec/qr/payer_code.h"
#include "codec/qr/payment_code.h"
#include "codec/qr/unionpay_code.h"

namespace {

using namespace softpos::qr;

void run_merchant(std::string_view text) {
    const auto lenient = parse_merchant_code(text, Reading::lenient);
    const auto strict = parse_merchant_code(text, Reading::strict);
    if (!lenient) {
        CHECK(!strict && lenient.error().at <= text.size());
        return;
    }
    if (!strict) return;
    CHECK(strict->code == lenient->code && strict->forgiven.empty());
    const auto built = build_merchant_code(strict->code);
    CHECK(built.has_value());
    CHECK(parse_merchant_code(*built, Reading::strict)->code == strict->code);
    for (const IdValue& account : strict->code.accounts) {
        const auto unionpay = parse_unionpay_account(account.value);
        if (unionpay) CHECK(build_unionpay_account(*unionpay).value() == account.value);
    }
    if (const auto minor = amount_minor_of(strict->code.amount, 2)) {
        CHECK(amount_minor_of(amount_text(*minor, 2), 2) == minor);
    }
}

void run_payer(std::string_view text) {
    const auto code = PayerCode::parse(text, Reading::lenient);
    if (!code) return;
    CHECK(classify_code(text) == CodeKind::emv_payer || code->bytes().size() < 9 ||
          trimmed_code(text) != text);
    for (const PayerApplication& application : code->applications()) {
        CHECK(code->find(application, payer_tags::adf_name).has_value());
        CHECK(application.objects.data() >= code->bytes().data());
        CHECK(application.objects.data() + application.objects.size() <=
              code->bytes().data() + code->bytes().size());
    }
    if (!PayerCode::parse(text, Reading::strict)) return;
    CHECK(code->forgiven().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = softpos::text_of({data, size});
    run_merchant(text);
    // With the check sum that it should have, so that more of them get past it.
    std::string sealed(text.substr(0, merchant_code_bytes_max - 8));
    sealed += "6304";
    run_merchant(sealed + crc_text(sealed));
    run_payer(text);
    CHECK(classify_code(text) == classify_code(trimmed_code(text)));
    if (const auto address = parse_unionpay_address(text)) {
        CHECK(build_unionpay_address(address->institution, address->number)->size() == size);
    }
    return 0;
}
