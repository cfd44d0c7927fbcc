// One message in, one out.
#include "platform/server/spa_calls.h"

#include "base/log.h"
#include "platform/server/answers.h"

#include <functional>
#include <string>
#include <utility>

namespace softpos::server {
namespace {

constexpr std::string_view cbor_type = "application/cbor";

net::HttpResponse cbor_answer(const protocol::SpaAnswer& answer, unsigned status = 200) {
    const Buffer bytes = protocol::encode(answer);
    return {.status = status,
            .content_type = std::string(cbor_type),
            .body = std::string(text_of(bytes))};
}

net::HttpResponse refuse_spa(std::string reference, unsigned status) {
    return cbor_answer(
        protocol::SpaRefused{.reference = std::move(reference), .try_again = false, .commands = {}},
        status);
}

}  // namespace

void SpaCalls::handle(net::HttpRequest request, net::Responder respond) {
    if (request.method != "POST") return respond(refuse(Refusal::bad_method));
    if (request.find_header("content-type") != cbor_type) return respond(refuse_spa("type", 415));
    const bool queued = parts_.workers.post(
        [this, request = std::move(request), respond] { answer(request, respond); });
    if (!queued) {
        respond(cbor_answer(
            protocol::SpaRefused{.reference = "busy", .try_again = true, .commands = {}}, 503));
    }
}

void SpaCalls::answer(const net::HttpRequest& request, const net::Responder& respond) {
    auto message = protocol::decode_spa_request(bytes_of(request.body));
    if (!message) {
        const bool long_one = message.error().kind == ErrorKind::denied;
        return respond(refuse_spa("message", long_one ? 413 : 400));
    }
    auto* const permit = std::get_if<protocol::PermitAsk>(&*message);
    auto* const report = std::get_if<protocol::ReportSent>(&*message);
    if (permit == nullptr && report == nullptr) return enrol(*message, request, respond);
    auto terminal = parts_.terminals.terminal_of(request);
    if (!terminal) return respond(refuse_spa("certificate", 401));
    Caller caller{.terminal = *std::move(terminal), .peer_address = request.peer_address};
    const auto reply = [respond](const protocol::SpaAnswer& answer) {
        respond(cbor_answer(answer));
    };
    if (permit != nullptr) return parts_.permits.ask(std::move(*permit), std::move(caller), reply);
    parts_.permits.report(std::move(*report), std::move(caller), reply);
}

// Whoever guesses codes is slowed down; whoever has good ones is not.
void SpaCalls::enrol(const protocol::SpaRequest& message, const net::HttpRequest& request,
                     const net::Responder& respond) {
    const std::uint64_t source = std::hash<std::string>()(request.peer_address);
    {
        const std::lock_guard lock(mutex_);
        if (attempts_.blocked(source, parts_.clock.ticks())) {
            return respond(refuse_spa("attempts", 429));
        }
    }
    const auto* const begin = std::get_if<protocol::EnrolBegin>(&message);
    const auto* const evidence = std::get_if<protocol::EnrolEvidence>(&message);
    const Enrolment::Answer answer = begin != nullptr
                                         ? parts_.enrolment.begin(*begin)
                                         : parts_.enrolment.finish(*evidence, request.peer_address);
    if (answer.wrong_code) {
        const std::lock_guard lock(mutex_);
        attempts_.allow(source, parts_.clock.ticks());
    }
    respond(cbor_answer(answer.answer));
}

}  // namespace softpos::server
