// Who speaks, then whether it may, then whether it is new: in this order, so that a stranger
// learns nothing and leaves nothing behind.
#include "platform/channel/classic_terminal.h"

#include "base/check.h"

#include <algorithm>

namespace softpos::channel {

namespace {

Verdict answer(std::string_view code) {
    return {.step = DoorStep::answer, .code = std::string(code)};
}

bool has_mac(CupAsk ask) {
    return ask == CupAsk::purchase || ask == CupAsk::void_sale || ask == CupAsk::refund ||
           ask == CupAsk::reversal;
}

}  // namespace

Verdict ClassicTerminal::arrived(const CupRequest& request, std::uint32_t day) const {
    if (request.terminal != terminal_ || request.merchant != merchant_) return answer("97");
    switch (request.ask) {
        case CupAsk::sign_in:
            return {.step = DoorStep::give_keys};
        case CupAsk::echo:
            return answer("00");
        case CupAsk::other:
            return answer("40");
        default:
            break;
    }
    if (!is_signed_in(day)) return answer("A8");
    if (request.ask == CupAsk::sign_out) return {.step = DoorStep::perform};
    if (!has_mac(request.ask)) return {.step = DoorStep::check_repeat};
    return request.mac ? Verdict{.step = DoorStep::check_mac} : disbelieved();
}

Verdict ClassicTerminal::believed(const CupRequest& request, const RequestDigest& digest) {
    const Key key = key_of(request);
    if (const auto found = remembered_.find(key); found != remembered_.end()) {
        if (found->second.digest != digest) return answer("94");
        if (found->second.answer.empty()) return {.step = DoorStep::silence};
        return {.step = DoorStep::repeat, .before = found->second.answer};
    }
    if (const std::string code = refusal_of(request); !code.empty()) return answer(code);
    remembered_[key] = {.digest = digest};
    return {.step = DoorStep::perform};
}

// A reversal is never refused here: who paid may always take it back, whatever the policy says
// by now, and also what is left of an older batch. A8 makes a terminal sign in again, and so learn
// the number of its batch.
std::string ClassicTerminal::refusal_of(const CupRequest& request) const {
    if (request.ask == CupAsk::reversal) return {};
    if (kind_of(request.ask) != Kind::payment) {
        return request.batch != 0 && request.batch <= batch_ ? std::string() : "A8";
    }
    if (request.batch != batch_ || request.batch <= settled_) return "A8";
    // Its reversal came first: nothing may be paid under that trace any more.
    if (remembered_.contains({Kind::reversal, request.batch, request.trace})) return "B3";
    if (remembered_.size() >= remembered_max) return "96";
    const bool allowed = (request.ask == CupAsk::purchase && policy_.purchase) ||
                         (request.ask == CupAsk::void_sale && policy_.void_sale) ||
                         (request.ask == CupAsk::refund && policy_.refund);
    if (!allowed) return "57";
    return request.amount_minor > policy_.amount_max_minor ? "61" : std::string();
}

void ClassicTerminal::signed_in(std::uint32_t batch, std::uint32_t day) {
    CHECK(batch >= 1 && batch >= batch_ && batch <= trace_max && day != 0);
    if (batch != batch_) {
        // What is still being done is not forgotten: its answer has yet to come.
        std::erase_if(remembered_, [](const auto& entry) { return !entry.second.answer.empty(); });
    }
    batch_ = batch;
    day_ = day;
}

bool ClassicTerminal::is_doing(const CupRequest& request, const RequestDigest& digest) const {
    const auto found = remembered_.find(key_of(request));
    return found != remembered_.end() && found->second.answer.empty() &&
           found->second.digest == digest;
}

bool ClassicTerminal::is_paying(std::uint32_t batch, std::uint32_t trace) const {
    const auto found = remembered_.find({Kind::payment, batch, trace});
    return found != remembered_.end() && found->second.answer.empty();
}

void ClassicTerminal::settled(std::uint32_t batch) {
    settled_ = std::max(settled_, batch);
}

void ClassicTerminal::answered(const CupRequest& request, Buffer packed_answer) {
    if (request.ask == CupAsk::sign_out) return;
    const auto found = remembered_.find(key_of(request));
    CHECK(found != remembered_.end() && found->second.answer.empty() && !packed_answer.empty());
    found->second.answer = std::move(packed_answer);
}

void ClassicTerminal::given_up(const CupRequest& request) {
    const auto found = remembered_.find(key_of(request));
    CHECK(found != remembered_.end() && found->second.answer.empty());
    remembered_.erase(found);
}

ClassicTerminal::Kind ClassicTerminal::kind_of(CupAsk ask) {
    switch (ask) {
        case CupAsk::reversal:
            return Kind::reversal;
        case CupAsk::settle:
            return Kind::settle;
        case CupAsk::upload:
            return Kind::upload;
        case CupAsk::upload_end:
            return Kind::upload_end;
        default:
            return Kind::payment;
    }
}

ClassicTerminal::Key ClassicTerminal::key_of(const CupRequest& request) {
    return {kind_of(request.ask), request.batch, request.trace};
}

}  // namespace softpos::channel
