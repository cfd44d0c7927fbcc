// softpos serve, softpos sim: the programs beside this one, under one name to remember.
#include "app/commands.h"
#include "app/console.h"

#include <CLI/CLI.hpp>

#include <string>
#include <unistd.h>
#include <vector>

namespace softpos::app {
namespace {

// Becomes that program; returns only where it cannot be started.
int become(const std::string& program, std::vector<std::string> arguments) {
    const std::string path = program_folder() + "/" + program;
    std::string name = program;
    std::vector<char*> argv{name.data()};
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    ::execv(path.c_str(), argv.data());
    return report("cannot start " + path);
}

void add_program(CLI::App& app, Chosen& chosen, const std::string& name, const std::string& text,
                 const std::string& program) {
    CLI::App* command = app.add_subcommand(name, text);
    command->prefix_command();
    command->set_help_flag();
    command->callback([command, &chosen, program] {
        chosen = [command, program] { return become(program, command->remaining()); };
    });
}

}  // namespace

void add_serve(CLI::App& app, Chosen& chosen) {
    add_program(app, chosen, "serve",
                "run the acquirer's control service (softpos-server); `serve init` makes a new one",
                "softpos-server");
}

void add_sim(CLI::App& app, Chosen& chosen) {
    add_program(
        app, chosen, "sim",
        "run a card network with issuers, for tests (softpos-sim); `sim soak` lives whole days of\n"
        "everything going wrong, `sim pos` is a traditional POS terminal",
        "softpos-sim");
}

}  // namespace softpos::app
