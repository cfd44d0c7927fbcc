// The store keeps, accept_policy() decides.
#include "platform/server/policy_shelf.h"

#include "base/log.h"

namespace softpos::server {

PolicyShelf::Fault PolicyShelf::check(std::string_view text, Bytes signature_der,
                                      std::uint32_t above) const {
    return monitor::accept_policy({.json = text,
                                   .signature_der = signature_der,
                                   .signer_point = parts_.signer_point,
                                   .platform = parts_.environment,
                                   .version_in_force = above});
}

Result<void> PolicyShelf::load() {
    std::optional<store::PolicyRow> row;
    TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
        row = TRY(reader.policy_in_force());
        return {};
    }));
    if (!row) return fail(ErrorKind::not_found, "policy: none in force");
    auto policy = check(row->text, row->signature, 0);
    if (!policy) {
        log(LogLevel::error, "policy: not loaded",
            {{"version", std::int64_t{row->version}},
             {"fault", LogId(std::string(name_of(policy.error().kind)))}});
        return fail(ErrorKind::denied, "policy: the one in force is not to be believed",
                    row->version);
    }
    const std::lock_guard lock(mutex_);
    policy_ = std::make_shared<const monitor::Policy>(*std::move(policy));
    return {};
}

std::shared_ptr<const monitor::Policy> PolicyShelf::in_force() const {
    const std::lock_guard lock(mutex_);
    return policy_;
}

Result<PolicyShelf::Fault> PolicyShelf::upload(std::string_view text, Bytes signature_der) {
    auto policy = check(text, signature_der, in_force()->version);
    if (!policy) return policy;
    const store::PolicyRow row{.version = policy->version,
                               .text = std::string(text),
                               .signature = Buffer(signature_der.begin(), signature_der.end()),
                               .uploaded_at = parts_.clock.now(),
                               .activated_at = {}};
    TRY_VOID(parts_.store.run([&](store::Tx& tx) { return tx.insert(row); }));
    return policy;
}

Result<std::shared_ptr<const monitor::Policy>> PolicyShelf::uploaded(std::uint32_t version) const {
    std::optional<store::PolicyRow> row;
    TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
        row = TRY(reader.policy(version));
        return {};
    }));
    if (!row) return fail(ErrorKind::not_found, "policy: no such version");
    auto policy = check(row->text, row->signature, in_force()->version);
    if (!policy) return fail(ErrorKind::conflict, "policy: not above the one in force");
    return std::make_shared<const monitor::Policy>(*std::move(policy));
}

// Checked once more: what is activated is what was signed, whatever happened to the row since.
Result<void> PolicyShelf::activate(std::uint32_t version) {
    std::optional<monitor::Policy> next;
    TRY_VOID(parts_.store.run([&](store::Tx& tx) -> Result<void> {
        auto row = TRY(tx.policy(version));
        if (!row) return fail(ErrorKind::not_found, "policy: no such version");
        const auto before = TRY(tx.policy_in_force());
        auto policy = check(row->text, row->signature, before ? before->version : 0);
        if (!policy) return fail(ErrorKind::conflict, "policy: not above the one in force");
        next = *std::move(policy);
        row->activated_at = parts_.clock.now();
        return tx.update(*row);
    }));
    const std::lock_guard lock(mutex_);
    policy_ = std::make_shared<const monitor::Policy>(*std::move(next));
    return {};
}

}  // namespace softpos::server
