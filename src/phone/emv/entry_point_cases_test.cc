// The entry point against the published, EMVCo-numbered cases: every command, every message and
// every outcome of each run, with a toy kernel behind.
#include "base/hex.h"
#include "phone/emv/entry_point.h"
#include "phone/emv/toy_kernel.h"
#include "testing/vectors.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace softpos::emv {
namespace {

namespace json = boost::json;
using testing::ToyKernel;

std::string text_of_json(const json::value& value) {
    return std::string(value.as_string());
}

std::int64_t to_number(std::string_view text, unsigned base) {
    std::int64_t number = 0;
    for (const char c : text) {
        const auto digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
        number = number * static_cast<std::int64_t>(base) + digit;
    }
    return number;
}

std::uint8_t type_code(std::string_view name) {
    if (name == "cash advance") return 0x01;
    if (name == "purchase with cashback") return 0x09;
    return name == "refund" ? 0x20 : 0x00;
}

std::optional<std::int64_t> minor(const json::object& set, const char* name) {
    const auto* value = set.if_contains(name);
    return value == nullptr ? std::nullopt : std::optional(value->to_number<std::int64_t>());
}

std::optional<bool> flag(const json::object& set, const char* name) {
    const auto* value = set.if_contains(name);
    return value == nullptr ? std::nullopt : std::optional(value->as_bool());
}

void add_set(std::vector<Combination>& rows, const json::object& set) {
    Combination row;
    for (const auto& type : set.at("transaction_types").as_array())
        row.types |= type_bit(type_code(type.as_string()));
    row.status_check = flag(set, "status_check");
    row.zero_amount_allowed = flag(set, "zero_amount_allowed");
    row.extended_selection = flag(set, "extended_selection").value_or(false);
    row.transaction_limit_minor = minor(set, "reader_cl_txn_limit");
    row.floor_limit_minor = minor(set, "reader_cl_floor_limit");
    row.cvm_limit_minor = minor(set, "reader_cvm_limit");
    row.terminal_floor_limit_minor = minor(set, "terminal_floor_limit_9F1B");
    if (const auto* ttq = set.if_contains("ttq")) {
        row.ttq.emplace();
        std::ranges::copy(softpos::testing::unhex(text_of_json(*ttq)), row.ttq->begin());
    }
    for (const auto& pair : set.at("combinations").as_array()) {
        ASSERT_TRUE(row.aid.assign(softpos::testing::unhex(text_of_json(pair.at(0)))));
        row.kernel = static_cast<KernelId>(to_number(text_of_json(pair.at(1)), 16));
        rows.push_back(row);
    }
}

struct Config {
    ParameterSet parameters;
    std::vector<KernelDescriptor> kernels;
    std::uint8_t autorun_type = 0;
    std::int64_t autorun_amount = 0;
};

Config load(const json::object& setting) {
    Config config;
    // Where one entry of a card fits several combinations, the source takes what stands last in
    // this list; we take what stands first in ours.
    std::vector<Combination> rows;
    for (const auto& set : setting.at("sets").as_array()) add_set(rows, set.as_object());
    for (auto row = rows.rbegin(); row != rows.rend(); ++row)
        EXPECT_TRUE(config.parameters.add(*row));
    for (const auto& value : setting.at("terminal_data").as_array()) {
        const codec::Tag tag{static_cast<std::uint32_t>(to_number(text_of_json(value.at(0)), 16))};
        const auto bytes = softpos::testing::unhex(text_of_json(value.at(1)));
        EXPECT_TRUE(config.parameters.add(tag, bytes));
    }
    // The source's terminal has these two built in; its commands show them.
    EXPECT_TRUE(config.parameters.add(codec::Tag{0x9F09}, softpos::testing::unhex("0203")));
    EXPECT_TRUE(config.parameters.add(codec::Tag{0x9F1E}, bytes_of("0000FE16")));
    std::set<KernelId> ids;
    for (const auto& row : config.parameters.combinations()) ids.insert(row.kernel);
    for (const auto id : ids) config.kernels.push_back({id, "toy", &ToyKernel::step});
    if (const auto* run = setting.if_contains("autorun")) {
        config.autorun_amount = to_number(text_of_json(run->at("amount")), 10);
        config.autorun_type =
            static_cast<std::uint8_t>(to_number(text_of_json(run->at("type")), 16));
    }
    return config;
}

std::string show(const UiRequest& ui, bool with_language) {
    std::string line = "ui " + std::to_string(static_cast<int>(ui.message)) + "/" +
                       std::to_string(static_cast<int>(ui.status)) + " hold " +
                       std::to_string(ui.hold_100ms);
    if (with_language && ui.language[0] != 0) line += " lang " + std::string(ui.language.data(), 2);
    if (with_language && ui.value_qualifier != 0)
        line += " value " + std::to_string(ui.value_qualifier) + " " +
                std::to_string(ui.value_minor) + " " + std::to_string(ui.currency);
    return line;
}

// A message of the case, in the form of our own.
UiRequest ui_of(const json::object& object) {
    static const std::map<std::string, Status> names = {
        {"Not Ready", Status::not_ready},
        {"Idle", Status::idle},
        {"Ready to Read", Status::ready_to_read},
        {"Processing", Status::processing},
        {"Card Read Successfully", Status::card_read_successfully},
        {"Processing Error", Status::processing_error}};
    UiRequest ui;
    ui.message = Message{static_cast<std::uint8_t>(to_number(text_of_json(object.at("msg")), 16))};
    ui.status = names.at(text_of_json(object.at("status")));
    if (const auto* hold = object.if_contains("hold"))
        ui.hold_100ms = hold->to_number<std::uint16_t>();
    if (const auto* language = object.if_contains("lang")) {
        ui.language = {language->as_string()[0], language->as_string()[1]};
    }
    if (const auto* qualifier = object.if_contains("value_qualifier")) {
        ui.value_qualifier = text_of_json(*qualifier) == "Amount" ? 1 : 2;
        ui.value_minor = to_number(text_of_json(object.at("value")), 10);
        ui.currency =
            static_cast<std::uint16_t>(to_number(text_of_json(object.at("currency")), 16));
    }
    return ui;
}

template <typename T, std::size_t size>
T pick(const std::array<std::string_view, size>& names, std::string_view name) {
    const auto at = std::ranges::find(names, name);
    EXPECT_NE(at, names.end()) << name;
    return static_cast<T>(at - names.begin());
}

std::string show(const Outcome& outcome, Bytes record) {
    std::string line = "outcome " + std::string(name_of(outcome.kind)) + " start " +
                       std::to_string(static_cast<int>(outcome.start)) + " online " +
                       std::to_string(static_cast<int>(outcome.online_response)) + " cvm " +
                       std::string(name_of(outcome.cvm)) + " removal " +
                       std::to_string(outcome.removal_timeout_100ms) + " off " +
                       std::to_string(outcome.field_off_100ms) +
                       (outcome.receipt ? " receipt" : "") + " record " + to_hex(record);
    if (outcome.ui_on_outcome) line += " out " + show(*outcome.ui_on_outcome, false);
    if (outcome.ui_on_restart) line += " again " + show(*outcome.ui_on_restart, false);
    return line;
}

std::string show_expected(const json::object& object) {
    static constexpr std::array<std::string_view, 8> kinds = {"N/A",
                                                              "Select Next",
                                                              "Try Again",
                                                              "Approved",
                                                              "Declined",
                                                              "Online Request",
                                                              "Try Another Interface",
                                                              "End Application"};
    static constexpr std::array<std::string_view, 5> points = {"N/A", "A", "B", "C", "D"};
    static constexpr std::array<std::string_view, 3> answers = {"N/A", "EMV Data", "Any"};
    static constexpr std::array<std::string_view, 5> methods = {
        "N/A", "Online PIN", "Confirmation Code Verified", "Obtain Signature", "No CVM"};
    Outcome outcome;
    outcome.kind = pick<OutcomeKind>(kinds, object.at("outcome").as_string());
    outcome.start = pick<StartPoint>(points, object.at("start").as_string());
    outcome.online_response =
        pick<OnlineResponse>(answers, object.at("online_response").as_string());
    outcome.cvm = pick<Cvm>(methods, object.at("cvm").as_string());
    if (const auto* value = object.if_contains("receipt")) outcome.receipt = value->as_bool();
    if (const auto* value = object.if_contains("removal_timeout"))
        outcome.removal_timeout_100ms = value->to_number<std::uint16_t>();
    if (const auto* value = object.if_contains("field_off_hold"))
        outcome.field_off_100ms = value->to_number<std::uint16_t>();
    if (const auto* value = object.if_contains("ui_on_outcome"))
        outcome.ui_on_outcome = ui_of(value->as_object());
    if (const auto* value = object.if_contains("ui_on_restart"))
        outcome.ui_on_restart = ui_of(value->as_object());
    Buffer record;
    if (const auto* value = object.if_contains("data_record"))
        record = softpos::testing::unhex(text_of_json(*value));
    return show(outcome, record);
}

bool same_command(std::string_view expected, std::string_view actual) {
    if (expected.size() != actual.size()) return false;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        if (expected[i] != '?' && expected[i] != actual[i]) return false;
    }
    return true;
}

