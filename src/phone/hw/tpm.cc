// The only includer of the TSS.
#include "phone/hw/tpm.h"

#include "base/check.h"
#include "phone/hw/tpm_stream.h"

#include <algorithm>
#include <array>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tctildr.h>

namespace softpos::hw {
namespace {

// RSA 2048 certificate of the low range. Spec: [TCG-EK] 2.2.1.4.
constexpr TPM2_HANDLE ek_certificate_index = 0x01C00002;
constexpr TPM2_HANDLE owner_index_min = 0x01800000;
constexpr TPM2_HANDLE owner_index_max = 0x01BFFFFF;
constexpr UINT16 nv_chunk_bytes = 512;  // Every TPM reads that many at once.
constexpr unsigned pcr_reads_max = tpm_pcr_count;

// PolicySecret(endorsement), which the default template demands. Spec: [TCG-EK] B.3.3.
constexpr std::array<std::uint8_t, 32> ek_policy{
    0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xB3, 0xF8, 0x1A, 0x90, 0xCC, 0x8D, 0x46, 0xA5, 0xD7, 0x24,
    0xFD, 0x52, 0xD7, 0x6E, 0x06, 0x52, 0x0B, 0x64, 0xF2, 0xA1, 0xDA, 0x1B, 0x33, 0x14, 0x69, 0xAA};

struct FreeEsys {
    void operator()(void* pointer) const { Esys_Free(pointer); }
};
template <typename T>
using Given = std::unique_ptr<T, FreeEsys>;

std::unexpected<Error> refuse(TSS2_RC code, Literal what) {
    // Format-one codes carry the number of a handle, session or parameter, which is taken off.
    const bool from_tpm = (code & TSS2_RC_LAYER_MASK) == 0;
    const bool format_one = from_tpm && (code & TPM2_RC_FMT1) != 0;
    const TSS2_RC plain = format_one ? code & (TPM2_RC_FMT1 | 0x3FU) : code;
    ErrorKind kind = from_tpm ? ErrorKind::internal : ErrorKind::unavailable;
    if (plain == TPM2_RC_POLICY_FAIL || plain == TPM2_RC_INTEGRITY || plain == TPM2_RC_VALUE ||
        plain == TPM2_RC_AUTH_FAIL || plain == TPM2_RC_BAD_AUTH || plain == TPM2_RC_PCR_CHANGED) {
        kind = ErrorKind::denied;
    }
    if (plain == TPM2_RC_HANDLE || plain == TPM2_RC_NV_UNINITIALIZED) kind = ErrorKind::not_found;
    if (plain == TPM2_RC_LOCKOUT || plain == TPM2_RC_RETRY || plain == TPM2_RC_YIELDED) {
        kind = ErrorKind::unavailable;
    }
    return fail(kind, what, code);
}

TPML_PCR_SELECTION selection_of(TpmPcrSet pcrs) {
    TPML_PCR_SELECTION selection{};
    selection.count = 1;
    TPMS_PCR_SELECTION& bank = selection.pcrSelections[0];
    bank.hash = TPM2_ALG_SHA256;
    bank.sizeofSelect = 3;
    for (unsigned i = 0; i < 3; ++i) bank.pcrSelect[i] = static_cast<BYTE>(pcrs >> (8 * i));
    return selection;
}

template <typename Sized>
Result<Sized> sized(Bytes bytes) {
    Sized out{};
    if (bytes.size() > sizeof(out.buffer)) return fail(ErrorKind::malformed, "tpm: too long");
    out.size = static_cast<UINT16>(bytes.size());
    std::ranges::copy(bytes, out.buffer);
    return out;
}

template <typename Sized>
Buffer buffer_of(const Sized& given) {
    return Buffer(given.buffer, given.buffer + given.size);
}

template <typename T, typename Marshal>
Buffer marshalled(const T& value, Marshal marshal) {
    Buffer out(sizeof(T) + 64);
    std::size_t size = 0;
    CHECK(marshal(&value, out.data(), out.size(), &size) == TSS2_RC_SUCCESS);
    out.resize(size);
    return out;
}

template <typename T, typename Unmarshal>
Result<T> unmarshalled(Bytes bytes, std::size_t& at, Unmarshal unmarshal) {
    T value{};
    if (unmarshal(bytes.data(), bytes.size(), &at, &value) != TSS2_RC_SUCCESS) {
        return fail(ErrorKind::malformed, "tpm: structure", 0, at);
    }
    return value;
}

TPM2B_PUBLIC ecc_template(TPMA_OBJECT attributes) {
    TPM2B_PUBLIC out{};
    TPMT_PUBLIC& area = out.publicArea;
    area.type = TPM2_ALG_ECC;
    area.nameAlg = TPM2_ALG_SHA256;
    area.objectAttributes = attributes | TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                            TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
                            TPMA_OBJECT_RESTRICTED;
    TPMS_ECC_PARMS& parameters = area.parameters.eccDetail;
    parameters.symmetric.algorithm = TPM2_ALG_NULL;
    parameters.scheme.scheme = TPM2_ALG_NULL;
    parameters.curveID = TPM2_ECC_NIST_P256;
    parameters.kdf.scheme = TPM2_ALG_NULL;
    return out;
}

TPM2B_PUBLIC attestation_template() {
    TPM2B_PUBLIC out = ecc_template(TPMA_OBJECT_SIGN_ENCRYPT);
    TPMS_ECC_PARMS& parameters = out.publicArea.parameters.eccDetail;
    parameters.scheme.scheme = TPM2_ALG_ECDSA;
    parameters.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
    return out;
}

void set_aes_128(TPMT_SYM_DEF_OBJECT& symmetric) {
    symmetric.algorithm = TPM2_ALG_AES;
    symmetric.keyBits.aes = 128;
    symmetric.mode.aes = TPM2_ALG_CFB;
}

TPM2B_PUBLIC storage_template() {
    TPM2B_PUBLIC out = ecc_template(TPMA_OBJECT_DECRYPT | TPMA_OBJECT_NODA);
    set_aes_128(out.publicArea.parameters.eccDetail.symmetric);
    return out;
}

// Spec: [TCG-EK] B.3.3, template L-1.
TPM2B_PUBLIC endorsement_template() {
    TPM2B_PUBLIC out{};
    TPMT_PUBLIC& area = out.publicArea;
    area.type = TPM2_ALG_RSA;
    area.nameAlg = TPM2_ALG_SHA256;
    area.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                            TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_ADMINWITHPOLICY |
                            TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
    area.authPolicy.size = ek_policy.size();
    std::ranges::copy(ek_policy, area.authPolicy.buffer);
    set_aes_128(area.parameters.rsaDetail.symmetric);
    area.parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
    area.parameters.rsaDetail.keyBits = 2048;
    area.unique.rsa.size = 256;  // Zeros, which the template demands as well.
    return out;
}

Result<void> check_pcrs(TpmPcrSet pcrs) {
    if (pcrs != 0 && pcrs >> tpm_pcr_count == 0) return {};
    return fail(ErrorKind::malformed, "tpm: set of PCRs");
}

Result<void> check_owner_index(std::uint32_t index) {
    if (index >= owner_index_min && index <= owner_index_max) return {};
    return fail(ErrorKind::malformed, "tpm: index", index);
}

}  // namespace

struct Tpm::Device {
    TpmStream stream;  // Where the way is ours.
    TSS2_TCTI_CONTEXT* tcti = nullptr;
    ESYS_CONTEXT* esys = nullptr;

