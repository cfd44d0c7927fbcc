// The calls of a PKCS#11 module that we use, each as one function: loads the module, packs
// templates and parameters, and judges answers. Knows no sessions to keep and nothing of names.
//
// Spec: [PKCS11] 5.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

#include <array>
#include <memory>
#include <optional>
#include <string>

namespace softpos::token {

// Numbers of the module's making.
using Code = unsigned long;  // 0: it went well.
using Slot = unsigned long;
using Session = unsigned long;
using Object = unsigned long;

using KeyId = std::array<std::uint8_t, 16>;

// What to do about an answer that is not 0.
enum class Trouble : std::uint8_t {
    none,
    lost,     // Session, login or token are gone: connect again.
    no_key,   // The handle is none: look for the key again.
    pin,      // Wrong PIN. Trying again would lock the token.
    data,     // What came is not what was sealed.
    refused,  // Everything else.
};
Trouble trouble_of(Code code);

// What a key may do for its whole life; its module holds it to that.
enum class KeyWork : std::uint8_t {
    derive,  // AES: encrypts blocks, becomes other keys that way.
    seal,    // AES: GCM, both ways.
};

struct KeyShape {
    KeyWork work = KeyWork::derive;
    std::size_t bytes = 16;
    bool lasting = true;       // In the token; else it goes with its session.
    KeyId id{};                // All zero for what is not lasting.
    std::string_view label{};  // For people who look into the token.
};

class Cryptoki {
public:
    static constexpr std::size_t gcm_tag_bytes = 16;

    // unavailable where the path is no module. The module stays loaded until the process ends.
    static Result<std::unique_ptr<Cryptoki>> load(const std::string& path);
    ~Cryptoki();
    Cryptoki(const Cryptoki&) = delete;
    Cryptoki& operator=(const Cryptoki&) = delete;

    // At most one user of the module in a process: refused where somebody else has it.
    Code initialise();
    void finalise();

    // ---- Tokens and sessions ----------------------------------------------------------------

    std::optional<Slot> slot_of(std::string_view label) const;
    std::optional<Slot> empty_slot() const;  // With a token that nobody has set up.
    bool has_mechanisms(Slot slot) const;    // All that we need.
    // Wipes the token; its user gets `pin`.
    Code set_up(Slot slot, std::string_view label, Bytes so_pin, Bytes pin);
    Code open_session(Slot slot, Session& out);
    void close_session(Session session);
    void close_all_sessions(Slot slot);  // Of this process; it is logged out then.
    Code login(Session session, Bytes pin);
    Code state_of(Session session);  // 0 where it is there and logged in.

    // ---- Keys: never readable, never to leave ----------------------------------------------

    Code generate(Session session, const KeyShape& shape, Object& out);
    Code create(Session session, const KeyShape& shape, Bytes key, Object& out);
    // A key for this session: data encrypted under the parent, ECB.
    Code derive(Session session, Object parent, Bytes data, Object& out);
    Code find(Session session, const KeyId& id, Object& out);  // no_key where there is none.
    Code destroy(Session session, Object key);
    // Whether the module says that the key is sensitive and cannot be extracted.
    Code is_confined(Session session, Object key, bool& confined);

    // ---- Work -------------------------------------------------------------------------------

    Code encrypt_blocks(Session session, Object key, Bytes in, std::span<std::uint8_t> out);
    Code cmac(Session session, Object key, Bytes data, std::array<std::uint8_t, 16>& out);
    struct Gcm {
        Bytes nonce;
        Bytes aad;
    };
    Code seal(Session session, Object key, const Gcm& gcm, Bytes plain, Buffer& out);
    Code open(Session session, Object key, const Gcm& gcm, Bytes sealed, SecretBytes& out);

private:
    struct Module;
    explicit Cryptoki(std::unique_ptr<Module> module);
    std::unique_ptr<Module> module_;
};

}  // namespace softpos::token
