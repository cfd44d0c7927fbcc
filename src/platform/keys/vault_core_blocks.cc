// Keys in and out by key blocks: what the block says of a key is held against the table of
// authorise.cc, and stays with the key for good.
#include "crypto/tr31.h"
#include "platform/keys/key_block_rules.h"
#include "platform/keys/vault_core.h"
#include "platform/keys/vault_core_parts.h"

namespace softpos::keys {

VaultCore::Answered VaultCore::on(const protocol::CreateKeyRequest& request) {
    TRY_VOID(check_new(request.alias));
    auto attributes = attributes_for(request.usage, request.algorithm);
    if (attributes) attributes->exportability = request.exportability;
    if (!attributes || !is_made_on_request(*attributes) || !is_legal(*attributes)) {
        return refuse(ErrorKind::denied, VaultFault::not_permitted);
    }
    KeyEntry key = TRY(backend_->generate(request.alias, marked(*attributes)));
    const KeyCheck check = TRY(backend_->check_value(key));
    TRY_VOID(add(std::move(key)));
    return protocol::KeyCheckAnswer{check};
}

namespace {

// Wrong key, wrong character, wrong form: the sender's matter, and one answer.
std::unexpected<Error> bad_block() {
    return refuse(ErrorKind::denied, VaultFault::key_block);
}

bool fits(protocol::KeyBlockKind kind, KeyAlgorithm protection) {
    switch (kind) {
        case protocol::KeyBlockKind::tdes:
            return protection == KeyAlgorithm::tdes;
        case protocol::KeyBlockKind::aes_cbc:
        case protocol::KeyBlockKind::aes_ctr:
            return protection == KeyAlgorithm::aes;
        case protocol::KeyBlockKind::sm4:
            return protection == KeyAlgorithm::sm4;
    }
    return false;
}

}  // namespace

VaultCore::Answered VaultCore::on(const protocol::ImportKeyBlockRequest& request) {
    TRY_VOID(check_new(request.alias));
    const KeyEntry* protection = TRY(find(request.protection_key));
    const UsableKey kbpk = TRY(backend_->use(Operation::unwrap_block, *protection));
    const crypto::KeyBlockPolicy policy{
        .legacy = request.legacy, .own_sm4 = protection->attributes.algorithm == KeyAlgorithm::sm4};
    const auto opened = crypto::import_key_block(kbpk.bytes(), request.block, policy);
    if (!opened) return bad_block();
    const auto attributes = attributes_in_block(opened->header, request.usage);
    if (!attributes || !is_key_size(*attributes, opened->key.size())) return bad_block();
    KeyEntry key = TRY(backend_->import(request.alias, marked(*attributes), opened->key.bytes()));
    const KeyCheck check = TRY(backend_->check_value(key));
    TRY_VOID(add(std::move(key)));
    return protocol::KeyCheckAnswer{check};
}

VaultCore::Answered VaultCore::on(const protocol::ExportKeyBlockRequest& request) {
    const KeyEntry* key = TRY(find(request.alias));
    const KeyEntry* protection = TRY(find(request.protection_key));
    const UsableKey leaving = TRY(backend_->use(Operation::leave_in_block, *key));
    const UsableKey kbpk = TRY(backend_->use(Operation::wrap_block, *protection));
    if (!fits(request.kind, protection->attributes.algorithm)) return bad_block();
    protocol::KeyBlockAnswer answer;
    answer.check_value = TRY(backend_->check_value(*key));
    auto block = crypto::export_key_block(kbpk.bytes(), header_for(key->attributes, request.kind),
                                          leaving.bytes(), random_);
    if (!block) return bad_block();
    answer.block = std::move(*block);
    return answer;
}

}  // namespace softpos::keys
