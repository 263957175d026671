#include "dump.h"
#include "netlink_eye.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

static void read_neighbour(const struct nlmsghdr *message, void *item) {
    struct warrens_eye_neighbour *neighbour = item;
    const struct ndmsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *attribute;
    neighbour->index = header->ndm_ifindex;
    neighbour->family = header->ndm_family;
    neighbour->state = header->ndm_state;
    mnl_attr_for_each(attribute, message, sizeof *header) {
        switch (mnl_attr_get_type(attribute)) {
        case NDA_DST: warrens_eye_copy(attribute, neighbour->address, sizeof neighbour->address); break;
        case NDA_LLADDR:
            neighbour->has_mac = mnl_attr_get_payload_len(attribute) == sizeof neighbour->mac;
            if (neighbour->has_mac) warrens_eye_copy(attribute, neighbour->mac, sizeof neighbour->mac);
            break;
        }
    }
}

ssize_t warrens_eye_neighbours(struct warrens_eye_neighbour **list) {
    static const struct warrens_eye_question question = {
        RTM_GETNEIGH, sizeof(struct ndmsg), sizeof(struct warrens_eye_neighbour), read_neighbour};
    return warrens_eye_dump(&question, (const int[]){AF_INET, AF_INET6, -1}, (void **)list);
}
