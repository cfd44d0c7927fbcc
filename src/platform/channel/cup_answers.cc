// First that the answer is ours, then what it says.
#include "platform/channel/cup_answers.h"

#include <algorithm>
#include <charconv>

namespace softpos::channel {

using codec::IsoMessage;

namespace {

std::string text_or_empty(const IsoMessage& message, unsigned field) {
    return std::string(message.text(field).value_or(std::string_view()));
}

Buffer bytes_or_empty(const IsoMessage& message, unsigned field) {
    const Bytes bytes = message.binary(field).value_or(Bytes{});
    return {bytes.begin(), bytes.end()};
}

enum class Absent : std::uint8_t { allowed, wrong };

Result<void> check_repeats(const IsoMessage& answer, unsigned field, std::string_view sent,
                           Absent absent) {
    const auto text = answer.text(field);
    const bool good = text ? sent.empty() || *text == sent : absent == Absent::allowed;
    if (good) return {};
    return fail(ErrorKind::conflict, "answer: does not repeat the request", field);
}

Result<std::uint32_t> batch_of(const IsoMessage& answer) {
    const auto digits = answer.text(60);
    if (!digits) return 0;
    const auto field = TRY(codec::parse_field_60(*digits));
    std::uint32_t batch = 0;
    std::from_chars(field.batch.data(), field.batch.data() + field.batch.size(), batch);
    return batch;
}

template <std::size_t size>
Result<std::array<char, size>> key_part(const IsoMessage& message, unsigned field) {
    const auto text = message.text(field);
    std::array<char, size> part{};
    if (!text || text->size() != size) {
        return fail(ErrorKind::malformed, "answer: no key", field);
    }
    std::ranges::copy(*text, part.begin());
    return part;
}

}  // namespace

ExpectedAnswer expect_answer_to(const IsoMessage& request) {
    ExpectedAnswer expected{.mti = std::string(request.mti()),
                            .processing = text_or_empty(request, 3),
                            .amount = text_or_empty(request, 4),
                            .trace = text_or_empty(request, 11),
                            .terminal = text_or_empty(request, 41),
                            .merchant = text_or_empty(request, 42)};
    if (expected.mti.size() == 4) ++expected.mti[2];
    return expected;
}

Result<CupAnswer> read_answer(const IsoMessage& answer, const ExpectedAnswer& expected,
                              const ResponseCodes& codes) {
    if (answer.mti() != expected.mti) {
        return fail(ErrorKind::conflict, "answer: does not repeat the request", 0);
    }
    TRY_VOID(check_repeats(answer, 11, expected.trace, Absent::wrong));
    TRY_VOID(check_repeats(answer, 41, expected.terminal, Absent::wrong));
    TRY_VOID(check_repeats(answer, 42, expected.merchant, Absent::wrong));
    CupAnswer read;
    read.code = text_or_empty(answer, 39);
    if (read.code.empty()) return fail(ErrorKind::malformed, "answer: no response code", 39);
    read.klass = codes.find(read.code).klass;
    const auto must = [&](const std::string& sent) {
        return read.klass == AnswerClass::approve && !sent.empty() ? Absent::wrong
                                                                   : Absent::allowed;
    };
    TRY_VOID(check_repeats(answer, 3, expected.processing, must(expected.processing)));
    TRY_VOID(check_repeats(answer, 4, expected.amount, must(expected.amount)));
    read.local_time = text_or_empty(answer, 12);
    read.local_date = text_or_empty(answer, 13);
    read.settlement_date = text_or_empty(answer, 15);
    read.reference = text_or_empty(answer, 37);
    read.approval = text_or_empty(answer, 38);
    read.parties = text_or_empty(answer, 44);
    read.text = text_or_empty(answer, 63);
    read.chip_data = bytes_or_empty(answer, 55);
    read.keys = bytes_or_empty(answer, 62);
    read.batch = TRY(batch_of(answer));
    if (answer.has(48) && expected.mti == "0510") {
        read.totals = TRY(codec::parse_batch_totals(*answer.text(48)));
    }
    if (const auto mac = answer.binary(64)) {
        std::ranges::copy(*mac, read.mac.emplace().begin());
    }
    return read;
}

Result<AnswerKey> answer_key(const IsoMessage& message) {
    if (message.mti().empty()) return fail(ErrorKind::malformed, "answer: no key", 0);
    AnswerKey key;
    key.terminal = TRY(key_part<8>(message, 41));
    key.merchant = TRY(key_part<15>(message, 42));
    key.trace = TRY(key_part<6>(message, 11));
    key.mti_class = message.mti()[1];
    return key;
}

}  // namespace softpos::channel
