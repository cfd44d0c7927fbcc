// How a demo tells what happens: titles, numbered steps with what went over the wire and how long
// it took, and details below them.
#pragma once

#include "base/result.h"

#include <functional>
#include <string>
#include <string_view>

namespace softpos::app {

class Story {
public:
    void title(std::string_view text);
    void line(std::string_view text, std::string_view message, const std::string& ms);
    void detail(const std::string& text);

private:
    int step_ = 0;
};

// Where a demo works. Runs `tell` in that folder (empty: a new one below /tmp, removed afterwards
// unless `keep`) and returns the exit code.
struct DemoFolder {
    std::string folder;
    std::string vault_keys = "softhsm";
    bool keep = false;
};
int run_demo(const DemoFolder& where, std::string_view name,
             const std::function<Result<void>(const std::string& folder)>& tell);

}  // namespace softpos::app
