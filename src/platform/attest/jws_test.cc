// Tokens in the forms that are taken, and the ways in which tokens have fooled others.
#include "platform/attest/jws.h"

#include "platform/attest/token_test_support.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

namespace softpos::attest {
namespace {

ErrorKind kind_of(std::string_view token) {
    const auto parsed = parse_jws(token);
    return parsed ? ErrorKind::internal : parsed.error().kind;
}

// Spec: [RFC-7515] A.3.1.
TEST(Jws, TheExampleOfTheSpecificationFits) {
    constexpr std::string_view token =
        "eyJhbGciOiJFUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
        "cnVlfQ."
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    Buffer point{0x04};
    append(point, codec::from_base64url("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU").value());
    append(point, codec::from_base64url("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0").value());
    const auto key = crypto::PublicKey::from_spki(p256_spki(point)).value();
    const auto parsed = parse_jws(token);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->algorithm, JwsAlgorithm::es256);
    EXPECT_TRUE(text_of(parsed->payload).starts_with("{\"iss\":\"joe\""));
    EXPECT_TRUE(check_jws(*parsed, key));
    Jws changed = *parsed;
    changed.signed_text.back() ^= 1U;
    EXPECT_FALSE(check_jws(changed, key));
}

TEST(Jws, RsaSignaturesInBothForms) {
    const auto key = crypto::PublicKey::from_spki(test_rsa_key().spki()).value();
    using crypto::SignatureKind;
    const auto fits = [&key](SignatureKind kind, std::string_view header) {
        return check_jws(parse_jws(sign_rsa(kind, header, "{}")).value(), key).has_value();
    };
    EXPECT_TRUE(fits(SignatureKind::rsa_pkcs1_sha256, R"({"alg":"RS256"})"));
    EXPECT_TRUE(fits(SignatureKind::rsa_pss_sha256, R"({"alg":"PS256"})"));
    EXPECT_FALSE(fits(SignatureKind::rsa_pss_sha256, R"({"alg":"RS256"})"));
    EXPECT_FALSE(fits(SignatureKind::rsa_pkcs1_sha256, R"({"alg":"PS256"})"));
}

TEST(Jws, NoKeyOfAnotherKindIsTaken) {
    const TestPlay play;
    const auto token = parse_jws(play.inner()).value();
    EXPECT_TRUE(check_jws(token, play.verification()));
    const auto rsa = crypto::PublicKey::from_spki(test_rsa_key().spki()).value();
    EXPECT_EQ(check_jws(token, rsa).error().kind, ErrorKind::denied);
}

TEST(Jws, OnlyTheThreeAlgorithmsAreKnown) {
    for (const std::string_view header :
         {R"({"alg":"none"})", R"({"alg":"HS256"})", R"({"alg":"ES384"})", R"({"alg":"es256"})",
          R"({})", R"({"alg":1})", R"({"alg":"ES256","crit":["exp"]})",
          R"({"alg":"ES256","crit":[]})"}) {
        EXPECT_EQ(kind_of(token_part(header) + "." + token_part("{}") + "." +
                          codec::to_base64url(Buffer(64, 1))),
                  ErrorKind::unsupported)
            << header;
    }
}

TEST(Jws, OtherFormsAreMalformed) {
    const std::string good = TestPlay().inner();
    const std::size_t last = good.rfind('.');
    const std::string head = token_part(R"({"alg":"ES256"})");
    for (const std::string& bad :
         {std::string(), std::string("."), std::string(".."), good.substr(0, last),
          good.substr(0, last + 1), good + ".", good + "=", good + "\n", " " + good,
          good.substr(0, good.size() - 2), token_part("[]") + ".e30." + std::string(86, 'A'),
          token_part(R"({"alg":"ES256","alg":"ES256"})") + ".e30." + std::string(86, 'A'),
          token_part(R"({"alg":"ES256","x5c":[]})") + ".e30." + std::string(86, 'A'),
          token_part(R"({"alg":"ES256","x5c":"AA=="})") + ".e30." + std::string(86, 'A'),
          token_part(R"({"alg":"ES256","x5c":["A-=="]})") + ".e30." + std::string(86, 'A'),
          head + ".e3." + std::string(86, 'A'), head + ".e30+." + std::string(86, 'A')}) {
        EXPECT_EQ(kind_of(bad), ErrorKind::malformed) << bad;
    }
    EXPECT_EQ(kind_of(std::string(token_bytes_max + 1, 'A')), ErrorKind::denied);
}

TEST(Jwe, OpensWithItsKeyAndNoOther) {
    const Buffer key(32, 3);
    const std::string token = encrypt_token(key, "inside");
    EXPECT_TRUE(is_jwe(token));
    EXPECT_EQ(text_of(open_jwe(token, key)->bytes()), "inside");
    EXPECT_EQ(open_jwe(token, Buffer(32, 4)).error().kind, ErrorKind::denied);
    EXPECT_EQ(open_jwe(token, Buffer(16, 3)).error().kind, ErrorKind::malformed);
    for (const std::string_view header :
         {R"({"alg":"dir","enc":"A256GCM"})", R"({"alg":"A256KW","enc":"A128GCM"})",
          R"({"alg":"A256KW","enc":"A256GCM","zip":"DEF"})",
          R"({"alg":"A256KW","enc":"A256GCM","crit":["zip"]})", R"({"enc":"A256GCM"})"}) {
        EXPECT_EQ(open_jwe(encrypt_token(key, "x", header), key).error().kind,
                  ErrorKind::unsupported)
            << header;
    }
}

TEST(Jwe, EachPartIsProtected) {
    const Buffer key(32, 3);
    const std::string token = encrypt_token(key, "inside of it all");
    for (std::size_t at = 0; at < token.size(); ++at) {
        std::string changed = token;
        changed[at] = changed[at] == 'A' ? 'B' : 'A';
        ASSERT_FALSE(open_jwe(changed, key)) << at;
        if (token[at] == '.') continue;
        changed = token;
        changed.erase(at, 1);
        ASSERT_FALSE(open_jwe(changed, key)) << at;
    }
}

}  // namespace
}  // namespace softpos::attest
