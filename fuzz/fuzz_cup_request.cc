// A message of a classic terminal: what is understood can be answered, and the answer is one.
// links: base codec host channel
#include "base/check.h"
#include "host/data_files.h"
#include "platform/channel/cup_answers.h"
#include "platform/channel/cup_requests.h"

using namespace softpos;  // NOLINT(google-build-using-namespace): a main() file.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const codec::Dialect dialect =
        codec::Dialect::parse(host::read_data("dialects/cup-pos.dialect").value()).value();
    static codec::IsoMessage message(dialect), answer(dialect);
    if (!codec::unpack({data, size}, message)) return 0;
    const auto request = channel::read_request(message);
    if (!request) return 0;
    CHECK(!request->terminal.empty() && !request->merchant.empty());
    CHECK(request->trace <= channel::trace_max && request->batch <= channel::trace_max);
    CHECK(request->items.size() <= channel::batch_items_max);
    // The card of a purchase is one that the channel itself can read, and the same one.
    if (request->ask == channel::CupAsk::purchase) {
        if (const auto card = channel::card_of(message)) {
            const auto read = channel::CardData::read(card->bytes());
            CHECK(!read || read->pan() == message.text(35)->substr(0, read->pan().size()));
        }
    }
    const auto built =
        channel::build_answer(message, {.code = "96", .totals = request->totals}, answer);
    if (!built) return 0;
    CHECK(!answer.has(2) && !answer.has(35) && !answer.has(52) && !answer.has(55));
    CHECK(channel::answer_key(answer).value() == channel::answer_key(message).value());
    return 0;
}