    Device() = default;
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;
    ~Device() {
        if (esys != nullptr) Esys_Finalize(&esys);
        if (tcti != nullptr && !stream) Tss2_TctiLdr_Finalize(&tcti);
    }
};

// What is loaded in the TPM for one call. A TPM has room for three objects and three sessions, and
// without a resource manager nobody else frees them.
struct Tpm::Session {
    Device& device;
    ESYS_TR handle = ESYS_TR_NONE;

    explicit Session(Device& of, ESYS_TR loaded) : device(of), handle(loaded) {}
    Session(Session&& other) noexcept
        : device(other.device), handle(std::exchange(other.handle, ESYS_TR_NONE)) {}
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() {
        if (handle != ESYS_TR_NONE) Esys_FlushContext(device.esys, handle);
    }

    // A key out of a hierarchy's seed; its public part where asked for.
    static Result<Session> primary(Device& device, ESYS_TR hierarchy, const TPM2B_PUBLIC& form,
                                   TPM2B_PUBLIC* made = nullptr) {
        const TPM2B_SENSITIVE_CREATE nothing_secret{};
        const TPM2B_DATA no_data{};
        const TPML_PCR_SELECTION no_pcrs{};
        ESYS_TR handle = ESYS_TR_NONE;
        TPM2B_PUBLIC* area = nullptr;
        const TSS2_RC code = Esys_CreatePrimary(
            device.esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &nothing_secret,
            &form, &no_data, &no_pcrs, &handle, &area, nullptr, nullptr, nullptr);
        if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: primary key");
        const Given<TPM2B_PUBLIC> owned(area);
        if (made != nullptr) *made = *area;
        return Session(device, handle);
    }