// Plays one run: what the case says on the card's side goes in, what the machine does is compared.
class Player {
public:
    Player(Config& config, const json::array& requested, const json::array& events)
        : config_(config),
          requested_(requested),
          events_(events),
          entry_(config.parameters, config.kernels) {
        unpredictable_number_ = 0x01020304;
    }

    void play() {
        for (at_ = 0; at_ < events_.size() && !::testing::Test::HasFailure(); ++at_) take();
        EXPECT_TRUE(pending_.empty()) << "also did: " << pending_.front();
    }

private:
    void take() {
        const auto& event = events_[at_].as_array();
        const std::string kind = text_of_json(event[0]);
        if (kind == "start") {
            start(text_of_json(event[1]));
        } else if (kind == "ui") {
            take_ui(event[1].as_object());
        } else if (kind == "card") {
            ASSERT_EQ(step_.kind, StepKind::poll);
            feed(Event::plain(EventKind::card_present));
        } else if (kind == "apdu") {
            take_apdu(event);
        } else if (kind == "outcome") {
            expect(show_expected(event[1].as_object()));
            outcome_ = step_.outcome;
        } else if (kind == "restart") {
            take_restart(text_of_json(event[1]));
        }
    }

    void start(const std::string& point) {
        TransactionData data;
        data.currency_exponent = 0;  // The cases name no currency and count in whole units.
        data.amount_minor = config_.autorun_amount;
        data.type = config_.autorun_type;
        if (point == "A") {
            const auto& wanted = requested_.at(next_request_).as_object();
            next_request_ = std::min(next_request_ + 1, requested_.size() - 1);
            data.amount_minor = wanted.at("amount").to_number<std::int64_t>();
            data.other_minor = wanted.at("other").to_number<std::int64_t>();
            data.type = type_code(wanted.at("type").as_string());
        }
        for (std::size_t i = 0; i < 4; ++i)
            data.unpredictable_number[i] =
                static_cast<std::uint8_t>(unpredictable_number_ >> 8 * i);
        ++unpredictable_number_;
        started_ = true;
        feed(Event::start(data, point == "A" ? StartPoint::a : StartPoint::b));
    }

