// Fuzz: what the wallets send. Nothing unsigned may pass, and a form that was read says the same
// when it is written again.
// links: wallet codec base
#include "platform/channel/wallet/alipay.h"
#include "platform/channel/wallet/unionpay_qrc.h"
#include "platform/channel/wallet/wechat_v2.h"
#include "platform/channel/wallet/wechat_v3.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto form = wallet::read_form(text)) {
        const auto again = wallet::read_form(wallet::write_form(*form));
        // Escaping makes it longer, so that only the limit may stop it.
        if (again ? *again != *form : again.error().kind != ErrorKind::denied) std::abort();
    }
    if (const auto part = wallet::alipay_answer_part("alipay.trade.pay", text)) {
        const char* const begin = part->bytes.data();
        if (begin < text.data() || begin + part->bytes.size() > text.data() + size) std::abort();
    }
    if (wallet::unionpay_read({}, text)) std::abort();
    constexpr std::string_view key = "0123456789abcdef0123456789abcdef";
    if (wallet::wechat_notification(bytes_of(key), text)) std::abort();
    const auto answer =
        wallet::wechat_v2_answer(text, bytes_of(key), wallet::WechatDigest::hmac_sha256);
    if (answer && answer->authentic) std::abort();
    return 0;
}
