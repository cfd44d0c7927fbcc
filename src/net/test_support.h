// For the tests of net: certificates made on the spot, and sockets that do just what they are told.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

namespace softpos::net::testing {

struct TestCertificate {
    std::string cert_pem;
    std::string key_pem;
};

struct CertificateWish {
    std::string common_name;
    std::string alternative_name = {};        // "DNS:localhost,IP:127.0.0.1"
    const TestCertificate* issuer = nullptr;  // None: a CA that signs itself.
    int first_day = -1;                       // From today.
    int last_day = 1;
};
TestCertificate make_certificate(const CertificateWish& wish);

// One connected socket. Reads give up after some seconds, so that a broken test ends.
class RawSocket {
public:
    explicit RawSocket(int descriptor) : descriptor_(descriptor) {}
    static RawSocket connect(std::uint16_t port);
    RawSocket(RawSocket&& other) noexcept;
    RawSocket& operator=(RawSocket&&) = delete;
    RawSocket(const RawSocket&) = delete;
    RawSocket& operator=(const RawSocket&) = delete;
    ~RawSocket() { close(); }

    bool open() const { return descriptor_ >= 0; }
    bool send(std::string_view bytes);  // All of it, or false.
    std::string read_until(std::string_view end);
    std::string read_size(std::size_t size);
    std::string read_all();  // Until the peer closes.
    void close();

private:
    std::string read_while(const std::function<bool(const std::string&)>& wanted);
    int descriptor_;
};

// Listens on a free port and runs a script on a thread; the destructor ends waiting accepts.
class RawServer {
public:
    explicit RawServer(std::function<void(RawServer&)> script);
    ~RawServer();
    RawServer(const RawServer&) = delete;
    RawServer& operator=(const RawServer&) = delete;

    std::uint16_t port() const { return port_; }
    RawSocket accept();  // For the script. Not open() once the server goes.

private:
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

// A folder of its own, removed at the end.
class TestFolder {
public:
    TestFolder();
    ~TestFolder();
    TestFolder(const TestFolder&) = delete;
    TestFolder& operator=(const TestFolder&) = delete;
    std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

private:
    std::string path_;
};

}  // namespace softpos::net::testing
