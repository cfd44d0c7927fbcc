// Writing to the database in small portions. Internal to the store.
#pragma once

#include <functional>

namespace softpos::store {

// The name of an SQLite VFS that is the usual one, but puts each few pages of a database on the
// disk and then leaves it alone for as long as the thread's pace takes, so that whoever waits for a
// commit of the log gets between them. For the connection that carries the log over, which nobody
// waits for.
const char* paced_vfs();

// What the calling thread does between two portions; none: nothing.
void set_pace(std::function<void()> pace);

}  // namespace softpos::store
