// One run of an entry point case: every command, every message and every outcome is compared, with
// a toy kernel behind that answers as the case's card says.
#include "base/hex.h"
#include "phone/emv/entry_point.h"
#include "phone/emv/ui.h"
#include "world/conformance/entry_point.h"
#include "world/conformance/outcome_names.h"

#include <algorithm>
#include <array>
#include <deque>

namespace softpos::conformance {
namespace {

using emv::Event;
using emv::EventKind;
using emv::Outcome;
using emv::Step;
using emv::StepKind;
using emv::UiRequest;

constexpr std::array<std::string_view, 7> statuses = {"N/A",
                                                      "Not Ready",
                                                      "Idle",
                                                      "Ready to Read",
                                                      "Processing",
                                                      "Card Read Successfully",
                                                      "Processing Error"};
constexpr std::int64_t unasked_amount = 2;
constexpr std::uint32_t first_unpredictable_number = 0x01020304;  // Masked in the cases.

enum class Shown : std::uint8_t { all, without_value };

std::string show(const UiRequest& ui, Shown shown) {
    std::string line = "ui " + std::to_string(static_cast<int>(ui.message)) + "/" +
                       std::to_string(static_cast<int>(ui.status)) + " hold " +
                       std::to_string(ui.hold_100ms);
    if (shown == Shown::without_value) return line;
    if (ui.language[0] != 0) line += " lang " + std::string(ui.language.data(), 2);
    if (ui.value_qualifier != 0)
        line += " value " + std::to_string(ui.value_qualifier) + " " +
                std::to_string(ui.value_minor) + " " + std::to_string(ui.currency);
    return line;
}

std::string show(const Outcome& outcome, Bytes record) {
    std::string line = "outcome " + std::string(emv::name_of(outcome.kind)) + " start " +
                       std::to_string(static_cast<int>(outcome.start)) + " online " +
                       std::to_string(static_cast<int>(outcome.online_response)) + " cvm " +
                       std::string(emv::name_of(outcome.cvm)) + " removal " +
                       std::to_string(outcome.removal_timeout_100ms) + " off " +
                       std::to_string(outcome.field_off_100ms) +
                       (outcome.receipt ? " receipt" : "") + " record " + to_hex(record);
    if (outcome.ui_on_outcome) line += " out " + show(*outcome.ui_on_outcome, Shown::without_value);
    if (outcome.ui_on_restart)
        line += " again " + show(*outcome.ui_on_restart, Shown::without_value);
    return line;
}

std::uint16_t small_number(const Node& node) {
    return static_cast<std::uint16_t>(node.number().value_or(0) & 0xFFFF);
}

// A message of the case, in the form of our own.
UiRequest ui_of(Row& row, const Node& node) {
    UiRequest ui;
    const auto message = number_of(node["msg"].text(), 16);
    const auto status = enumerator<emv::Status>(statuses, node["status"].text());
    if (!message || *message > 0xFF || !status) row.fail("a message that we do not know");
    ui.message = emv::Message{static_cast<std::uint8_t>(message.value_or(0) & 0xFF)};
    ui.status = status.value_or(emv::Status::none);
    ui.hold_100ms = small_number(node["hold"]);
    if (const std::string language = node["lang"].text(); language.size() >= 2)
        ui.language = {language[0], language[1]};
    if (node["value_qualifier"]) {
        ui.value_qualifier = node["value_qualifier"].text() == "Amount" ? 1 : 2;
        ui.value_minor = static_cast<std::int64_t>(number_of(node["value"].text(), 10).value_or(0));
        ui.currency =
            static_cast<std::uint16_t>(number_of(node["currency"].text(), 16).value_or(0) & 0xFFFF);
    }
    return ui;
}

std::string show_expected(Row& row, const Node& node) {
    Outcome outcome;
    const auto kind = enumerator<emv::OutcomeKind>(outcome_kinds, node["outcome"].text());
    const auto start = enumerator<emv::StartPoint>(start_points, node["start"].text());
    const auto online =
        enumerator<emv::OnlineResponse>(online_responses, node["online_response"].text());
    const auto cvm = enumerator<emv::Cvm>(cvm_methods, node["cvm"].text());
    if (!kind || !start || !online || !cvm) row.fail("an outcome that we do not know");
    outcome.kind = kind.value_or(emv::OutcomeKind::none);
    outcome.start = start.value_or(emv::StartPoint::none);
    outcome.online_response = online.value_or(emv::OnlineResponse::none);
    outcome.cvm = cvm.value_or(emv::Cvm::not_applicable);
    outcome.receipt = node["receipt"].flag().value_or(false);
    outcome.removal_timeout_100ms = small_number(node["removal_timeout"]);
    if (node["field_off_hold"]) outcome.field_off_100ms = small_number(node["field_off_hold"]);
    if (const Node ui = node["ui_on_outcome"]) outcome.ui_on_outcome = ui_of(row, ui);
    if (const Node ui = node["ui_on_restart"]) outcome.ui_on_restart = ui_of(row, ui);
    Buffer record;
    if (node["data_record"]) record = row.hex(node, "data_record");
    return show(outcome, record);
}

bool same_under_mask(std::string_view expected, std::string_view actual) {
    return std::ranges::equal(expected, actual,
                              [](char want, char got) { return want == '?' || want == got; });
}

class Player {
public:
    Player(Row& row, const TerminalSetting& setting, const Node& requested, const Node& events)
        : row_(row),
          setting_(setting),
          requested_(requested.items()),
          events_(events.items()),
          entry_(setting.parameters, setting.kernels) {}

