// The database's tables, step by step. Internal to the store.
#pragma once

#include "platform/store/sqlite_connection.h"

namespace softpos::store {

// Brings the database up to the last step this program knows; unsupported when it is beyond it.
Result<void> migrate(Connection& connection);

}  // namespace softpos::store
