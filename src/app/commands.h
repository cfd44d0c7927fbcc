// The subcommands of softpos, one file each. Each adds its options and says what runs.
#pragma once

#include <functional>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace softpos::app {

// Set by the subcommand that was chosen; its return value is the exit code.
using Chosen = std::function<int()>;

void add_serve(CLI::App& app, Chosen& chosen);
void add_phone(CLI::App& app, Chosen& chosen);
void add_card(CLI::App& app, Chosen& chosen);
void add_sim(CLI::App& app, Chosen& chosen);
void add_demo(CLI::App& app, Chosen& chosen);
void add_decode(CLI::App& app, Chosen& chosen);
void add_attest(CLI::App& app, Chosen& chosen);
void add_policy(CLI::App& app, Chosen& chosen);
void add_conformance(CLI::App& app, Chosen& chosen);
void add_pin_screen(CLI::App& app, Chosen& chosen);

}  // namespace softpos::app
