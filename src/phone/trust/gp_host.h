// A GlobalPlatform TEE for Linux and for tests: carries out the TEE_ functions that the trusted
// application calls, on top of any TrustedPlatform, and stands for the client API on the other
// side. What it gives is worth what the platform below it is worth.
#pragma once

#include "phone/trust/trusted_platform.h"

#include <memory>
#include <optional>
#include <softpos/tee_internal_api_min.h>
#include <sys/types.h>

namespace softpos::trust {

// Properties that the application asks for.
struct GpProperties {
    std::optional<protocol::Point65> platform_key;
    TEE_Identity client{};  // Whoever opens the next session.
};

// A user as the client API of Linux names one. The number stands in the last four bytes.
TEE_Identity user_identity(uid_t uid);

// The functions of a TEE have no place for a context, so there is one host in a process at a time;
// its constructor CHECKs that. `platform` is borrowed and must outlive it.
class GpHost {
public:
    GpHost(TrustedPlatform& platform, GpProperties properties);
    ~GpHost();
    GpHost(const GpHost&) = delete;
    GpHost& operator=(const GpHost&) = delete;

    GpProperties properties;

private:
    friend struct GpCalls;
    struct Inside;
    std::unique_ptr<Inside> inside_;
};

// An instance of the application with one session, called as bytes. Ends both with itself.
//
//     GpHost tee(platform, {.platform_key = key, .client = user_identity(uid)});
//     const auto application = TRY(GpClient::open());
//     const Buffer answer = TRY(application->call(request));   // protocol/trusted_call.h
class GpClient {
public:
    // In the host that there is; denied where the application refuses the client.
    static Result<std::unique_ptr<GpClient>> open();
    ~GpClient();
    GpClient(const GpClient&) = delete;
    GpClient& operator=(const GpClient&) = delete;

    Result<Buffer> call(Bytes request);

private:
    explicit GpClient(void* session);

    void* session_;
    Buffer answer_;  // Large enough for any, once and for all.
};

}  // namespace softpos::trust
