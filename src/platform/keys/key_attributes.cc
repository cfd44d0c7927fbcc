// Codes, and which state follows which. What a key may look like is in the table of authorise.cc.
#include "platform/keys/key_attributes.h"

#include "base/check.h"

namespace softpos::keys {

std::string_view tr31_usage(KeyUsage usage) {
    switch (usage) {
        case KeyUsage::base_derivation:
        case KeyUsage::pin_base_derivation:
        case KeyUsage::terminal_base_derivation:
            return "B0";
        case KeyUsage::zone_master:
        case KeyUsage::terminal_master:
        case KeyUsage::classic_master:
            return "K0";
        case KeyUsage::pin:
        case KeyUsage::classic_pin:
            return "P0";
        case KeyUsage::mac:
            return "10";
        case KeyUsage::data:
            return "D0";
        case KeyUsage::signing:
            return "S0";
        case KeyUsage::terminal_serial:
            return "11";
        case KeyUsage::block_protection:
            return "K1";
        case KeyUsage::mac_cbc:
            return "M1";
        case KeyUsage::mac_retail:
            return "M3";
        case KeyUsage::mac_cmac:
            return "M6";
        case KeyUsage::mac_hmac:
            return "M7";
        case KeyUsage::card_cryptogram:
            return "E0";
    }
    CHECK(false);
    return {};
}

char tr31_algorithm(KeyAlgorithm algorithm) {
    switch (algorithm) {
        case KeyAlgorithm::aes:
            return 'A';
        case KeyAlgorithm::tdes:
            return 'T';
        case KeyAlgorithm::des:
            return 'D';
        case KeyAlgorithm::sm4:
            return '4';
        case KeyAlgorithm::p256:
            return 'E';
        case KeyAlgorithm::hmac:
            return 'H';
    }
    CHECK(false);
    return 0;
}

bool may_follow(KeyState before, KeyState after) {
    using enum KeyState;
    switch (before) {
        case pre_active:
            return after == active || after == deactivated || after == compromised ||
                   after == destroyed;
        case active:
            return after == suspended || after == deactivated || after == compromised;
        case suspended:
            return after == active || after == deactivated || after == compromised;
        case deactivated:
            return after == compromised || after == destroyed;
        case compromised:
            return after == destroyed;
        case destroyed:
            return false;
    }
    return false;
}

}  // namespace softpos::keys