    // With a key to salt it, parameters travel encrypted.
    static Result<Session> start(Device& device, TPM2_SE type, ESYS_TR salt_key = ESYS_TR_NONE) {
        TPMT_SYM_DEF symmetric{};
        symmetric.algorithm = TPM2_ALG_AES;
        symmetric.keyBits.aes = 128;
        symmetric.mode.aes = TPM2_ALG_CFB;
        ESYS_TR handle = ESYS_TR_NONE;
        TSS2_RC code = Esys_StartAuthSession(device.esys, salt_key, ESYS_TR_NONE, ESYS_TR_NONE,
                                             ESYS_TR_NONE, ESYS_TR_NONE, nullptr, type, &symmetric,
                                             TPM2_ALG_SHA256, &handle);
        if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: session");
        Session session(device, handle);
        const TPMA_SESSION wanted =
            salt_key == ESYS_TR_NONE ? 0U : TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT;
        code = Esys_TRSess_SetAttributes(device.esys, handle, wanted | TPMA_SESSION_CONTINUESESSION,
                                         0xFF);
        if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: attributes of a session");
        return session;
    }

    // Leaves only the direction that a command has.
    Result<void> only(TPMA_SESSION direction) {
        const TSS2_RC code = Esys_TRSess_SetAttributes(
            device.esys, handle, direction | TPMA_SESSION_CONTINUESESSION, 0xFF);
        if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: attributes of a session");
        return {};
    }

