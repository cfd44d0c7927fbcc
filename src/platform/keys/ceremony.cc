// XOR, and what must not come out of it.
#include "platform/keys/ceremony.h"

#include "platform/keys/key_backend.h"
#include "platform/keys/vault_core_parts.h"

#include <algorithm>

namespace softpos::keys {
namespace {

bool is_component_size(KeyAlgorithm algorithm, std::size_t size) {
    switch (algorithm) {
        case KeyAlgorithm::tdes:
        case KeyAlgorithm::sm4:
            return size == 16;
        case KeyAlgorithm::aes:
            return size == 16 || size == 32;
        case KeyAlgorithm::des:
        case KeyAlgorithm::p256:
        case KeyAlgorithm::hmac:
            break;
    }
    return false;
}

}  // namespace

Result<Ceremony> Ceremony::begin(std::string alias, const KeyAttributes& attributes,
                                 std::size_t components) {
    const bool usage =
        attributes.usage == KeyUsage::zone_master || attributes.usage == KeyUsage::block_protection;
    const bool count =
        components >= protocol::key_components_min && components <= protocol::key_components_max;
    if (!usage || !count) return refuse(ErrorKind::malformed, VaultFault::components);
    return Ceremony(std::move(alias), attributes, components);
}

Result<KeyCheck> Ceremony::add(Bytes component, std::string_view by) {
    if (components_.size() >= wanted_) return refuse(ErrorKind::conflict, VaultFault::ceremony);
    const bool size = is_component_size(attributes_.algorithm, component.size()) &&
                      (components_.empty() || components_.front().size() == component.size());
    if (!size) return refuse(ErrorKind::malformed, VaultFault::components);
    if (!by.empty() && std::ranges::find(brought_by_, by) != brought_by_.end()) {
        return refuse(ErrorKind::denied, VaultFault::ceremony);
    }
    const KeyCheck check = TRY(check_value_of(attributes_.algorithm, component));
    components_.push_back(SecretBytes::copy_of(component));
    brought_by_.emplace_back(by);
    return check;
}

Result<SecretBytes> Ceremony::finish() const {
    if (components_.size() != wanted_) return refuse(ErrorKind::conflict, VaultFault::ceremony);
    SecretBytes sum(components_.front().size());
    for (std::size_t i = 0; i < components_.size(); ++i) {
        const Bytes one = components_[i].bytes();
        for (std::size_t before = 0; before < i; ++before) {
            if (equal_constant_time(one, components_[before].bytes())) {
                return refuse(ErrorKind::denied, VaultFault::components);
            }
        }
        for (std::size_t k = 0; k < one.size(); ++k) {
            sum.writable()[k] = static_cast<std::uint8_t>(sum.bytes()[k] ^ one[k]);
        }
    }
    const std::size_t half = sum.size() / 2;
    const bool single = attributes_.algorithm == KeyAlgorithm::tdes &&
                        equal_constant_time(sum.bytes().first(half), sum.bytes().last(half));
    if (single) return refuse(ErrorKind::denied, VaultFault::components);
    return sum;
}

}  // namespace softpos::keys
