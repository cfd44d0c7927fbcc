// One home for PKCS#11's types. Its structures have pointers to what they only read as well, hence
// the casts.
#include "platform/token/cryptoki.h"

#include <algorithm>
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <vector>

namespace softpos::token {
namespace {

constexpr std::size_t slots_max = 64;
constexpr std::size_t label_bytes = 32;  // Padded with blanks.

constexpr CK_MECHANISM_TYPE needed[] = {CKM_AES_KEY_GEN, CKM_AES_ECB, CKM_AES_ECB_ENCRYPT_DATA,
                                        CKM_AES_CMAC, CKM_AES_GCM};

CK_BYTE_PTR unread(Bytes bytes) {
    return const_cast<CK_BYTE_PTR>(bytes.data());
}

std::array<std::uint8_t, label_bytes> padded(std::string_view label) {
    std::array<std::uint8_t, label_bytes> out{};
    out.fill(' ');
    std::copy_n(label.begin(), std::min(label.size(), out.size()), out.begin());
    return out;
}

// Attributes point at values that live as long as this does.
class Template {
public:
    void flag(CK_ATTRIBUTE_TYPE type, bool value) {
        put(type, value ? &yes_ : &no_, sizeof(CK_BBOOL));
    }
    void bytes(CK_ATTRIBUTE_TYPE type, Bytes value) { put(type, unread(value), value.size()); }
    void number(CK_ATTRIBUTE_TYPE type, const CK_ULONG& value) {
        put(type, const_cast<CK_ULONG*>(&value), sizeof value);
    }
    void numbers(CK_ATTRIBUTE_TYPE type, std::span<const CK_MECHANISM_TYPE> values) {
        put(type, const_cast<CK_MECHANISM_TYPE*>(values.data()), values.size_bytes());
    }
    CK_ATTRIBUTE* data() { return attributes_.data(); }
    CK_ULONG size() const { return attributes_.size(); }

private:
    void put(CK_ATTRIBUTE_TYPE type, void* value, std::size_t size) {
        attributes_.push_back({type, value, size});
    }
    CK_BBOOL yes_ = CK_TRUE;
    CK_BBOOL no_ = CK_FALSE;
    std::vector<CK_ATTRIBUTE> attributes_;
};

constexpr CK_ULONG secret_key_class = CKO_SECRET_KEY;
constexpr CK_ULONG aes_key_type = CKK_AES;
constexpr CK_MECHANISM_TYPE derive_work[] = {CKM_AES_ECB, CKM_AES_ECB_ENCRYPT_DATA, CKM_AES_CMAC};
constexpr CK_MECHANISM_TYPE seal_work[] = {CKM_AES_GCM};

void describe(Template& out, const KeyShape& shape) {
    const bool derives = shape.work == KeyWork::derive;
    out.number(CKA_CLASS, secret_key_class);
    out.number(CKA_KEY_TYPE, aes_key_type);
    out.flag(CKA_TOKEN, shape.lasting);
    out.flag(CKA_PRIVATE, true);
    out.flag(CKA_SENSITIVE, true);
    out.flag(CKA_EXTRACTABLE, false);
    out.flag(CKA_ENCRYPT, true);
    out.flag(CKA_DECRYPT, !derives);
    out.flag(CKA_DERIVE, derives);
    out.flag(CKA_SIGN, derives);
    out.flag(CKA_VERIFY, false);
    out.flag(CKA_WRAP, false);
    out.flag(CKA_UNWRAP, false);
    if (derives) {
        out.numbers(CKA_ALLOWED_MECHANISMS, derive_work);
    } else {
        out.numbers(CKA_ALLOWED_MECHANISMS, seal_work);
    }
    if (!shape.lasting) return;
    out.flag(CKA_MODIFIABLE, false);  // Nor may it be given with a derived key.
    out.bytes(CKA_ID, shape.id);
    out.bytes(CKA_LABEL, bytes_of(shape.label));
}

CK_GCM_PARAMS params_of(const Cryptoki::Gcm& gcm) {
    return {unread(gcm.nonce), gcm.nonce.size(), gcm.nonce.size() * 8,
            unread(gcm.aad),   gcm.aad.size(),   Cryptoki::gcm_tag_bytes * 8};
}

}  // namespace

Trouble trouble_of(Code code) {
    switch (code) {
        case CKR_OK:
            return Trouble::none;
        case CKR_SESSION_HANDLE_INVALID:
        case CKR_SESSION_CLOSED:
        case CKR_USER_NOT_LOGGED_IN:
        case CKR_DEVICE_REMOVED:
        case CKR_DEVICE_ERROR:
        case CKR_TOKEN_NOT_PRESENT:
        case CKR_TOKEN_NOT_RECOGNIZED:
        case CKR_SLOT_ID_INVALID:
        case CKR_CRYPTOKI_NOT_INITIALIZED:
            return Trouble::lost;
        case CKR_OBJECT_HANDLE_INVALID:
        case CKR_KEY_HANDLE_INVALID:
            return Trouble::no_key;
        case CKR_PIN_INCORRECT:
        case CKR_PIN_INVALID:
        case CKR_PIN_LEN_RANGE:
        case CKR_PIN_EXPIRED:
        case CKR_PIN_LOCKED:
            return Trouble::pin;
        case CKR_ENCRYPTED_DATA_INVALID:
        case CKR_ENCRYPTED_DATA_LEN_RANGE:
            return Trouble::data;
        default:
            return Trouble::refused;
    }
}

struct Cryptoki::Module {
    CK_FUNCTION_LIST* call = nullptr;
    bool ours = false;
};

Cryptoki::Cryptoki(std::unique_ptr<Module> module) : module_(std::move(module)) {}

Cryptoki::~Cryptoki() {
    finalise();
}

Result<std::unique_ptr<Cryptoki>> Cryptoki::load(const std::string& path) {
    void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (library == nullptr) return fail(ErrorKind::unavailable, "token: module cannot be loaded");
    void* entry = ::dlsym(library, "C_GetFunctionList");
    auto module = std::make_unique<Module>();
    const bool listed = entry != nullptr &&
                        reinterpret_cast<CK_C_GetFunctionList>(entry)(&module->call) == CKR_OK &&
                        module->call != nullptr;
    if (!listed) return fail(ErrorKind::unavailable, "token: no PKCS#11 module");
    return std::unique_ptr<Cryptoki>(new Cryptoki(std::move(module)));
}

Code Cryptoki::initialise() {
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    const Code code = module_->call->C_Initialize(&arguments);
    module_->ours = code == CKR_OK;
    return code;
}

void Cryptoki::finalise() {
    if (std::exchange(module_->ours, false)) module_->call->C_Finalize(nullptr);
}

// ---- Tokens and sessions --------------------------------------------------------------------

namespace {

template <typename Wanted>
std::optional<Slot> find_slot(CK_FUNCTION_LIST* call, const Wanted& wanted) {
    std::array<CK_SLOT_ID, slots_max> slots{};
    CK_ULONG count = slots.size();
    if (call->C_GetSlotList(CK_TRUE, slots.data(), &count) != CKR_OK) return std::nullopt;
    for (const CK_SLOT_ID slot : std::span(slots).first(std::min(count, slots.size()))) {
        CK_TOKEN_INFO info{};
        if (call->C_GetTokenInfo(slot, &info) == CKR_OK && wanted(info)) return slot;
    }
    return std::nullopt;
}

}  // namespace

std::optional<Slot> Cryptoki::slot_of(std::string_view label) const {
    return find_slot(module_->call, [&](const CK_TOKEN_INFO& info) {
        return (info.flags & CKF_TOKEN_INITIALIZED) != 0 &&
               std::ranges::equal(info.label, padded(label));
    });
}

std::optional<Slot> Cryptoki::empty_slot() const {
    return find_slot(module_->call, [](const CK_TOKEN_INFO& info) {
        return (info.flags & CKF_TOKEN_INITIALIZED) == 0;
    });
}

bool Cryptoki::has_mechanisms(Slot slot) const {
    return std::ranges::all_of(needed, [&](CK_MECHANISM_TYPE mechanism) {
        CK_MECHANISM_INFO info{};
        return module_->call->C_GetMechanismInfo(slot, mechanism, &info) == CKR_OK;
    });
}

Code Cryptoki::set_up(Slot slot, std::string_view label, Bytes so_pin, Bytes pin) {
    auto name = padded(label);
    const Code made = module_->call->C_InitToken(slot, unread(so_pin), so_pin.size(), name.data());
    if (made != CKR_OK) return made;
    // A module may number its slots anew now.
    const auto moved = slot_of(label);
    Session session = 0;
    const Code opened = open_session(moved.value_or(slot), session);
    if (opened != CKR_OK) return opened;
    Code code = module_->call->C_Login(session, CKU_SO, unread(so_pin), so_pin.size());
    if (code == CKR_OK) code = module_->call->C_InitPIN(session, unread(pin), pin.size());
    module_->call->C_Logout(session);
    close_session(session);
    return code;
}

Code Cryptoki::open_session(Slot slot, Session& out) {
    return module_->call->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr,
                                        &out);
}

