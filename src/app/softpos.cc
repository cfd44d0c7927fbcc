// softpos: the command line over all of it.
#include "app/commands.h"
#include "base/log.h"

#include <CLI/CLI.hpp>

int main(int argc, char** argv) {
    using namespace softpos::app;  // NOLINT(google-build-using-namespace): a main() file.
    CLI::App app{
        "OpenSoftPOS: a phone becomes a card terminal, and an acquirer gets the platform behind "
        "it.\n"
        "\n"
        "  softpos demo                         watch one tap become settled money\n"
        "  softpos demo classic                 a traditional POS and a phone in one day\n"
        "  softpos demo rooted                  watch a phone be attacked while it collects\n"
        "  softpos attest explain FILE          what a device's evidence says, and what follows\n"
        "  softpos policy dry-run FILE ...      whom a trust policy would cut off\n"
        "  softpos decode iso8583 HEX           what a message says, card data masked\n"
        "  softpos phone purchase 12800         take 128.00 yuan on the phone service here\n"
        "  softpos card serve --vpcd            a virtual card in the system's PC/SC reader"};
    app.require_subcommand(1);
    app.set_version_flag("--version", "softpos 0.1.0");
    app.footer(
        "Amounts are whole fen (分): 12800 is 128.00 yuan. `softpos COMMAND --help` says "
        "more.");
    softpos::set_log_program("softpos");
    Chosen chosen;
    add_demo(app, chosen);
    add_phone(app, chosen);
    add_card(app, chosen);
    add_serve(app, chosen);
    add_sim(app, chosen);
    add_decode(app, chosen);
    add_attest(app, chosen);
    add_policy(app, chosen);
    add_conformance(app, chosen);
    add_pin_screen(app, chosen);
    CLI11_PARSE(app, argc, argv);
    return chosen();
}
