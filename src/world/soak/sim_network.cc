// Wires lose, delay, double and turn bits; what stands behind them is the simulator's own network.
#include "world/soak/sim_network.h"

#include "codec/cup_frame.h"
#include "host/data_files.h"

#include <utility>

namespace softpos::soak {
namespace {

constexpr std::uint64_t us_min = 300, us_max = 20'000, late_us_max = 90'000'000;

}  // namespace

// One line: what was on its way when it went down never arrives.
class SimNetwork::Wire final : public net::Link {
public:
    Wire(SimNetwork& network, std::string name, OnFrame on_frame, OnState on_state)
        : network_(network),
          name_(std::move(name)),
          on_frame_(std::move(on_frame)),
          on_state_(std::move(on_state)),
          life_(network.scheduler_) {
        network_.wires_.insert(this);
        connect();
    }
    ~Wire() override { network_.wires_.erase(this); }
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;

    Result<void> send(Buffer frame) override {
        if (!way_) return fail(ErrorKind::unavailable, "soak: the line is down");
        network_.travel(*way_, "to the network",
                        [this, frame = std::move(frame)] { arrive(turned(frame)); });
        return {};
    }
    void reconnect() override { cut(0); }

    void cut(std::int64_t ms) {
        if (!way_) return;
        way_.reset();
        network_.scheduler_.note("line " + name_ + " down");
        on_state_(net::LinkState::disconnected);
        down_ms_ = ms;
        connect();
    }

private:
    SimNetwork& network_;
    const std::string name_;
    const OnFrame on_frame_;
    const OnState on_state_;
    std::int64_t down_ms_ = 0;
    Life life_;                  // Of the line.
    std::unique_ptr<Life> way_;  // Of what is on its way; none: down.

    void connect() {
        Scheduler& scheduler = network_.scheduler_;
        const auto us = down_ms_ * 1000 + static_cast<std::int64_t>(scheduler.below(50'000));
        life_.after_us(us, [this] {
            if (way_) return;
            way_ = std::make_unique<Life>(network_.scheduler_);
            network_.scheduler_.note("line " + name_ + " up");
            on_state_(net::LinkState::connected);
        });
    }
    Buffer turned(Buffer frame) const {
        constexpr std::uint64_t per_mille = 8;
        Scheduler& scheduler = network_.scheduler_;
        if (!network_.faults_.corruption || !scheduler.chance(per_mille)) return frame;
        const std::uint64_t bit = scheduler.below(frame.size() * 8);
        frame[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        scheduler.note("bit " + std::to_string(bit) + " turned");
        return frame;
    }
    // A host that is sent what is no frame hangs up; what is no message it does not answer.
    void arrive(const Buffer& frame) {
        const auto parsed = codec::parse_frame(frame);
        if (!parsed) return cut(0);
        auto answer = network_.host_->handle(parsed->message, network_.scheduler_.now());
        network_.scheduler_.note(network_.name_of(parsed->message) + " is answered " +
                                 (answer ? network_.name_of(*answer) : "with silence"));
        if (!answer) return;
        Buffer framed = codec::build_frame({.tpdu = codec::answer_tpdu(parsed->tpdu),
                                            .header = parsed->header,
                                            .message = *std::move(answer)});
        network_.travel(*way_, "from the network",
                        [this, framed = std::move(framed)] { on_frame_(turned(framed)); });
    }
};

Result<std::unique_ptr<SimNetwork>> SimNetwork::make(Scheduler& scheduler, const Faults& faults) {
    std::unique_ptr<SimNetwork> network(new SimNetwork(scheduler, faults));
    network->dialect_ =
        TRY(codec::Dialect::parse(TRY(host::read_data("dialects/cup-pos.dialect"))));
    TRY_VOID(sim::load_issuers(host::data_path("cards"), network->issuer_));
    sim::NetworkHost::Config config;
    config.sandbox_codes = false;
    config.business_date = china_time(scheduler.now()).yyyymmdd();
    network->host_ = std::make_unique<sim::NetworkHost>(*network->dialect_, config,
                                                        network->issuer_, scheduler.random());
    network->wallets_ = TRY(sim::WalletHost::make(scheduler, scheduler.random()));
    return network;
}

Result<std::unique_ptr<net::Link>> SimNetwork::open(const net::FrameLinkConfig& config,
                                                    net::Link::OnFrame on_frame,
                                                    net::Link::OnState on_state) {
    return std::make_unique<Wire>(*this, std::to_string(config.port), std::move(on_frame),
                                  std::move(on_state));
}

void SimNetwork::travel(Life& life, const std::string& what, const std::function<void()>& arrive) {
    constexpr std::uint64_t lost_per_mille = 15, late_per_mille = 20, doubled_per_mille = 15;
    if (faults_.loss && scheduler_.chance(lost_per_mille)) {
        return scheduler_.note("lost " + what);
    }
    const bool doubled = faults_.doubling && scheduler_.chance(doubled_per_mille);
    for (int i = 0; i < (doubled ? 2 : 1); ++i) {
        const bool late = faults_.delay && scheduler_.chance(late_per_mille);
        if (late) scheduler_.note("late " + what);
        const auto us = us_min + scheduler_.below(late ? late_us_max : us_max);
        life.after_us(static_cast<std::int64_t>(us), arrive);
    }
}

// "0400 00000002 000017", and the code of an answer.
std::string SimNetwork::name_of(Bytes packed) const {
    codec::IsoMessage message(*dialect_);
    if (!codec::unpack(packed, message)) return "what is no message";
    std::string name(message.mti());
    for (const unsigned field : {41U, 11U, 39U}) {
        if (const auto text = message.text(field)) name.append(" ").append(*text);
    }
    return name;
}

// The wire of a wallet is a call: no time passes, but either way may be lost.
Result<net::HttpResponse> SimNetwork::ask_wallet(const net::HttpCall& call) {
    constexpr std::uint64_t lost_per_mille = 20;
    const auto lost = [&] { return faults_.loss && scheduler_.chance(lost_per_mille); };
    if (lost()) {
        scheduler_.note("lost to a wallet");
        return fail(ErrorKind::unavailable, "soak: no answer");
    }
    net::HttpRequest request{.method = call.method, .target = call.target, .body = call.body};
    for (const auto& header : call.headers) request.headers.push_back(header);
    net::HttpResponse response = wallets_->handle(request);
    if (!lost()) return response;
    scheduler_.note("lost from a wallet");
    return fail(ErrorKind::unavailable, "soak: no answer");
}

void SimNetwork::cut(std::int64_t ms) {
    const std::set<Wire*> wires = wires_;
    for (Wire* const wire : wires) wire->cut(ms);
}

}  // namespace softpos::soak
