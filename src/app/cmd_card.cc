// softpos card: virtual cards, held to a reader or asked by hand.
#include "app/commands.h"
#include "app/console.h"
#include "base/hex.h"
#include "host/data_files.h"
#include "world/sim/card_folder.h"
#include "world/sim/socket_carrier.h"
#include "world/sim/vpcd_carrier.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace softpos::app {
namespace {

struct CardOptions {
    std::string folder = host::data_path("cards");
    std::string name = "debit";
    std::string faults, state, socket;
    std::uint16_t vpcd_port = 35963;
    bool vpcd = false;
    bool once = false;
    std::vector<std::string> commands;
};

Result<card::VirtualCard> load(const CardOptions& options) {
    auto card =
        TRY(options.state.empty() ? sim::load_card(options.folder, options.name)
                                  : sim::load_card(options.folder, options.name, options.state));
    if (!options.faults.empty()) card.set_faults(TRY(card::CardFaults::parse(options.faults)));
    return card;
}

int list(const CardOptions& options) {
    const auto names = sim::list_cards(options.folder);
    if (!names) return report(names.error());
    for (const std::string& name : *names) {
        const auto card = sim::load_card(options.folder, name);
        if (!card) return report(card.error());
        const card::CardProfile& profile = card->profile();
        std::printf("%-14s %s  %s  until %s/%s\n", name.c_str(), profile.pan.masked().c_str(),
                    profile.label.c_str(), profile.expiry.substr(2).c_str(),
                    profile.expiry.substr(0, 2).c_str());
    }
    return 0;
}

// Presents the card again and again until the program is ended.
template <typename Carrier>
int present(Carrier& carrier, const CardOptions& options) {
    auto card = load(options);
    if (!card) return report(card.error());
    std::printf("%s is in the field\n", card->profile().pan.masked().c_str());
    std::fflush(stdout);
    const auto presence = options.once ? sim::Presence::one_tap : sim::Presence::until_removed;
    for (bool again = true; again;) {
        const auto end = carrier.present(*card, presence);
        if (!end) return report(end.error());
        again = !options.once && *end != sim::CardEnd::removed;
    }
    return 0;
}

int serve(const CardOptions& options) {
    if (options.vpcd) {
        auto carrier = sim::VpcdCarrier::make({.port = options.vpcd_port});
        return carrier ? present(**carrier, options) : report(carrier.error());
    }
    if (options.socket.empty()) return report("card serve needs --vpcd or --socket PATH");
    auto carrier = sim::SocketCarrier::listen(options.socket);
    return carrier ? present(**carrier, options) : report(carrier.error());
}

int transmit(const CardOptions& options) {
    auto card = load(options);
    if (!card) return report(card.error());
    for (const std::string& text : options.commands) {
        const auto command = from_hex(text);
        if (!command) return report(command.error());
        std::printf("> %s\n< %s\n", to_hex(*command).c_str(),
                    to_hex(card->transmit(*command)).c_str());
    }
    return 0;
}

}  // namespace

void add_card(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<CardOptions>();
    CLI::App* card = app.add_subcommand("card", "virtual UnionPay cards, made by ourselves");
    card->require_subcommand(1);
    card->add_option("--cards", options->folder, "folder of *.card and *.issuer files");

    CLI::App* all = card->add_subcommand("list", "which cards there are");
    all->callback([&chosen, options] { chosen = [options] { return list(*options); }; });

    const auto common = [&](CLI::App& command) {
        command.add_option("--card", options->name, "which card")->capture_default_str();
        command.add_option("--faults", options->faults,
                           "what goes wrong: sw@3=6F00, leave@2*1, wrong-arqc, see-phone, …");
        command.add_option("--state", options->state, "file that keeps the card's counter");
    };
    CLI::App* hold = card->add_subcommand("serve", "hold a card to a reader until stopped");
    common(*hold);
    hold->add_flag("--vpcd", options->vpcd, "the system's virtual PC/SC reader (pcscd with vpcd)");
    hold->add_option("--vpcd-port", options->vpcd_port)->capture_default_str();
    hold->add_option("--socket", options->socket, "a phone service with --reader socket:PATH");
    hold->add_flag("--once", options->once, "for one tap only");
    hold->callback([&chosen, options] { chosen = [options] { return serve(*options); }; });

    CLI::App* ask =
        card->add_subcommand("transmit", "send commands to a card and show its answers");
    common(*ask);
    ask->add_option("command", options->commands, "APDUs in hex")->required();
    ask->callback([&chosen, options] { chosen = [options] { return transmit(*options); }; });
}

}  // namespace softpos::app
