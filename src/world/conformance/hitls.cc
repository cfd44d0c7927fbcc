// Rows of openHiTLS: the arguments of its test functions, named by the function. Only those whose
// arguments say what comes out; the rest calls interfaces that are not ours.
#include "base/hex.h"
#include "crypto/block_modes.h"
#include "crypto/cipher.h"
#include "crypto/hash.h"
#include "crypto/sm2.h"
#include "world/conformance/checkers.h"

#include <algorithm>
#include <array>

namespace softpos::conformance {
namespace {

using crypto::BlockMode;
using crypto::Cipher;

struct Case {
    std::string name;
    std::vector<std::string> args;

    bool is(std::string_view suffix) const { return name.ends_with(suffix); }
    const std::string& arg(std::size_t index) const {
        static const std::string none;
        return index < args.size() ? args[index] : none;
    }
};

template <typename Check>
void each_row(const Input& in, Tally& tally, Check check) {
    unsigned number = 0;
    for (const Node& node : in.json["rows"].items()) {
        Case one{node["case"].text(), {}};
        for (const Node& arg : node["args"].items()) one.args.push_back(arg.text());
        Row row(tally, std::to_string(number++) + " " + one.name);
        check(row, one);
    }
}

Buffer bytes_of_arg(Row& row, const Case& one, std::size_t index) {
    return one.arg(index).empty() ? Buffer() : row.hex(one.arg(index), "argument");
}

void check_cipher(Row& row, const Case& one) {
    constexpr std::array<std::pair<std::string_view, BlockMode>, 4> modes = {
        {{"CRYPT_CIPHER_SM4_CBC", BlockMode::cbc},
         {"CRYPT_CIPHER_SM4_CTR", BlockMode::ctr},
         {"CRYPT_CIPHER_SM4_CFB", BlockMode::cfb},
         {"CRYPT_CIPHER_SM4_OFB", BlockMode::ofb}}};
    const Buffer key = bytes_of_arg(row, one, 1);
    const Buffer plain = bytes_of_arg(row, one, 2);
    if (one.arg(0) == "CRYPT_CIPHER_SM4_ECB") {
        const auto out = crypto::ecb_encrypt(Cipher::sm4, key, plain);
        return out ? row.same("ECB", *out, one.arg(3)) : row.fail("ECB", out.error());
    }
    const auto mode =
        std::ranges::find(modes, one.arg(0), &std::pair<std::string_view, BlockMode>::first);
    if (mode == modes.end()) return;
    const Buffer iv = bytes_of_arg(row, one, 4);
    const auto out = crypto::mode_encrypt(
        {.cipher = Cipher::sm4, .mode = mode->second, .key = key, .iv = iv}, plain);
    if (!out) return row.fail(one.arg(0), out.error());
    row.same(one.arg(0), *out, one.arg(3));
}

}  // namespace

void check_hitls_sm3(const Input& in, Tally& tally) {
    each_row(in, tally, [](Row& row, const Case& one) {
        if (one.args.size() == 1) return row.same("digest", crypto::sm3({}), one.arg(0));
        if (one.args.size() != 2) return;
        const Buffer message = bytes_of_arg(row, one, 0);
        row.same("digest", crypto::sm3(message), one.arg(1));
    });
}

void check_hitls_sm4(const Input& in, Tally& tally) {
    each_row(in, tally, [](Row& row, const Case& one) {
        if (one.is("SM4_ENCRYPT_FUNC_TC003")) check_cipher(row, one);
    });
}

void check_hitls_sm2_sign(const Input& in, Tally& tally) {
    each_row(in, tally, [](Row& row, const Case& one) {
        const bool verifies = one.is("VERIFY_FUNC_TC001") && !one.is("SIGN_VERIFY_FUNC_TC001");
        if (!verifies && !one.is("SM2_VERIFY_FUNC_TC003")) return;
        const Buffer point = bytes_of_arg(row, one, 0);
        const Buffer identity = bytes_of_arg(row, one, 1);
        const Buffer message = bytes_of_arg(row, one, 2);
        const Buffer signature = bytes_of_arg(row, one, 3);
        const bool good =
            crypto::sm2_verify(point, message, softpos::text_of(identity), signature).has_value();
        row.holds(verifies ? "verifies" : "is refused", good == verifies);
    });
}

void check_hitls_sm2_crypt(const Input& in, Tally& tally) {
    each_row(in, tally, [](Row& row, const Case& one) {
        if (!one.is("SM2_DEC_FUNC_TC002") && !one.is("SM2_DEC_API_TC002")) return;
        const auto key = crypto::Sm2Key::from_scalar(bytes_of_arg(row, one, 0));
        if (!key) return row.fail("key", key.error());
        const auto der = crypto::sm2_ciphertext_der(bytes_of_arg(row, one, 1));
        const bool opens = der && key->decrypt(*der).has_value();
        const bool good = one.is("SM2_DEC_API_TC002") && one.arg(2) == "CRYPT_SUCCESS";
        row.holds(good ? "opens" : "is refused", opens == good);
    });
}

}  // namespace softpos::conformance
