#define _GNU_SOURCE
#include "tun_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if_tun.h>

/* linux/if_tun.h of Linux 6.2 and newer. */
enum { uso4 = 0x20, uso6 = 0x40 };

/* Asks for the most that the kernel knows; what is not asked for it does itself. */
static int set_offloads(int descriptor, int offload) {
    unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    if (offload && ioctl(descriptor, TUNSETOFFLOAD, tcp | uso4 | uso6) == 0)
        return WARRENS_TUN_TCP_SEGMENTATION | WARRENS_TUN_UDP_SEGMENTATION;
    if (offload && ioctl(descriptor, TUNSETOFFLOAD, tcp) == 0) return WARRENS_TUN_TCP_SEGMENTATION;
    /* The last owner of the device may have asked for more. */
    ioctl(descriptor, TUNSETOFFLOAD, 0);
    return 0;
}

int warrens_open_tun(const char *name, int offload, int *offloads) {
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE | IFF_VNET_HDR};
    int header_size = sizeof(struct warrens_virtual_header);
    if (strlen(name) >= sizeof request.ifr_name) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(request.ifr_name, name);

    int descriptor = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) return -1;
    if (ioctl(descriptor, TUNSETIFF, &request) < 0 || ioctl(descriptor, TUNSETPERSIST, 1) < 0 ||
        ioctl(descriptor, TUNSETVNETHDRSZ, &header_size) < 0) {
        int code = errno;
        close(descriptor);
        errno = code;
        return -1;
    }
    *offloads = set_offloads(descriptor, offload);
    return descriptor;
}
