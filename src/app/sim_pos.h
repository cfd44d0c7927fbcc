// softpos sim pos: a traditional POS at the command line.
#pragma once

#include <functional>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name.
class App;
}

namespace softpos::app {

// Adds the command; `run` is set where it was chosen, and gives the exit code.
void add_sim_pos(CLI::App& app, std::function<int()>& run);

}  // namespace softpos::app