    // Idle messages before a start are the shell's. Where no combination takes the amount, the
    // source asks for a card and refuses in the same breath; we only refuse.
    void take_ui(const json::object& object) {
        const auto message = text_of_json(object.at("msg"));
        if (message == "14" || !started_) return;
        if (message == "15" && at_ + 1 < events_.size()) {
            const auto& next = events_[at_ + 1].as_array();
            if (next[0] == "ui" && next[1].at("msg") == "18") return;
        }
        if (message == "17" && pending_.empty()) feed(Event::plain(EventKind::removal_due));
        expect(show(ui_of(object), true));
    }

    void take_apdu(const json::array& event) {
        ASSERT_EQ(step_.kind, StepKind::send);
        ASSERT_FALSE(pending_.empty());
        const std::string wanted = text_of_json(event[1]);
        const std::string did = pending_.front();
        pending_.pop_front();
        ASSERT_TRUE(same_command("send " + wanted, did)) << wanted << "\n" << did;
        if (event.size() > 3) {
            feed(Event::rf(RfError::timeout));
        } else {
            const auto answer = softpos::testing::unhex(text_of_json(event[2]));
            feed(Event::rapdu(answer));
        }
    }

    void take_restart(const std::string& point) {
        const auto record = entry_.card().record;
        const bool answered = outcome_.online_response != OnlineResponse::none;
        feed(Event::restart(StartPoint{static_cast<std::uint8_t>(point[0] - 'A' + 1)},
                            answered ? record.bytes() : Bytes{}));
    }

