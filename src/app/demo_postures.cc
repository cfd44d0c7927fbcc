// A phone of the simulated fleet for each finding and who says it: well at first, then so.
#include "app/demo_postures.h"

#include "app/console.h"
#include "app/demo_world.h"
#include "app/json_api.h"
#include "base/random.h"
#include "world/sim/posture_script.h"

#include <cstdio>
#include <string>

namespace softpos::app {
namespace {

using protocol::Finding;
using protocol::FindingCode;
using protocol::TrustClass;

constexpr std::int64_t amount_minor = 5'000;

Result<std::vector<Finding>> wanted(const std::vector<std::string>& names) {
    std::vector<FindingCode> codes;
    for (const std::string& name : names) {
        const auto code = protocol::finding_code_named(name);
        if (!code) return fail(ErrorKind::not_found, "demo: there is no finding of that name");
        codes.push_back(*code);
    }
    for (unsigned i = 1; names.empty() && i <= protocol::finding_codes; ++i) {
        codes.push_back(static_cast<FindingCode>(i));
    }
    std::vector<Finding> findings;
    for (const FindingCode code : codes) {
        for (const auto origin : {TrustClass::core, TrustClass::server, TrustClass::app}) {
            sim::FleetPosture trial;
            if (sim::show(trial, {code, origin, 1})) findings.push_back({code, origin, 1});
        }
    }
    return findings;
}

Result<void> tell(DemoWorld& world, const std::vector<Finding>& findings) {
    SystemRandom random;
    auto fleet = TRY(world.make_fleet(findings.size(), random));
    std::printf("%-20s %-8s %-8s %-10s %5s  %s\n", "finding", "said by", "permit", "state", "score",
                "case");
    unsigned refused = 0;
    for (std::size_t i = 0; i < findings.size(); ++i) {
        sim::FleetPhone& phone = *fleet[i];
        if (!phone.permit(amount_minor)) {
            return fail(ErrorKind::denied, "demo: a phone that is well got no permit");
        }
        if (!sim::show(phone.posture(), findings[i])) {
            return fail(ErrorKind::internal, "demo: no phone stands so");
        }
        const bool permit = phone.permit(amount_minor).has_value();
        refused += permit ? 0U : 1U;
        const auto told =
            TRY(DemoWorld::ask(world.acquirer(), "/v1/terminals/" + phone.terminal(), ""));
        std::printf("%-20s %-8s %-8s %-10s %5lld  %s\n",
                    std::string(name_of(findings[i].code)).c_str(),
                    std::string(name_of(findings[i].origin)).c_str(), permit ? "given" : "refused",
                    told.text("state").c_str(), static_cast<long long>(told.number("score")),
                    told.text("state") == "SUSPENDED" ? "opened" : "-");
    }
    std::printf(
        "\n%s of %zu phones got no permit for a card any more; what the app alone says "
        "opens no case\n",
        coloured(Colour::green, std::to_string(refused)).c_str(), findings.size());
    return {};
}

}  // namespace

int run_demo_postures(const DemoFolder& where, const std::vector<std::string>& names) {
    const auto findings = wanted(names);
    if (!findings) return report(findings.error());
    return run_demo(
        where, "OpenSoftPOS demo postures", [&findings](const std::string& folder) -> Result<void> {
            auto world = TRY(DemoWorld::start(folder, {.cast = DemoWorld::Cast::no_phone}));
            return tell(*world, *findings);
        });
}

}  // namespace softpos::app
