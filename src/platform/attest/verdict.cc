// Names of what a verdict says.
#include "platform/attest/verdict.h"

namespace softpos::attest {

std::string_view name_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::pass:
            return "PASS";
        case Outcome::review:
            return "REVIEW";
        case Outcome::fail:
            break;
    }
    return "FAIL";
}

std::string_view name_of(KeyHome home) {
    switch (home) {
        case KeyHome::software:
            return "software";
        case KeyHome::trusted_environment:
            return "trusted environment";
        case KeyHome::secure_element:
            return "secure element";
        case KeyHome::tpm:
            break;
    }
    return "TPM";
}

}  // namespace softpos::attest
