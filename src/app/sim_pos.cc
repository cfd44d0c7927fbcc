// What is to be done stands on the command line, step by step; what the terminal remembers stands
// in a file.
#include "app/sim_pos.h"

#include "base/hex.h"
#include "base/table_text.h"
#include "host/data_files.h"
#include "host/durable_file.h"
#include "world/sim/classic_pos.h"
#include "world/sim/pos_line.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace softpos::app {
namespace {

using sim::ClassicPos;
using sim::PosAnswer;
using sim::PosSlip;

constexpr std::size_t state_bytes_max = std::size_t{1024} * 1024;
constexpr std::size_t pem_bytes_max = 64 * 1024;

struct PosCommand {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;
    std::string ca_file, server_name = "localhost";
    std::string terminal, merchant;
    std::string component_1, component_2, master_key, check_value;
    std::string state_file;
    std::uint32_t wait_ms = 60'000;
    std::vector<std::string> steps;
};

int report(const Error& error) {
    std::fprintf(stderr, "softpos-sim pos: %s (%u)\n", error.what.c_str(), error.detail);
    return 1;
}

std::vector<std::string> parts_of(const std::string& step) {
    std::vector<std::string> parts;
    std::size_t begin = 0;
    for (;;) {
        const std::size_t end = step.find(':', begin);
        parts.push_back(step.substr(begin, end - begin));
        if (end == std::string::npos) return parts;
        begin = end + 1;
    }
}

Result<std::int64_t> amount_of(const std::vector<std::string>& parts, std::size_t at) {
    const auto amount = at < parts.size() ? decimal(parts[at], amount_minor_max) : std::nullopt;
    if (amount && *amount > 0) return *amount;
    return fail(ErrorKind::malformed, "a step needs an amount in fen, such as sale:12800");
}

// The newest sale of the batch.
Result<PosSlip> last_sale(const ClassicPos& pos) {
    const auto& slips = pos.memory().slips;
    for (auto slip = slips.rbegin(); slip != slips.rend(); ++slip) {
        if (slip->kind == PosSlip::Kind::purchase) return *slip;
    }
    return fail(ErrorKind::not_found, "there is no sale in this batch");
}

Result<PosAnswer> sell(ClassicPos& pos, const std::vector<std::string>& parts) {
    ClassicPos::Sale sale;
    sale.amount_minor = TRY(amount_of(parts, 1));
    if (parts.size() > 2) sale.card = parts[2];
    const std::string how = parts.size() > 3 ? parts[3] : "chip";
    if (how != "chip" && how != "tap" && how != "stripe") {
        return fail(ErrorKind::malformed, "a card is read by chip, tap or stripe");
    }
    sale.entry = how == "chip"  ? sim::PosEntry::chip
                 : how == "tap" ? sim::PosEntry::tap
                                : sim::PosEntry::stripe;
    if (parts.size() > 4) sale.pin = parts[4];
    return pos.sell(sale);
}

Result<PosAnswer> take_step(ClassicPos& pos, const std::string& step) {
    const auto parts = parts_of(step);
    const std::string& what = parts.front();
    if (what == "sale") return sell(pos, parts);
    if (what == "void") return pos.void_sale(TRY(last_sale(pos)));
    if (what == "refund") {
        if (parts.size() == 2) return pos.refund(TRY(last_sale(pos)), TRY(amount_of(parts, 1)));
        if (parts.size() != 4) {
            return fail(ErrorKind::malformed, "refund:FEN, or refund:FEN:RRN:CARD");
        }
        return pos.refund({.card = parts[3], .reference = parts[2]}, TRY(amount_of(parts, 1)));
    }
    if (what == "repeat") return pos.repeat();
    if (what == "reverse") return pos.reverse();
    if (what == "settle") return pos.settle();
    if (what == "sign-in") return pos.sign_in();
    if (what == "sign-out") return pos.sign_out();
    if (what == "echo") return pos.echo();
    return fail(ErrorKind::malformed, "no such step; --help lists them");
}

void print(const std::string& step, const PosAnswer& answer) {
    const std::string name =
        step.substr(0, step.rfind(':') == step.find(':') ? step.size() : step.find(':'));
    if (!answer.heard) {
        std::printf("%-24s nothing heard\n", name.c_str());
        return;
    }
    std::printf("%-24s %s%s%s", name.c_str(), answer.text.c_str(),
                answer.reference.empty() ? "" : "  rrn ", answer.reference.c_str());
    if (answer.totals) {
        const auto& side = answer.totals->domestic;
        std::printf("  %u debits %lld, %u credits %lld: %s", side.debit_count,
                    static_cast<long long>(side.debit_amount_minor), side.credit_count,
                    static_cast<long long>(side.credit_amount_minor),
                    side.verdict == codec::BatchVerdict::balanced ? "balanced" : "not balanced");
    }
    std::printf("\n");
}

Result<int> run_steps(const PosCommand& wanted) {
    const std::string text = TRY(host::read_data("dialects/cup-pos.dialect"));
    const auto dialect = TRY(codec::Dialect::parse(text));
    sim::PosMemory memory;
    if (!wanted.state_file.empty()) {
        const auto kept = host::read_file(wanted.state_file, state_bytes_max);
        if (kept) memory = TRY(sim::parse_memory(text_of(*kept)));
        if (!kept && kept.error().kind != ErrorKind::not_found) {
            return std::unexpected(kept.error());
        }
    }
    net::FrameLinkConfig line{.host = wanted.host, .port = wanted.port};
    if (!wanted.ca_file.empty()) {
        const Buffer ca = TRY(host::read_file(wanted.ca_file, pem_bytes_max));
        line.tls =
            net::ClientTls{.ca_pem = std::string(text_of(ca)), .server_name = wanted.server_name};
    }
    const SystemClock clock;
    SystemRandom random;
    const SecretBytes loader = TRY(sim::loader_key(wanted.component_1, wanted.component_2));
    ClassicPos pos(
        {.dialect = dialect,
         .cards_folder = host::data_path("cards"),
         .terminal = wanted.terminal,
         .merchant = wanted.merchant,
         .master_key = TRY(sim::loaded_master_key(loader, wanted.master_key, wanted.check_value)),
         .clock = clock,
         .random = random,
         .exchange =
             [&](const Buffer& frame) { return sim::classic_call(line, frame, wanted.wait_ms); }},
        std::move(memory));
    std::vector<std::string> steps = wanted.steps;
    if (steps.empty() || steps.front() != "sign-in") steps.insert(steps.begin(), "sign-in");
    int status = 0;
    for (const std::string& step : steps) {
        const auto answer = take_step(pos, step);
        // Kept before anything is said: a counter or a trace that was used is used.
        if (!wanted.state_file.empty()) {
            TRY_VOID(
                host::write_durably(wanted.state_file, bytes_of(sim::memory_text(pos.memory()))));
        }
        if (!answer) return std::unexpected(answer.error());
        print(step, *answer);
        if (answer->code != "00") status = 3;
    }
    return status;
}

}  // namespace

