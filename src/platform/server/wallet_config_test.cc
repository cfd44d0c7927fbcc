// wallets.json and the key files that it names: what is taken, and what stops the service.
#include "platform/server/wallet_config.h"

#include "codec/base64.h"
#include "host/durable_file.h"
#include "host/scratch_directory.h"

#include <gtest/gtest.h>

namespace softpos::server {
namespace {

constexpr std::string_view good =
    R"({"notify_base":"https://pay.example","alipay":{"url":"http://127.0.0.1:1/gateway.do",)"
    R"("app_id":"2021","key":"a.key","wallet_key":"a.pub"},"wechat":{"url":)"
    R"("https://api.example/","app_id":"wx1","merchant_id":"19","certificate_serial":"0A",)"
    R"("key":"a.key","wallet_key":"a.pub","wallet_key_id":"PUB_KEY_ID_1","api_v3_key":"a.v3"},)"
    R"("unionpay":{"url":"https://qr.example/qrc","acquirer_code":"48020000","certificate_id":"1",)"
    R"("key":"a.key","wallet_key":"a.pub","wallet_key_id":"2"}})";

class WalletConfig : public ::testing::Test {
protected:
    void SetUp() override {
        const auto key = crypto::RsaKey::generate(2048);
        ASSERT_TRUE(key);
        write("a.key", codec::to_base64(key->pkcs8().bytes()) + "\n");
        write("a.pub", "-----BEGIN PUBLIC KEY-----\n" + codec::to_base64(key->spki()) +
                           "\n-----END PUBLIC KEY-----\n");
        write("a.v3", std::string(wallet::wechat_api_key_bytes, 'k'));
        write("wallets.json", good);
    }
    void write(const std::string& name, std::string_view text) {
        ASSERT_TRUE(host::write_durably(folder_.file(name), bytes_of(text), 0600));
    }
    Result<WalletLines> load() { return load_wallets(folder_.path(), ""); }
    Result<WalletLines> load_with(std::string_view from, std::string_view to) {
        std::string text(good);
        const std::size_t at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        write("wallets.json", text.replace(at, from.size(), to));
        return load();
    }

    host::ScratchDirectory folder_;
};

TEST_F(WalletConfig, TakesAllThree) {
    const auto lines = load();
    ASSERT_TRUE(lines) << lines.error().what.c_str();
    EXPECT_EQ(lines->size(), 3U);
    EXPECT_FALSE(lines->at(pay::WalletChannel::alipay).http.tls);
    const auto& wechat = lines->at(pay::WalletChannel::wechat).http;
    ASSERT_TRUE(wechat.tls);
    EXPECT_EQ(wechat.tls->server_name, "api.example");
}

TEST_F(WalletConfig, WithoutTheFileThereAreNone) {
    const host::ScratchDirectory empty;
    const auto lines = load_wallets(empty.path(), "");
    ASSERT_TRUE(lines);
    EXPECT_TRUE(lines->empty());
}

TEST_F(WalletConfig, WhatIsNotSoundIsRefused) {
    EXPECT_FALSE(load_with("\"app_id\":\"2021\",", "")) << "a field is missing";
    EXPECT_FALSE(load_with("\"app_id\":\"2021\",", "\"app_id\":\"2021\",\"x\":1,")) << "unknown";
    EXPECT_FALSE(load_with("http://127.0.0.1:1", "http://pay.example")) << "plain, and elsewhere";
    EXPECT_FALSE(load_with("\"a.key\"", "\"../a.key\"")) << "out of the folder";
    EXPECT_FALSE(load_with("\"a.key\"", "\"b.key\"")) << "no such file";
    EXPECT_FALSE(load_with("\"a.pub\"", "\"a.key\"")) << "another kind of file";
    write("wallets.json", good);
    write("a.v3", "short");
    EXPECT_FALSE(load());
}

}  // namespace
}  // namespace softpos::server
