// A namespace made by an ordinary user, as an app would try it.
#include "host/user_namespace.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sched.h>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

namespace softpos::host {
namespace {

constexpr uid_t app_uid = 64998;
constexpr int no_namespaces = 77;

bool write_map(const char* path, std::string_view text) {
    const int file = ::open(path, O_WRONLY | O_CLOEXEC);
    const bool done = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(file);
    return done;
}

// Becomes an ordinary user, makes a namespace in which it looks like root, and asks.
int ask_inside() {
    if (::geteuid() == 0 && (::setresgid(app_uid, app_uid, app_uid) != 0 ||
                             ::setresuid(app_uid, app_uid, app_uid) != 0)) {
        return 90;
    }
    if (::unshare(CLONE_NEWUSER) != 0) return no_namespaces;
    if (require_first_user_namespace()) return 1;  // Before it is mapped.
    const std::string map = "0 " + std::to_string(app_uid) + " 1";
    if (!write_map("/proc/self/uid_map", map)) return 0;
    if (require_first_user_namespace()) return 2;
    return require_first_user_namespace().error().kind == ErrorKind::denied ? 0 : 3;
}

// Shows: A15
TEST(UserNamespace, OneThatAnOrdinaryUserMadeIsRefused) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(ask_inside());
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == no_namespaces) GTEST_SKIP() << "this kernel makes none for users";
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(UserNamespace, TheFirstOneIsGood) {
    if (::geteuid() != 0) GTEST_SKIP() << "may run in a namespace of whoever runs it";
    EXPECT_TRUE(require_first_user_namespace());
}

}  // namespace
}  // namespace softpos::host
