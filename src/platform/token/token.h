// A hardware security module, or what stands in for one, as the key vault sees it: keys that are
// made in it, work in it and never come out. The only folder that includes PKCS#11.
#pragma once

#include "base/clock.h"
#include "platform/token/cryptoki.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <vector>

namespace softpos::token {

// Where a token is and how to log in to it.
struct TokenPlace {
    std::string module_path{};  // Of the library of PKCS#11.
    std::string label{};        // Of the token.
    SecretBytes pin{};          // Of its user.
    // How many calls may be in the module at one time. SoftHSM gains nothing by more than one, and
    // loses sight of its keys for a moment where two threads look for some.
    unsigned sessions_max = 1;
};

// A pool of sessions, logged in. Where the token went away, the next call connects again, at most
// once in reconnect_ms; until it is back, every call is unavailable. A PIN that is not taken is
// not tried twice: it would lock the token; then only a new start helps.
//
// One at a time in a process for one module, which is shared by the whole process. Any thread may
// call. An error's detail is the module's own number.
//
//     auto token = TRY(Token::open(std::move(place), clock));   // clock outlives it
//     TRY_VOID(token->generate({.work = KeyWork::derive, .id = id, .label = "bdk"}));
class Token {
public:
    static constexpr std::int64_t reconnect_ms = 1000;

    static Result<std::unique_ptr<Token>> open(TokenPlace place, const Clock& clock);
    ~Token();

    // In the token, for good. Once more under a number that is there: nothing.
    Result<void> generate(const KeyShape& shape);
    Result<void> import(const KeyShape& shape, Bytes key);
    // Gone when it returns; what is not there is gone as well.
    Result<void> destroy(const KeyId& id);
    Result<bool> has(const KeyId& id);
    // Whether the token itself says that the key cannot be read and cannot leave.
    Result<bool> is_confined(const KeyId& id);

    // Whole blocks of AES, ECB.
    Result<SecretBytes> encrypt_blocks(const KeyId& id, Bytes blocks);
    // Down a path: each step's data, encrypted under the key before it, is the next key. All but
    // the last are in the token only, and only for this call.
    Result<SecretBytes> encrypt_down(const KeyId& id, std::span<const Buffer> steps);
    Result<std::array<std::uint8_t, 16>> cmac(const KeyId& id, Bytes data);

    // AES-GCM under a key of KeyWork::seal. The nonce has 12 bytes and never comes twice. denied
    // where it does not open.
    Result<Buffer> seal(const KeyId& id, const Cryptoki::Gcm& gcm, Bytes plain);
    Result<SecretBytes> open_sealed(const KeyId& id, const Cryptoki::Gcm& gcm, Bytes sealed);

private:
    Token(TokenPlace place, const Clock& clock, std::unique_ptr<Cryptoki> module);

    Result<void> connect();
    Result<void> reconnect(std::uint64_t lost_life);
    template <typename Work>
    Result<void> run(const Work& work);
    template <typename Work>
    Result<void> run_with_key(const KeyId& id, const Work& work);
    template <typename Make>
    Result<void> make_once(const KeyId& id, const Make& make);
    Code session_for(Session& out);
    void give_back(Session session);
    Code handle_of(Session session, const KeyId& id, Object& out);
    Code walk(Session session, Object key, std::span<const Buffer> steps, SecretBytes& out);

    TokenPlace place_;
    const Clock& clock_;
    std::unique_ptr<Cryptoki> module_;

    // Calls share it; who connects again has it alone.
    std::shared_mutex life_mutex_;
    std::uint64_t life_ = 0;  // Counts connections.
    bool connected_ = false;
    bool pin_refused_ = false;
    Ticks last_try_{};
    Slot slot_ = 0;

    std::mutex mutex_;  // Around what follows.
    std::condition_variable freed_;
    std::vector<Session> free_;
    std::size_t open_sessions_ = 0;
    std::map<KeyId, Object> handles_;
};

}  // namespace softpos::token
