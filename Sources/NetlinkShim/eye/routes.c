#include "dump.h"
#include "netlink_eye.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

static void read_metrics(const struct nlattr *metrics, struct warrens_eye_route *route) {
    const struct nlattr *attribute;
    mnl_attr_for_each_nested(attribute, metrics) {
        if (mnl_attr_get_type(attribute) == RTAX_MTU) route->mtu = mnl_attr_get_u32(attribute);
    }
}

static void read_route(const struct nlmsghdr *message, void *item) {
    struct warrens_eye_route *route = item;
    const struct rtmsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *attribute;
    route->family = header->rtm_family;
    route->prefix_length = header->rtm_dst_len;
    route->kind = header->rtm_type;
    route->scope = header->rtm_scope;
    route->origin = header->rtm_protocol;
    route->flags = header->rtm_flags;
    route->table = header->rtm_table;
    mnl_attr_for_each(attribute, message, sizeof *header) {
        switch (mnl_attr_get_type(attribute)) {
        case RTA_TABLE: route->table = mnl_attr_get_u32(attribute); break;
        case RTA_PRIORITY: route->metric = mnl_attr_get_u32(attribute); break;
        case RTA_OIF: route->index = (int32_t)mnl_attr_get_u32(attribute); break;
        case RTA_DST: warrens_eye_copy(attribute, route->destination, sizeof route->destination); break;
        case RTA_METRICS: read_metrics(attribute, route); break;
        case RTA_GATEWAY:
            route->has_gateway = true;
            warrens_eye_copy(attribute, route->gateway, sizeof route->gateway);
            break;
        case RTA_PREFSRC:
            route->has_source = true;
            warrens_eye_copy(attribute, route->source, sizeof route->source);
            break;
        }
    }
}

ssize_t warrens_eye_routes(struct warrens_eye_route **list) {
    static const struct warrens_eye_question question = {
        RTM_GETROUTE, sizeof(struct rtmsg), sizeof(struct warrens_eye_route), read_route};
    return warrens_eye_dump(&question, (const int[]){AF_INET, AF_INET6, -1}, (void **)list);
}