void Cryptoki::close_session(Session session) {
    module_->call->C_CloseSession(session);
}

void Cryptoki::close_all_sessions(Slot slot) {
    module_->call->C_CloseAllSessions(slot);
}

Code Cryptoki::login(Session session, Bytes pin) {
    const Code code = module_->call->C_Login(session, CKU_USER, unread(pin), pin.size());
    return code == CKR_USER_ALREADY_LOGGED_IN ? CKR_OK : code;
}

Code Cryptoki::state_of(Session session) {
    CK_SESSION_INFO info{};
    const Code code = module_->call->C_GetSessionInfo(session, &info);
    if (code != CKR_OK) return code;
    return info.state == CKS_RW_USER_FUNCTIONS ? CKR_OK : CKR_USER_NOT_LOGGED_IN;
}

// ---- Keys -----------------------------------------------------------------------------------

Code Cryptoki::generate(Session session, const KeyShape& shape, Object& out) {
    CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
    Template attributes;
    describe(attributes, shape);
    const CK_ULONG size = shape.bytes;
    attributes.number(CKA_VALUE_LEN, size);
    return module_->call->C_GenerateKey(session, &mechanism, attributes.data(), attributes.size(),
                                        &out);
}

Code Cryptoki::create(Session session, const KeyShape& shape, Bytes key, Object& out) {
    Template attributes;
    describe(attributes, shape);
    attributes.bytes(CKA_VALUE, key);
    return module_->call->C_CreateObject(session, attributes.data(), attributes.size(), &out);
}

