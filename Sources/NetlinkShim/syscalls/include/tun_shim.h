#ifndef WARRENS_TUN_SHIM_H
#define WARRENS_TUN_SHIM_H

/*
 * Opens one queue of the persistent layer-3 TUN device `name` (at most 15 bytes), which is made where it is missing.
 * Packets are read and written bare, without a packet information header; reads do not wait.
 * Returns the descriptor, or -1.
 */
int warrens_open_tun(const char *name);

#endif
