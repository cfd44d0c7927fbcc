// Closing is not retried: on Linux the descriptor is gone even where close(2) says EINTR.
#include "host/descriptor.h"

#include <unistd.h>

namespace softpos::host {

void Descriptor::reset(int fd) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
}

}  // namespace softpos::host
