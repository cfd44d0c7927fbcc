// A key out of components: each brought by somebody else, none of whom knows the key.
#pragma once

#include "base/secret.h"
#include "platform/keys/key_attributes.h"
#include "platform/keys/key_vault.h"

#include <string>
#include <vector>

namespace softpos::keys {

// In memory only: who breaks a ceremony off starts it again.
class Ceremony {
public:
    // malformed (components) for a number or a key that is not made so: zone keys and keys that
    // protect key blocks, of two or three components.
    static Result<Ceremony> begin(std::string alias, const KeyAttributes& attributes,
                                  std::size_t components);

    const std::string& alias() const { return alias_; }
    const KeyAttributes& attributes() const { return attributes_; }

    // The component's own check value, for the custodian's paper. `by` is empty where there are no
    // operators; else each brings one.
    Result<KeyCheck> add(Bytes component, std::string_view by);

    // All are there: their sum. denied (components) where two are equal, which would cancel each
    // other, or the sum is a key of TDES whose halves are equal, which is single DES.
    Result<SecretBytes> finish() const;

private:
    Ceremony(std::string alias, const KeyAttributes& attributes, std::size_t components)
        : alias_(std::move(alias)), attributes_(attributes), wanted_(components) {}

    std::string alias_;
    KeyAttributes attributes_;
    std::size_t wanted_;
    std::vector<SecretBytes> components_;
    std::vector<std::string> brought_by_;
};

}  // namespace softpos::keys
