#include "netlink_eye.h"
#include <libmnl/libmnl.h>

int warrens_eye_placeholder(void) { return MNL_SOCKET_BUFFER_SIZE != 0; }