    Result<void> require_pcrs(TpmPcrSet pcrs) {
        const TPML_PCR_SELECTION selection = selection_of(pcrs);
        const TPM2B_DIGEST as_they_stand{};
        const TSS2_RC code = Esys_PolicyPCR(device.esys, handle, ESYS_TR_NONE, ESYS_TR_NONE,
                                            ESYS_TR_NONE, &as_they_stand, &selection);
        if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: policy of PCRs");
        return {};
    }
};

Tpm::Tpm(std::unique_ptr<Device> device) : device_(std::move(device)) {}
Tpm::Tpm(Tpm&&) noexcept = default;
Tpm& Tpm::operator=(Tpm&&) noexcept = default;
Tpm::~Tpm() = default;

Result<Tpm> Tpm::open(const std::string& tcti) {
    constexpr std::string_view own = "unix:";
    auto device = std::make_unique<Device>();
    TSS2_RC code = TSS2_RC_SUCCESS;
    if (tcti.starts_with(own)) {
        device->stream = TRY(connect_tpm_stream(tcti.substr(own.size())));
        device->tcti = device->stream.get();
    } else {
        code = Tss2_TctiLdr_Initialize(tcti.c_str(), &device->tcti);
    }
    if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: no way to it");
    code = Esys_Initialize(&device->esys, device->tcti, nullptr);
    if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: context");
    code = Esys_Startup(device->esys, TPM2_SU_CLEAR);
    // The firmware has usually done it.
    if (code != TSS2_RC_SUCCESS && code != TPM2_RC_INITIALIZE) return refuse(code, "tpm: startup");
    return Tpm(std::move(device));
}

std::vector<int> Tpm::descriptors() const {
    const auto ask = reinterpret_cast<TSS2_TCTI_CONTEXT_COMMON_V1*>(device_->tcti)->getPollHandles;
    std::size_t count = 0;
    if (ask == nullptr || ask(device_->tcti, nullptr, &count) != TSS2_RC_SUCCESS) return {};
    std::vector<TSS2_TCTI_POLL_HANDLE> handles(count);
    if (count == 0 || ask(device_->tcti, handles.data(), &count) != TSS2_RC_SUCCESS) return {};
    std::vector<int> descriptors;
    for (const TSS2_TCTI_POLL_HANDLE& one : handles) descriptors.push_back(one.fd);
    return descriptors;
}

Result<Buffer> Tpm::ek_certificate() {
    ESYS_CONTEXT* esys = device_->esys;
    ESYS_TR index = ESYS_TR_NONE;
    TSS2_RC code = Esys_TR_FromTPMPublic(esys, ek_certificate_index, ESYS_TR_NONE, ESYS_TR_NONE,
                                         ESYS_TR_NONE, &index);
    if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: no endorsement certificate");
    TPM2B_NV_PUBLIC* area = nullptr;
    code =
        Esys_NV_ReadPublic(esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &area, nullptr);
    if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: endorsement certificate");
    const Given<TPM2B_NV_PUBLIC> owned(area);
    const UINT16 size = area->nvPublic.dataSize;
    if (size > tpm_certificate_bytes_max) return fail(ErrorKind::denied, "tpm: certificate", size);
    Buffer certificate;
    while (certificate.size() < size) {
        const auto done = static_cast<UINT16>(certificate.size());
        const auto wanted = std::min(nv_chunk_bytes, static_cast<UINT16>(size - done));
        TPM2B_MAX_NV_BUFFER* part = nullptr;
        code = Esys_NV_Read(esys, index, index, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                            wanted, done, &part);
        if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: endorsement certificate");
        const Given<TPM2B_MAX_NV_BUFFER> owned_part(part);
        if (part->size != wanted) return fail(ErrorKind::malformed, "tpm: short read");
        append(certificate, Bytes(part->buffer, part->size));
    }
    // Some makers leave room behind the certificate: its own length says where it ends.
    if (certificate.size() > 4 && certificate[0] == 0x30 && certificate[1] == 0x82) {
        const std::size_t whole = 4 + (std::size_t{certificate[2]} << 8U) + certificate[3];
        if (whole < certificate.size()) certificate.resize(whole);
    }
    return certificate;
}

Result<Buffer> Tpm::ak_public() {
    TPM2B_PUBLIC made{};
    const Session key =
        TRY(Session::primary(*device_, ESYS_TR_RH_ENDORSEMENT, attestation_template(), &made));
    return marshalled(made, Tss2_MU_TPM2B_PUBLIC_Marshal);
}

Result<void> Tpm::extend(unsigned pcr, Bytes digest) {
    if (pcr >= tpm_pcr_count || digest.size() != tpm_digest_bytes) {
        return fail(ErrorKind::malformed, "tpm: what to extend", pcr);
    }
    TPML_DIGEST_VALUES values{};
    values.count = 1;
    values.digests[0].hashAlg = TPM2_ALG_SHA256;
    std::ranges::copy(digest, values.digests[0].digest.sha256);
    const TSS2_RC code = Esys_PCR_Extend(device_->esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD,
                                         ESYS_TR_NONE, ESYS_TR_NONE, &values);
    if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: extend");
    return {};
}

// A TPM gives at most eight at a time and says which.
Result<std::vector<Buffer>> Tpm::read_pcrs(TpmPcrSet pcrs) {
    TRY_VOID(check_pcrs(pcrs));
    std::vector<Buffer> values;
    for (unsigned round = 0; pcrs != 0; ++round) {
        const TPML_PCR_SELECTION wanted = selection_of(pcrs);
        TPML_PCR_SELECTION* got = nullptr;
        TPML_DIGEST* digests = nullptr;
        const TSS2_RC code = Esys_PCR_Read(device_->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                           &wanted, nullptr, &got, &digests);
        if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: PCRs");
        const Given<TPML_PCR_SELECTION> owned_got(got);
        const Given<TPML_DIGEST> owned_digests(digests);
        for (UINT32 i = 0; i < digests->count; ++i)
            values.push_back(buffer_of(digests->digests[i]));
        TpmPcrSet read = 0;
        for (unsigned i = 0; i < 3; ++i) {
            read |= TpmPcrSet{got->pcrSelections[0].pcrSelect[i]} << (8 * i);
        }
        if ((read & pcrs) == 0 || round == pcr_reads_max) {
            return fail(ErrorKind::not_found, "tpm: no SHA-256 PCRs");
        }
        pcrs &= ~read;
    }
    return values;
}

Result<TpmQuote> Tpm::quote(Bytes nonce, TpmPcrSet pcrs) {
    TRY_VOID(check_pcrs(pcrs));
    if (nonce.empty() || nonce.size() > tpm_nonce_bytes_max) {
        return fail(ErrorKind::malformed, "tpm: nonce");
    }
    const Session key =
        TRY(Session::primary(*device_, ESYS_TR_RH_ENDORSEMENT, attestation_template()));
    const TPM2B_DATA data = TRY(sized<TPM2B_DATA>(nonce));
    const TPML_PCR_SELECTION selection = selection_of(pcrs);
    TPMT_SIG_SCHEME as_the_key_says{};
    as_the_key_says.scheme = TPM2_ALG_NULL;
    TPM2B_ATTEST* attest = nullptr;
    TPMT_SIGNATURE* signature = nullptr;
    const TSS2_RC code =
        Esys_Quote(device_->esys, key.handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data,
                   &as_the_key_says, &selection, &attest, &signature);
    if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: quote");
    const Given<TPM2B_ATTEST> owned_attest(attest);
    const Given<TPMT_SIGNATURE> owned_signature(signature);
    TpmQuote out;
    out.quote = Buffer(attest->attestationData, attest->attestationData + attest->size);
    out.signature = marshalled(*signature, Tss2_MU_TPMT_SIGNATURE_Marshal);
    out.pcrs = TRY(read_pcrs(pcrs));
    return out;
}

Result<SecretBytes> Tpm::activate_credential(Bytes id_object, Bytes encrypted_secret) {
    std::size_t at = 0;
    const auto object =
        TRY(unmarshalled<TPM2B_ID_OBJECT>(id_object, at, Tss2_MU_TPM2B_ID_OBJECT_Unmarshal));
    at = 0;
    const auto secret = TRY(unmarshalled<TPM2B_ENCRYPTED_SECRET>(
        encrypted_secret, at, Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal));
    const Session ak =
        TRY(Session::primary(*device_, ESYS_TR_RH_ENDORSEMENT, attestation_template()));
    const Session ek =
        TRY(Session::primary(*device_, ESYS_TR_RH_ENDORSEMENT, endorsement_template()));
    const Session policy = TRY(Session::start(*device_, TPM2_SE_POLICY));
    TSS2_RC code = Esys_PolicySecret(device_->esys, ESYS_TR_RH_ENDORSEMENT, policy.handle,
                                     ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, nullptr, nullptr,
                                     nullptr, 0, nullptr, nullptr);
    if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: policy of the endorsement key");
    TPM2B_DIGEST* opened = nullptr;
    code = Esys_ActivateCredential(device_->esys, ak.handle, ek.handle, ESYS_TR_PASSWORD,
                                   policy.handle, ESYS_TR_NONE, &object, &secret, &opened);
    if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: credential");
    const Given<TPM2B_DIGEST> owned(opened);
    SecretBytes out = SecretBytes::copy_of(Bytes(opened->buffer, opened->size));
    wipe({opened->buffer, opened->size});
    return out;
}

Result<Buffer> Tpm::seal(Bytes secret, TpmPcrSet pcrs) {
    TRY_VOID(check_pcrs(pcrs));
    if (secret.empty() || secret.size() > tpm_sealed_secret_bytes_max) {
        return fail(ErrorKind::malformed, "tpm: size of a secret");
    }
    const Session parent = TRY(Session::primary(*device_, ESYS_TR_RH_OWNER, storage_template()));
    TPM2B_PUBLIC form{};
    form.publicArea.type = TPM2_ALG_KEYEDHASH;
    form.publicArea.nameAlg = TPM2_ALG_SHA256;
    // Without USERWITHAUTH the policy is the only way to it.
    form.publicArea.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT;
    form.publicArea.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
    {
        Session trial = TRY(Session::start(*device_, TPM2_SE_TRIAL));
        TRY_VOID(trial.require_pcrs(pcrs));
        TPM2B_DIGEST* digest = nullptr;
        const TSS2_RC code = Esys_PolicyGetDigest(device_->esys, trial.handle, ESYS_TR_NONE,
                                                  ESYS_TR_NONE, ESYS_TR_NONE, &digest);
        if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: digest of a policy");
        const Given<TPM2B_DIGEST> owned(digest);
        form.publicArea.authPolicy = *digest;
    }
    Session encrypted = TRY(Session::start(*device_, TPM2_SE_HMAC, parent.handle));
    TRY_VOID(encrypted.only(TPMA_SESSION_DECRYPT));
    TPM2B_SENSITIVE_CREATE sensitive{};
    sensitive.sensitive.data = TRY(sized<TPM2B_SENSITIVE_DATA>(secret));
    const TPM2B_DATA no_data{};
    const TPML_PCR_SELECTION no_pcrs{};
    TPM2B_PRIVATE* made_private = nullptr;
    TPM2B_PUBLIC* made_public = nullptr;
    const TSS2_RC code = Esys_Create(device_->esys, parent.handle, encrypted.handle, ESYS_TR_NONE,
                                     ESYS_TR_NONE, &sensitive, &form, &no_data, &no_pcrs,
                                     &made_private, &made_public, nullptr, nullptr, nullptr);
    wipe({sensitive.sensitive.data.buffer, sensitive.sensitive.data.size});
    if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: seal");
    const Given<TPM2B_PRIVATE> owned_private(made_private);
    const Given<TPM2B_PUBLIC> owned_public(made_public);
    Buffer sealed = marshalled(*made_public, Tss2_MU_TPM2B_PUBLIC_Marshal);
    append(sealed, marshalled(*made_private, Tss2_MU_TPM2B_PRIVATE_Marshal));
    return sealed;
}

Result<SecretBytes> Tpm::unseal(Bytes sealed, TpmPcrSet pcrs) {
    TRY_VOID(check_pcrs(pcrs));
    std::size_t at = 0;
    const auto area = TRY(unmarshalled<TPM2B_PUBLIC>(sealed, at, Tss2_MU_TPM2B_PUBLIC_Unmarshal));
    const auto hidden =
        TRY(unmarshalled<TPM2B_PRIVATE>(sealed, at, Tss2_MU_TPM2B_PRIVATE_Unmarshal));
    if (at != sealed.size()) return fail(ErrorKind::malformed, "tpm: bytes left over", 0, at);
    const Session parent = TRY(Session::primary(*device_, ESYS_TR_RH_OWNER, storage_template()));
    ESYS_TR loaded = ESYS_TR_NONE;
    TSS2_RC code = Esys_Load(device_->esys, parent.handle, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                             ESYS_TR_NONE, &hidden, &area, &loaded);
    if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: sealed secret");
    const Session object(*device_, loaded);
    Session policy = TRY(Session::start(*device_, TPM2_SE_POLICY, parent.handle));
    TRY_VOID(policy.require_pcrs(pcrs));
    TRY_VOID(policy.only(TPMA_SESSION_ENCRYPT));
    TPM2B_SENSITIVE_DATA* opened = nullptr;
    code = Esys_Unseal(device_->esys, object.handle, policy.handle, ESYS_TR_NONE, ESYS_TR_NONE,
                       &opened);
    if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: unseal");
    const Given<TPM2B_SENSITIVE_DATA> owned(opened);
    SecretBytes out = SecretBytes::copy_of(Bytes(opened->buffer, opened->size));
    wipe({opened->buffer, opened->size});
    return out;
}

namespace {

Result<ESYS_TR> find_index(ESYS_CONTEXT* esys, std::uint32_t index) {
    ESYS_TR handle = ESYS_TR_NONE;
    const TSS2_RC code =
        Esys_TR_FromTPMPublic(esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &handle);
    if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: no such counter");
    return handle;
}

Result<ESYS_TR> define_counter(ESYS_CONTEXT* esys, std::uint32_t index) {
    const TPM2B_AUTH no_authorisation{};
    TPM2B_NV_PUBLIC form{};
    form.nvPublic.nvIndex = index;
    form.nvPublic.nameAlg = TPM2_ALG_SHA256;
    form.nvPublic.attributes = (TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT) | TPMA_NV_AUTHWRITE |
                               TPMA_NV_AUTHREAD | TPMA_NV_NO_DA;
    form.nvPublic.dataSize = 8;
    ESYS_TR handle = ESYS_TR_NONE;
    const TSS2_RC code = Esys_NV_DefineSpace(esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                             ESYS_TR_NONE, &no_authorisation, &form, &handle);
    if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: new counter");
    return handle;
}

}  // namespace

Result<std::uint64_t> Tpm::increment_counter(std::uint32_t index) {
    TRY_VOID(check_owner_index(index));
    ESYS_CONTEXT* esys = device_->esys;
    auto handle = find_index(esys, index);
    if (!handle && handle.error().kind == ErrorKind::not_found) {
        handle = define_counter(esys, index);
    }
    if (!handle) return std::unexpected(handle.error());
    const TSS2_RC code =
        Esys_NV_Increment(esys, *handle, *handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
    if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: counter");
    return read_counter(index);
}

Result<std::uint64_t> Tpm::read_counter(std::uint32_t index) {
    TRY_VOID(check_owner_index(index));
    const ESYS_TR handle = TRY(find_index(device_->esys, index));
    TPM2B_MAX_NV_BUFFER* value = nullptr;
    const TSS2_RC code = Esys_NV_Read(device_->esys, handle, handle, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                      ESYS_TR_NONE, 8, 0, &value);
    if (code != TSS2_RC_SUCCESS) return refuse(code, "tpm: counter");
    const Given<TPM2B_MAX_NV_BUFFER> owned(value);
    if (value->size != 8) return fail(ErrorKind::malformed, "tpm: counter");
    std::uint64_t number = 0;
    for (unsigned i = 0; i < 8; ++i) number = number << 8U | value->buffer[i];
    return number;
}

}  // namespace softpos::hw
