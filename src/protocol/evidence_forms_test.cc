// Each form comes back as it was written, and in no other way.
#include "protocol/evidence_forms.h"

#include "testing/prng.h"

#include <gtest/gtest.h>

namespace softpos::protocol {
namespace {

TpmQuoteForm quote_form(testing::Prng& prng) {
    TpmQuoteForm form;
    form.quote = prng.bytes(145);
    form.signature = prng.bytes(72);
    form.ak_public = prng.bytes(90);
    form.pcrs = {prng.bytes(pcr_bytes), prng.bytes(pcr_bytes)};
    form.ek_certificate = prng.bytes(1016);
    form.chain = {prng.bytes(1070)};
    return form;
}

OpteeForm optee_form(testing::Prng& prng) {
    OpteeForm form;
    form.key_id = prng.random().take<32>();
    form.digest = prng.random().take<32>();
    form.signature = prng.bytes(256);
    return form;
}

DevProcessStatement statement(testing::Prng& prng) {
    DevProcessStatement out;
    out.challenge = prng.random().take<32>();
    out.measurement = prng.random().take<32>();
    out.core_sign_point = prng.random().take<65>();
    out.app_version = 70'000;
    return out;
}

TEST(EvidenceForms, ComeBackAsWritten) {
    auto prng = testing::Prng::from_environment();
    const TpmQuoteForm quote = quote_form(prng);
    EXPECT_EQ(decode_tpm_quote_form(encode(quote)).value(), quote);
    TpmQuoteForm bare = quote;
    bare.ek_certificate.clear();
    bare.chain.clear();
    EXPECT_EQ(decode_tpm_quote_form(encode(bare)).value(), bare);
    const OpteeForm optee = optee_form(prng);
    EXPECT_EQ(decode_optee_form(encode(optee)).value(), optee);
    const DevProcessStatement process = statement(prng);
    EXPECT_EQ(decode_dev_process_statement(encode(process)).value(), process);
    const DevProcessForm form{encode(process), prng.bytes(70)};
    EXPECT_EQ(decode_dev_process_form(encode(form)).value(), form);
}

TEST(EvidenceForms, CutShortOrLongerIsRefused) {
    auto prng = testing::Prng::from_environment();
    const auto refuses = [](const Buffer& whole, const auto& decode) {
        for (std::size_t size = 0; size < whole.size(); ++size) {
            ASSERT_FALSE(decode(Bytes(whole).first(size))) << size;
        }
        Buffer longer = whole;
        longer.push_back(0);
        EXPECT_FALSE(decode(Bytes(longer)));
    };
    refuses(encode(quote_form(prng)), decode_tpm_quote_form);
    refuses(encode(optee_form(prng)), decode_optee_form);
    refuses(encode(statement(prng)), decode_dev_process_statement);
    refuses(encode(DevProcessForm{encode(statement(prng)), prng.bytes(70)}),
            decode_dev_process_form);
}

TEST(EvidenceForms, OtherVersionIsUnsupportedAndEmptyPartsAreMalformed) {
    auto prng = testing::Prng::from_environment();
    Buffer later = encode(optee_form(prng));
    later[1] = 2;
    EXPECT_EQ(decode_optee_form(later).error().kind, ErrorKind::unsupported);
    TpmQuoteForm form = quote_form(prng);
    form.signature.clear();
    EXPECT_EQ(decode_tpm_quote_form(encode(form)).error().kind, ErrorKind::malformed);
}

TEST(EvidenceForms, TooLongIsDenied) {
    TpmQuoteForm form;
    form.quote = Buffer(145);
    form.signature = Buffer(72);
    form.ak_public = Buffer(90);
    form.ek_certificate = Buffer(evidence_bytes_max);
    EXPECT_EQ(decode_tpm_quote_form(encode(form)).error().kind, ErrorKind::denied);
}

// The text in front keeps a signature over a statement from being one over anything else.
TEST(EvidenceForms, SignedMessageNamesItsPurpose) {
    const Buffer message = dev_process_signed_message(Buffer{1, 2});
    EXPECT_EQ(text_of(message), std::string_view("spos-dev-process/1\x01\x02"));
}

}  // namespace
}  // namespace softpos::protocol