    void play() {
        for (at_ = 0; at_ < events_.size() && !row_.failed(); ++at_) take();
        if (!pending_.empty()) fail("also did: " + pending_.front());
        row_.holds("no events", !events_.empty());
    }

private:
    void fail(const std::string& why) { row_.fail("event " + std::to_string(at_) + ": " + why); }

    Node part(std::size_t index) const { return events_[at_][index]; }

    void take() {
        const std::string kind = part(0).text();
        if (kind == "start") {
            start(part(1).text());
        } else if (kind == "ui") {
            take_ui(part(1));
        } else if (kind == "card") {
            take_card(part(1).text());
        } else if (kind == "apdu") {
            take_apdu();
        } else if (kind == "outcome") {
            expect(show_expected(row_, part(1)));
            outcome_ = step_.outcome;
        } else if (kind == "restart") {
            take_restart(part(1).text());
        } else if (kind != "field" && kind != "end") {
            fail("of a kind that we do not know");
        }
    }

    void start(const std::string& point) {
        emv::TransactionData data;
        data.currency_exponent = 0;  // The cases name no currency and count in whole units.
        data.amount_minor = setting_.autorun_amount;
        data.type = setting_.autorun_type;
        if (point == "A") {
            data.amount_minor = unasked_amount;
            data.type = 0;
        }
        if (point == "A" && !requested_.empty()) {
            const Node wanted = requested_[next_request_];
            next_request_ = std::min(next_request_ + 1, requested_.size() - 1);
            data.amount_minor = wanted["amount"].number().value_or(0);
            data.other_minor = wanted["other"].number().value_or(0);
            data.type = transaction_type(wanted["type"].text());
        }
        if (data.amount_minor < 0 || data.other_minor < 0) return fail("a negative amount");
        for (std::size_t i = 0; i < 4; ++i)
            data.unpredictable_number[i] =
                static_cast<std::uint8_t>(unpredictable_number_ >> 8 * i & 0xFF);
        ++unpredictable_number_;
        started_ = true;
        feed(Event::start(data, point == "A" ? emv::StartPoint::a : emv::StartPoint::b));
    }

    // Idle messages before a start are the shell's. Where no combination takes the amount, the
    // source asks for a card and refuses in the same breath; we only refuse.
    void take_ui(const Node& ui) {
        const std::string message = ui["msg"].text();
        if (message == "14" || !started_) return;
        if (message == "15" && at_ + 1 < events_.size()) {
            const Node next = events_[at_ + 1];
            if (next[std::size_t{0}].text() == "ui" && next[1]["msg"].text() == "18") return;
        }
        if (message == "17" && pending_.empty()) feed(Event::plain(EventKind::removal_due));
        expect(show(ui_of(row_, ui), Shown::all));
    }

    void take_card(const std::string& what) {
        if (step_.kind != StepKind::poll) return fail("a card comes and none is looked for");
        if (what == "collision") return feed(Event::plain(EventKind::collision));
        const bool gone = what == "all withdrawn";
        feed(Event::plain(gone ? EventKind::all_withdrawn : EventKind::card_present));
    }

    void take_apdu() {
        if (step_.kind != StepKind::send || pending_.empty())
            return fail("no command is sent, expected " + part(1).text());
        const std::string did = pending_.front();
        pending_.pop_front();
        if (!same_under_mask("send " + part(1).text(), did))
            return fail(did + ", expected " + part(1).text());
        if (part(3)) return feed(Event::rf(emv::RfError::timeout));
        const Buffer answer = row_.hex(part(2).text(), "answer");
        feed(Event::rapdu(answer));
    }

    void take_restart(const std::string& point) {
        const auto record = entry_.card().record;
        const bool answered = outcome_.online_response != emv::OnlineResponse::none;
        const auto start = enumerator<emv::StartPoint>(start_points, point);
        if (!start) return fail("a start point that we do not know");
        feed(Event::restart(*start, answered ? record.bytes() : Bytes{}));
    }

    void feed(const Event& event) {
        step_ = entry_.handle(event);
        if (step_.ui) pending_.push_back(show(*step_.ui, Shown::all));
        if (step_.kind == StepKind::send) pending_.push_back("send " + to_hex(step_.command));
        if (step_.kind == StepKind::done)
            pending_.push_back(show(step_.outcome, entry_.card().record.bytes()));
    }

    void expect(const std::string& wanted) {
        if (pending_.empty()) return fail("nothing is done, expected " + wanted);
        if (pending_.front() != wanted) return fail(pending_.front() + ", expected " + wanted);
        pending_.pop_front();
    }

    Row& row_;
    const TerminalSetting& setting_;
    std::vector<Node> requested_;
    std::vector<Node> events_;
    emv::EntryPoint entry_;
    Step step_;
    Outcome outcome_;
    std::deque<std::string> pending_;  // What was done and not yet compared.
    std::size_t at_ = 0;
    std::size_t next_request_ = 0;
    std::uint32_t unpredictable_number_ = first_unpredictable_number;
    bool started_ = false;
};

}  // namespace

void play_run(Row& row, const TerminalSetting& setting, const Node& requested, const Node& events) {
    Player(row, setting, requested, events).play();
}

}  // namespace softpos::conformance
