// A day: trouble while people buy, then calm, then the books.
#include "platform/pay/ledger.h"
#include "world/sim/clearing.h"
#include "world/soak/soak_world.h"

#include <utility>

namespace softpos::soak {
namespace {

constexpr std::int64_t hour_ms = 3'600'000, minute_ms = 60'000;
constexpr std::int64_t selling_ms = 4 * hour_ms;
constexpr std::int64_t calm_ms = 15 * minute_ms;  // Longer than a line is down.
constexpr unsigned days_between_enrolments = 60;  // A certificate lasts 90 days.

}  // namespace

void SoakWorld::plan_trouble() {
    const auto some_time = [this] {
        return static_cast<std::int64_t>(scheduler_.below(static_cast<std::uint64_t>(selling_ms)));
    };
    const std::uint64_t crashes = faults_.crashes ? scheduler_.below(3) : 0;
    for (std::uint64_t i = 0; i < crashes; ++i) {
        scheduler_.after_ms(some_time(), [this] { crash(); });
    }
    const std::uint64_t cuts = faults_.cuts ? scheduler_.below(4) : 0;
    for (std::uint64_t i = 0; i < cuts; ++i) {
        const auto ms = static_cast<std::int64_t>(scheduler_.below(10 * minute_ms));
        scheduler_.after_ms(some_time(), [this, ms] { network_->cut(ms); });
    }
    const std::uint64_t jumps = faults_.clock ? scheduler_.below(3) : 0;
    for (std::uint64_t i = 0; i < jumps; ++i) {
        const auto ms = static_cast<std::int64_t>(scheduler_.below(minute_ms)) - minute_ms / 2;
        scheduler_.after_ms(some_time(), [this, ms] {
            scheduler_.note("the clock jumps by " + std::to_string(ms) + " ms");
            scheduler_.jump_wall_clock(ms);
        });
    }
}

void SoakWorld::sell_for_hours() {
    faults_ = options_.faults;
    plan_trouble();
    for (const auto& phone : phones_) phone->open();
    scheduler_.run_for(selling_ms);
    for (const auto& phone : phones_) phone->close();
    scheduler_.note("calm");
    faults_ = Faults::none();
    scheduler_.run_for(calm_ms);
}

// Everything that was begun ends.
Result<bool> SoakWorld::settle_down() {
    const auto idle = [this] {
        return service_ != nullptr &&
               std::ranges::none_of(phones_, [](const auto& phone) { return phone->busy(); });
    };
    if (!hold(scheduler_.run_until(idle, 3 * hour_ms), "every phone hears what became of it")) {
        return false;
    }
    Result<void> read;
    const auto nothing_open = [&] {
        bool open = true;
        read = store_->read([&](store::Reader& reader) -> Result<void> {
            open = !TRY(reader.open_payments({})).empty() ||
                   !TRY(reader.open_wallet_trades({})).empty();
            return {};
        });
        return !open || !read;
    };
    for (int tries = 0; tries < 300 && !nothing_open(); ++tries) scheduler_.run_for(minute_ms);
    TRY_VOID(read);
    return hold(nothing_open(), "every payment ends");
}

// What phones were told is what the store says.
Result<bool> SoakWorld::check_told() {
    bool good = true;
    TRY_VOID(store_->read([&](store::Reader& reader) -> Result<void> {
        for (const auto& phone : phones_) {
            good = good && hold(phone->contradiction().empty(),
                                "nobody is told two things of " + phone->contradiction());
            for (const auto& [text, told] : phone->told()) {
                const Id128 id = TRY(Id128::parse(text));
                const auto card = TRY(reader.payment(id));
                const auto wallet = card ? std::nullopt : TRY(reader.wallet_trade(id));
                const bool approved = card ? card->state == pay::PaymentState::approved ||
                                                 card->state == pay::PaymentState::voided
                                           : wallet && wallet->state == pay::TradeState::paid;
                const std::string what =
                    told.kind + " " + text + ", told " + (told.approved ? "approved" : "declined");
                good = good && hold(card || wallet, "the store knows " + what);
                good = good && hold(approved == told.approved, "the store agrees on " + what);
                if (told.approved) ++report_.approved;
            }
            phone->forget_told();
        }
        return {};
    }));
    return good;
}

Result<std::int64_t> SoakWorld::booked(const store::CounterpartyDay& day) {
    std::int64_t sum = 0;
    TRY_VOID(store_->read([&](store::Reader& reader) -> Result<void> {
        store::ClearingPage page;
        for (bool more = true; more;) {
            const auto rows = TRY(reader.booked(day, page));
            more = rows.size() == page.rows_max;
            if (!rows.empty()) page.after = rows.back().key;
            for (const auto& row : rows) {
                sum += row.amount_minor;
                ++(day.counterparty.empty() ? report_.payments : report_.wallet_payments);
                if (row.amount_minor > 0) report_.turnover_minor += row.amount_minor;
            }
        }
        return {};
    }));
    return sum;
}

// Issuers, wallets and books have moved by the same amount, and the books add up.
Result<bool> SoakWorld::check_money() {
    const pay::BusinessDate date{network_->host().business_date()};
    const std::int64_t cards = TRY(booked({.date = date}));
    const std::int64_t spent = accounts_minor_ - network_->issuer().total_minor();
    const std::int64_t today = spent - std::exchange(spent_minor_, spent);
    if (!hold(today == cards, "cardholders have paid " + std::to_string(today) +
                                  ", the books say " + std::to_string(cards))) {
        return false;
    }
    std::int64_t wallets = 0;
    for (const auto channel : pay::wallet_channels) {
        wallets += TRY(booked({date, std::string(name_of(channel))}));
    }
    const std::int64_t taken = network_->wallets().taken_minor();
    const std::int64_t more = taken - std::exchange(taken_minor_, taken);
    if (!hold(more == wallets, "payers have paid " + std::to_string(more) + ", the books say " +
                                   std::to_string(wallets))) {
        return false;
    }
    return check_books();
}

Result<bool> SoakWorld::check_books() {
    std::int64_t sum = 0;
    TRY_VOID(store_->read([&](store::Reader& reader) -> Result<void> {
        sum = pay::trial_balance(TRY(reader.balances()));
        return {};
    }));
    return hold(sum == 0, "debits are credits but for " + std::to_string(sum));
}

// Batches, the network's file, the wallets' bills, the merchants' money.
Result<bool> SoakWorld::close_day() {
    const pay::BusinessDate date{network_->host().business_date()};
    const std::string digits = std::to_string(date.yyyymmdd);
    const std::string day = "/v1/days/" + std::string(digits).insert(6, "-").insert(4, "-");
    const Answer settled = acquirer(day + "/settle", "{}");
    if (!hold(settled.status == 200, "batches are reported: " + settled.body)) return false;
    for (std::size_t i = 0; i < settled.json.size("batches"); ++i) {
        const bool same = settled.json.flag("batches." + std::to_string(i) + ".balanced");
        if (!hold(same, "the network has the same totals: " + settled.body)) return false;
    }
    network_->host().cut_over();
    const std::string file = TRY(sim::write_clearing(network_->host(), date.yyyymmdd, fees_));
    if (!file.empty()) {
        const Answer taken = acquirer(day + "/clearing?file=ACOMN", file);
        if (!hold(taken.status == 200, "the file is taken: " + taken.body)) return false;
    }
    std::vector<std::string> names;
    TRY_VOID(store_->read([&](store::Reader& reader) -> Result<void> {
        names = TRY(reader.counterparties(date));
        return {};
    }));
    for (const std::string& name : names) {
        const std::string query = name.empty() ? "" : "?wallet=" + name;
        if (!name.empty()) {
            const std::string bill = TRY(network_->wallets().bill(name, date.yyyymmdd, fees_));
            const Answer taken = acquirer(day + "/bills" + query, bill);
            if (!hold(taken.status == 200, "the bill is taken: " + taken.body)) return false;
        }
        const Answer report = acquirer(day + "/reconcile" + query, "{}");
        const bool good = report.json.flag("proved") && report.json.size("exceptions") == 0;
        if (!hold(good, "the day reconciles to zero: " + report.body)) return false;
    }
    if (names.empty()) return true;
    const Answer paid = acquirer(day + "/payouts", "{}");
    report_.paid_out_minor += paid.json.number("total_minor");
    return hold(paid.status == 200, "merchants are paid: " + paid.body);
}

Result<bool> SoakWorld::live_a_day(unsigned day) {
    const Ticks morning = scheduler_.ticks();
    scheduler_.note("day " + std::to_string(day));
    if (!service_) TRY_VOID(start_service());
    if (day > 0 && day % days_between_enrolments == 0) {
        for (const auto& phone : phones_) {
            const Answer code =
                acquirer("/v1/terminals/" + phone->phone().terminal() + "/activation", "{}");
            TRY_VOID(enrol(*phone, code.json.text("activation_code")));
        }
    }
    sell_for_hours();
    if (options_.stolen_minor > 0) {
        network_->issuer().credit(phones_.front()->phone().card_pan(), options_.stolen_minor);
    }
    const bool good = TRY(settle_down()) && TRY(check_told()) && TRY(check_money()) &&
                      TRY(close_day()) && report_.failure.empty();
    if (!good) return false;
    ++report_.days;
    // Nobody is there at night, and the clock is put right.
    service_.reset();
    store_ = nullptr;
    scheduler_.set_wall_clock_right();
    constexpr std::int64_t day_ms = 24 * hour_ms;
    const std::int64_t passed_ms = (scheduler_.ticks().us - morning.us) / 1000;
    scheduler_.run_for(day_ms - passed_ms % day_ms);
    return true;
}

Result<SoakReport> run_soak(const SoakOptions& options) {
    SoakWorld world(options);
    TRY_VOID(world.set_up());
    for (unsigned day = 0; day < options.days; ++day) {
        if (!TRY(world.live_a_day(day))) break;
        if (options.on_day) options.on_day(day);
    }
    return world.report();
}

}  // namespace softpos::soak
