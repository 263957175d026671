#ifndef WARRENS_KERNEL_CONSTANTS_H
#define WARRENS_KERNEL_CONSTANTS_H

/*
 * The kernel's own names for what goes into a message. Debian 12's headers are those of Linux 6.1; numbers that are
 * younger stand below, with the version that brought them.
 *
 * No header that defines struct in6_addr or sockaddr_in6 may be included here (linux/if_bridge.h does): Swift's Glibc
 * module has its own definitions, and a file that imports both modules would not compile.
 */

#include <linux/ethtool_netlink.h>
#include <linux/fib_rules.h>
#include <linux/fou.h>
#include <linux/genetlink.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

/* Linux 6.3: the largest IPv4 super-packets, beside IFLA_GSO_MAX_SIZE and IFLA_GRO_MAX_SIZE for the rest. */
enum { WARRENS_IFLA_GSO_IPV4_MAX_SIZE = 63, WARRENS_IFLA_GRO_IPV4_MAX_SIZE = 64 };

#endif
