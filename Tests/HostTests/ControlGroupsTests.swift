import Testing

@testable import Host

struct ControlGroupsTests {
    private let version1 = """
        sysfs /sys sysfs rw 0 0
        cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,cpu,cpuacct 0 0
        cgroup /sys/fs/cgroup/systemd cgroup rw,nosuid,xattr,name=systemd 0 0
        cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nosuid 0 0

        """

    @Test func aServiceIsLeftForASiblingInEveryHierarchy() {
        let membership = """
            4:cpu,cpuacct:/system.slice/containerd.service
            1:name=systemd:/system.slice/containerd.service
            0::/system.slice/containerd.service

            """
        let groups = ControlGroups.destinations(membership: membership, mounts: version1)
        #expect(
            groups == [
                "/sys/fs/cgroup/cpu,cpuacct/system.slice/warrensd", "/sys/fs/cgroup/systemd/system.slice/warrensd",
                "/sys/fs/cgroup/unified/system.slice/warrensd",
            ])
    }

    @Test func version2() {
        let mounts = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n"
        let nested = "0::/kubelet.slice/k3s.service/inner\n"
        #expect(
            ControlGroups.destinations(membership: nested, mounts: mounts) == ["/sys/fs/cgroup/kubelet.slice/warrensd"])
        #expect(
            ControlGroups.destinations(membership: "0::/session-1.scope\n", mounts: mounts)
                == ["/sys/fs/cgroup/warrensd"])
    }

    @Test func openRC() {
        let membership = "1:name=openrc:/openrc.containerd\n"
        let mounts = "cgroup /sys/fs/cgroup/openrc cgroup rw,name=openrc 0 0\n"
        #expect(
            ControlGroups.destinations(membership: membership, mounts: mounts) == ["/sys/fs/cgroup/openrc/warrensd"])
    }

    /// Their limits are meant.
    @Test(arguments: ["0::/\n", "0::/docker/0123\n", "3:memory:/pool/7\n0::/\n", "nonsense", ""])
    func otherGroupsAreNotLeft(_ membership: String) {
        #expect(ControlGroups.destinations(membership: membership, mounts: version1).isEmpty)
    }
}
