/* Preloaded into a program, makes each fsync and fdatasync last 3 ms longer: a disk that is slower
   than the one of this machine. For the benchmark alone; see softpos-load --slow-sync.

   It waits in ppoll, which also a program behind the gate may call, so nothing is opened for it. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const struct timespec delay = {.tv_sec = 0, .tv_nsec = 3000000};

/* A signal may cut the wait short; the disk would not. */
static int slowly(long call, int fd) {
    const int result = (int)syscall(call, fd);
    const int error = errno;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const long long end = now.tv_sec * 1000000000LL + now.tv_nsec + delay.tv_nsec;
    for (;;) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        const long long left = end - (now.tv_sec * 1000000000LL + now.tv_nsec);
        if (left <= 0) break;
        const struct timespec rest = {.tv_sec = 0, .tv_nsec = (long)left};
        ppoll(NULL, 0, &rest, NULL);
    }
    errno = error;
    return result;
}

int fsync(int fd) {
    return slowly(SYS_fsync, fd);
}
int fdatasync(int fd) {
    return slowly(SYS_fdatasync, fd);
}