    void feed(const Event& event) {
        step_ = entry_.handle(event);
        if (step_.ui) pending_.push_back(show(*step_.ui, true));
        if (step_.kind == StepKind::send) pending_.push_back("send " + to_hex(step_.command));
        if (step_.kind == StepKind::done)
            pending_.push_back(show(step_.outcome, entry_.card().record.bytes()));
    }

    void expect(const std::string& wanted) {
        ASSERT_FALSE(pending_.empty()) << "expected: " << wanted;
        EXPECT_EQ(pending_.front(), wanted);
        pending_.pop_front();
    }

    Config& config_;
    const json::array& requested_;
    const json::array& events_;
    EntryPoint entry_;
    Step step_;
    Outcome outcome_;
    std::deque<std::string> pending_;
    std::size_t at_ = 0;
    std::size_t next_request_ = 0;
    std::uint32_t unpredictable_number_ = 0;
    bool started_ = false;
};

struct Counts {
    unsigned ids = 0, cases = 0, runs = 0;
};

// One case is driven by its test program and lists no request: it buys for 2.
const json::array& requested_of(const json::object& one) {
    static const auto fallback = json::parse(R"([{"type":"purchase","amount":2,"other":0}])");
    const auto* requested = one.if_contains("requested");
    return requested == nullptr ? fallback.as_array() : requested->as_array();
}

void play_line(std::string_view line, const json::object& settings, Counts& counts) {
    const auto test = json::parse(line);
    ++counts.ids;
    std::size_t index = 0;
    for (const auto& one : test.at("cases").as_array()) {
        ++counts.cases;
        for (const auto& run : one.at("runs").as_array()) {
            ++counts.runs;
            SCOPED_TRACE(text_of_json(test.at("id")) + " case " + std::to_string(index));
            auto config = load(settings.at(run.at("config").as_string()).as_object());
            Player player(config, requested_of(one.as_object()), run.at("events").as_array());
            player.play();
            if (::testing::Test::HasFailure()) return;
        }
        ++index;
    }
}

TEST(EntryPointCases, EveryPublishedCasePasses) {
    const auto cases = softpos::testing::read_shared("emv/entrypoint/cases.jsonl");
    const auto settings = softpos::testing::read_shared("emv/entrypoint/term_settings.json");
    if (!cases || !settings) GTEST_SKIP() << "no shared cases here";
    const auto setting_values = json::parse(*settings);
    Counts counts;
    std::string_view rest = *cases;
    while (!rest.empty() && !HasFailure()) {
        const auto end = std::min(rest.find('\n'), rest.size());
        if (end > 0) play_line(rest.substr(0, end), setting_values.as_object(), counts);
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    RecordProperty("ids", static_cast<int>(counts.ids));
    EXPECT_EQ(counts.ids, 117u);
    EXPECT_GE(counts.cases, 233u);
    EXPECT_GE(counts.runs, counts.cases);
}

}  // namespace
}  // namespace softpos::emv