Code Cryptoki::derive(Session session, Object parent, Bytes data, Object& out) {
    CK_KEY_DERIVATION_STRING_DATA text{unread(data), data.size()};
    CK_MECHANISM mechanism{CKM_AES_ECB_ENCRYPT_DATA, &text, sizeof text};
    Template attributes;
    describe(attributes, {.work = KeyWork::derive, .bytes = data.size(), .lasting = false});
    const CK_ULONG size = data.size();
    attributes.number(CKA_VALUE_LEN, size);
    return module_->call->C_DeriveKey(session, &mechanism, parent, attributes.data(),
                                      attributes.size(), &out);
}

Code Cryptoki::find(Session session, const KeyId& id, Object& out) {
    Template wanted;
    wanted.number(CKA_CLASS, secret_key_class);
    wanted.flag(CKA_TOKEN, true);
    wanted.bytes(CKA_ID, id);
    const Code begun = module_->call->C_FindObjectsInit(session, wanted.data(), wanted.size());
    if (begun != CKR_OK) return begun;
    std::array<Object, 2> found{};
    CK_ULONG count = 0;
    Code code = module_->call->C_FindObjects(session, found.data(), found.size(), &count);
    const Code ended = module_->call->C_FindObjectsFinal(session);
    if (code == CKR_OK) code = ended;
    if (code != CKR_OK) return code;
    // Two of one number: somebody else has been at this token.
    if (count != 1) return count == 0 ? CKR_KEY_HANDLE_INVALID : CKR_GENERAL_ERROR;
    out = found[0];
    return CKR_OK;
}

