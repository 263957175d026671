/// One node of a cluster that has been in use, as `kubectl get nodes -o json` prints it: 8 kilobytes.
enum SampleNodeText {
    static func make(name: String, subnets: String, address: String, machineID: String) -> String {
        parts.reduce(into: "") { text, part in
            switch part {
            case "NAME": text += name
            case "SUBNETS": text += subnets
            case "ADDRESS": text += address
            case "MACHINE": text += machineID
            default: text += part
            }
        }
    }

    /// Every other part stands for something that differs from node to node.
    private static let parts = template.split(separator: "@@").map(String.init)

    private static let template = #"""
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "annotations": {
                    "csi.volume.kubernetes.io/nodeid": "{\"driver.longhorn.io\":\"edge\"}",
                    "k3s.io/hostname": "edge",
                    "k3s.io/internal-ip": "100.64.0.1",
                    "k3s.io/node-args": "[\"agent\",\"--flannel-backend\",\"none\",\"--disable-network-policy\",\"--kubelet-arg\",\"max-pods=110\"]",
                    "k3s.io/node-config-hash": "CEMWYJV6GDC7QEX2GN5JVN5BYYMR4ZQZQZ2UZX6L3WKJQZBQ====",
                    "k3s.io/node-env": "{\"K3S_DATA_DIR\":\"/var/lib/rancher/k3s/data/3fcd4fcf3ae2ba4d577d4ee08ad7092538cd7a7f0da701efa2a8807d44a11f66\"}",
                    "node.alpha.kubernetes.io/ttl": "300",
                    "volumes.kubernetes.io/controller-managed-attach-detach": "true",
                    "warrens.io/subnets": "@@SUBNETS@@"
                },
                "creationTimestamp": "2025-11-02T09:41:17Z",
                "finalizers": [
                    "wrangler.cattle.io/node"
                ],
                "labels": {
                    "beta.kubernetes.io/arch": "arm64",
                    "beta.kubernetes.io/instance-type": "k3s",
                    "beta.kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "arm64",
                    "kubernetes.io/hostname": "@@NAME@@",
                    "kubernetes.io/os": "linux",
                    "node.kubernetes.io/instance-type": "k3s",
                    "topology.kubernetes.io/region": "north",
                    "topology.kubernetes.io/zone": "north-4",
                    "example.org/line": "painting",
                    "example.org/batch": "2025-w44"
                },
                "name": "@@NAME@@",
                "resourceVersion": "48210377",
                "uid": "0f7f9c1e-3a64-4d5b-9b55-7a1d8e4d2a10"
            },
            "spec": {
                "podCIDR": "10.42.7.0/24",
                "podCIDRs": [
                    "10.42.7.0/24"
                ],
                "providerID": "k3s://@@NAME@@",
                "taints": [
                    {
                        "effect": "NoSchedule",
                        "key": "example.org/edge",
                        "value": "true"
                    }
                ]
            },
            "status": {
                "addresses": [
                    {
                        "address": "@@ADDRESS@@",
                        "type": "InternalIP"
                    },
                    {
                        "address": "@@NAME@@",
                        "type": "Hostname"
                    }
                ],
                "allocatable": {
                    "cpu": "4",
                    "ephemeral-storage": "29128473201",
                    "hugepages-1Gi": "0",
                    "hugepages-2Mi": "0",
                    "memory": "3884352Ki",
                    "pods": "110"
                },
                "capacity": {
                    "cpu": "4",
                    "ephemeral-storage": "29943948Ki",
                    "hugepages-1Gi": "0",
                    "hugepages-2Mi": "0",
                    "memory": "3884352Ki",
                    "pods": "110"
                },
                "conditions": [
                    {
                        "lastHeartbeatTime": "2026-03-01T12:00:00Z",
                        "lastTransitionTime": "2025-11-02T09:41:17Z",
                        "message": "kubelet has sufficient memory available",
                        "reason": "KubeletHasSufficientMemory",
                        "status": "False",
                        "type": "MemoryPressure"
                    },
                    {
                        "lastHeartbeatTime": "2026-03-01T12:00:00Z",
                        "lastTransitionTime": "2025-11-02T09:41:17Z",
                        "message": "kubelet has no disk pressure",
                        "reason": "KubeletHasNoDiskPressure",
                        "status": "False",
                        "type": "DiskPressure"
                    },
                    {
                        "lastHeartbeatTime": "2026-03-01T12:00:00Z",
                        "lastTransitionTime": "2025-11-02T09:41:17Z",
                        "message": "kubelet has sufficient PID available",
                        "reason": "KubeletHasSufficientPID",
                        "status": "False",
                        "type": "PIDPressure"
                    },
                    {
                        "lastHeartbeatTime": "2026-03-01T12:00:00Z",
                        "lastTransitionTime": "2025-11-02T09:41:17Z",
                        "message": "kubelet is posting ready status. AppArmor enabled",
                        "reason": "KubeletReady",
                        "status": "True",
                        "type": "Ready"
                    }
                ],
                "daemonEndpoints": {
                    "kubeletEndpoint": {
                        "Port": 10250
                    }
                },
                "images": [
                    {
                        "names": [
                            "docker.io/rancher/mirrored-library-traefik@sha256:0000000000000000000000000000000000000000000000000000000000abcdef",
                            "docker.io/rancher/mirrored-library-traefik:v1.0.0"
                        ],
                        "sizeBytes": 10000000
                    },
                    {
                        "names": [
                            "docker.io/longhornio/longhorn-manager@sha256:0000000000000000000000000000000000000000000000000000000000abecde",
                            "docker.io/longhornio/longhorn-manager:v1.1.0"
                        ],
                        "sizeBytes": 10777777
                    },
                    {
                        "names": [
                            "docker.io/longhornio/longhorn-engine@sha256:0000000000000000000000000000000000000000000000000000000000ac0bcd",
                            "docker.io/longhornio/longhorn-engine:v1.2.0"
                        ],
                        "sizeBytes": 11555554
                    },
                    {
                        "names": [
                            "docker.io/prom/node-exporter@sha256:0000000000000000000000000000000000000000000000000000000000ac2abc",
                            "docker.io/prom/node-exporter:v1.3.0"
                        ],
                        "sizeBytes": 12333331
                    },
                    {
                        "names": [
                            "docker.io/grafana/promtail@sha256:0000000000000000000000000000000000000000000000000000000000ac49ab",
                            "docker.io/grafana/promtail:v1.4.0"
                        ],
                        "sizeBytes": 13111108
                    },
                    {
                        "names": [
                            "docker.io/rancher/mirrored-coredns-coredns@sha256:0000000000000000000000000000000000000000000000000000000000ac689a",
                            "docker.io/rancher/mirrored-coredns-coredns:v1.5.0"
                        ],
                        "sizeBytes": 13888885
                    }
                ],
                "nodeInfo": {
                    "architecture": "arm64",
                    "bootID": "a0d0ea6c-2f1d-4cf4-8f9b-7f3d1c7f1c11",
                    "containerRuntimeVersion": "containerd://2.0.5-k3s1",
                    "kernelVersion": "6.12.25+rpt-rpi-v8",
                    "kubeProxyVersion": "v1.33.1+k3s1",
                    "kubeletVersion": "v1.33.1+k3s1",
                    "machineID": "@@MACHINE@@",
                    "operatingSystem": "linux",
                    "osImage": "Debian GNU/Linux 12 (bookworm)",
                    "swap": {
                        "capacity": 209711104
                    },
                    "systemUUID": "a0d0ea6c2f1d4cf48f9b7f3d1c7f1c11"
                }
            }
        }
        """#
}