void add_sim_pos(CLI::App& app, std::function<int()>& run) {
    const auto wanted = std::make_shared<PosCommand>();
    CLI::App* const command = app.add_subcommand(
        "pos",
        "a traditional POS: signs in and takes the steps that are named, such as\n"
        "  sale:12800 sale:6000:pin:stripe:246810 void refund:500:RRN:CARD reverse settle\n"
        "sale:FEN[:CARD[:chip|tap|stripe[:PIN]]]; exit code 3 where one was not approved");
    command->add_option("--host", wanted->host)->capture_default_str();
    command->add_option("--port", wanted->port, "the server's classic port")->required();
    command->add_option("--ca", wanted->ca_file, "file: the server's authority; none: no TLS");
    command->add_option("--server-name", wanted->server_name, "name in its certificate")
        ->capture_default_str();
    command->add_option("--terminal", wanted->terminal, "8 characters")->required();
    command->add_option("--merchant", wanted->merchant, "15 characters")->required();
    command->add_option("--component-1", wanted->component_1, "of the loader's key, 32 hex digits")
        ->required();
    command->add_option("--component-2", wanted->component_2, "the second one")->required();
    command
        ->add_option("--master-key", wanted->master_key,
                     "terminal_key.master_key, as the terminal was made with")
        ->required();
    command->add_option("--check-value", wanted->check_value, "terminal_key.check_value")
        ->required();
    command->add_option("--state", wanted->state_file,
                        "file: what the terminal remembers (batch, trace, slips, card counters)");
    command->add_option("--wait-ms", wanted->wait_ms, "for each answer")->capture_default_str();
    command->add_option("steps", wanted->steps, "what to do, in this order");
    command->callback([wanted, &run] {
        run = [wanted] {
            const auto status = run_steps(*wanted);
            return status ? *status : report(status.error());
        };
    });
}

}  // namespace softpos::app