Code Cryptoki::destroy(Session session, Object key) {
    return module_->call->C_DestroyObject(session, key);
}

Code Cryptoki::is_confined(Session session, Object key, bool& confined) {
    CK_BBOOL sensitive = CK_FALSE;
    CK_BBOOL extractable = CK_TRUE;
    std::array<CK_ATTRIBUTE, 2> wanted{{{CKA_SENSITIVE, &sensitive, sizeof sensitive},
                                        {CKA_EXTRACTABLE, &extractable, sizeof extractable}}};
    const Code code =
        module_->call->C_GetAttributeValue(session, key, wanted.data(), wanted.size());
    confined = sensitive == CK_TRUE && extractable == CK_FALSE;
    return code;
}

// ---- Work -----------------------------------------------------------------------------------

Code Cryptoki::encrypt_blocks(Session session, Object key, Bytes in, std::span<std::uint8_t> out) {
    CK_MECHANISM mechanism{CKM_AES_ECB, nullptr, 0};
    const Code begun = module_->call->C_EncryptInit(session, &mechanism, key);
    if (begun != CKR_OK) return begun;
    CK_ULONG size = out.size();
    const Code code = module_->call->C_Encrypt(session, unread(in), in.size(), out.data(), &size);
    return code == CKR_OK && size != in.size() ? CKR_GENERAL_ERROR : code;
}

Code Cryptoki::cmac(Session session, Object key, Bytes data, std::array<std::uint8_t, 16>& out) {
    CK_MECHANISM mechanism{CKM_AES_CMAC, nullptr, 0};
    const Code begun = module_->call->C_SignInit(session, &mechanism, key);
    if (begun != CKR_OK) return begun;
    CK_ULONG size = out.size();
    const Code code = module_->call->C_Sign(session, unread(data), data.size(), out.data(), &size);
    return code == CKR_OK && size != out.size() ? CKR_GENERAL_ERROR : code;
}

Code Cryptoki::seal(Session session, Object key, const Gcm& gcm, Bytes plain, Buffer& out) {
    CK_GCM_PARAMS params = params_of(gcm);
    CK_MECHANISM mechanism{CKM_AES_GCM, &params, sizeof params};
    const Code begun = module_->call->C_EncryptInit(session, &mechanism, key);
    if (begun != CKR_OK) return begun;
    out.resize(plain.size() + gcm_tag_bytes);
    CK_ULONG size = out.size();
    const Code code =
        module_->call->C_Encrypt(session, unread(plain), plain.size(), out.data(), &size);
    return code == CKR_OK && size != out.size() ? CKR_GENERAL_ERROR : code;
}

Code Cryptoki::open(Session session, Object key, const Gcm& gcm, Bytes sealed, SecretBytes& out) {
    if (sealed.size() < gcm_tag_bytes) return CKR_ENCRYPTED_DATA_LEN_RANGE;
    CK_GCM_PARAMS params = params_of(gcm);
    CK_MECHANISM mechanism{CKM_AES_GCM, &params, sizeof params};
    const Code begun = module_->call->C_DecryptInit(session, &mechanism, key);
    if (begun != CKR_OK) return begun;
    // Some modules want room for the tag as well while they work.
    SecretBytes plain(sealed.size());
    CK_ULONG size = plain.size();
    const Code code = module_->call->C_Decrypt(session, unread(sealed), sealed.size(),
                                               plain.writable().data(), &size);
    if (code != CKR_OK) return code;
    if (size != sealed.size() - gcm_tag_bytes) return CKR_GENERAL_ERROR;
    out = SecretBytes::copy_of(plain.bytes().first(size));
    return CKR_OK;
}

}  // namespace softpos::token
