// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target of ours is held to: warnings are errors, and each use of an unsafe construct is marked.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let strictC: [CSetting] = [
    .treatAllWarnings(as: .error),
    .enableWarning("all"),
    .enableWarning("extra"),
]

/// A plugin runs for some milliseconds, of which generic code takes many when it is first used. Specialised across
/// modules, there is less of it.
let acrossModules: [SwiftSetting] = [
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release))
]

/// Release executables carry everything they need: no Swift runtime, no libnl, no particular glibc.
let staticCompile: [SwiftSetting] = [
    .unsafeFlags(["-static-executable"], .when(configuration: .release))
]
let staticLink: [LinkerSetting] = [
    .unsafeFlags(
        ["-static-executable", "-Xlinker", "--gc-sections", "-Xlinker", "-s"],
        .when(configuration: .release))
]

/// A library room, and the test room that mirrors it.
func room(
    _ name: String, _ dependencies: [Target.Dependency] = [], settings: [SwiftSetting] = acrossModules
) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict + settings)
}

func executableRoom(
    _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [], settings: [SwiftSetting] = []
) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, exclude: exclude,
        swiftSettings: strict + staticCompile + settings, linkerSettings: staticLink)
}

func tests(of name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies,
        swiftSettings: strict)
}

let package = Package(
    name: "warrens",
    products: [
        .executable(name: "warrens", targets: ["CNIPlugin"]),
        .executable(name: "warrens-ipam", targets: ["IPAMSelfAssign"]),
        .executable(name: "warrensd", targets: ["TunnelDatapath"]),
        .executable(name: "warrensctl", targets: ["Operator"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        // C: libnl and c-ares behind shims, libmnl as the tests' own eye on the kernel.
        .systemLibrary(
            name: "Clibnl", path: "Sources/NetlinkShim/system/libnl", pkgConfig: "libnl-route-3.0",
            providers: [.apt(["libnl-3-dev", "libnl-route-3-dev"])]),
        .systemLibrary(
            name: "Clibmnl", path: "Sources/NetlinkShim/system/libmnl", pkgConfig: "libmnl",
            providers: [.apt(["libmnl-dev"])]),
        .systemLibrary(
            name: "Clibcares", path: "Sources/NetlinkShim/system/libcares", pkgConfig: "libcares",
            providers: [.apt(["libc-ares-dev"])]),
        .systemLibrary(
            name: "Clibbpf", path: "Sources/NetlinkShim/system/libbpf", pkgConfig: "libbpf",
            providers: [.apt(["libbpf-dev", "libelf-dev", "zlib1g-dev"])]),
        .target(
            name: "BPFShim", dependencies: ["Clibbpf"], path: "Sources/NetlinkShim/bpf", cSettings: strictC,
            // What libbpf needs itself: pkg-config tells it only where the static archives are asked for.
            linkerSettings: [.linkedLibrary("elf"), .linkedLibrary("z")]),
        .target(
            name: "ResolverShim", dependencies: ["Clibcares"], path: "Sources/NetlinkShim/resolver",
            cSettings: strictC),
        .target(
            name: "NetlinkShim", dependencies: ["Clibnl"], path: "Sources/NetlinkShim/route",
            cSettings: strictC),
        .target(
            name: "SyscallShim", path: "Sources/NetlinkShim/syscalls", cSettings: strictC),
        .target(
            name: "NetlinkEye", dependencies: ["Clibmnl"], path: "Sources/NetlinkShim/eye",
            cSettings: strictC),

        // Libraries that the executables share, from the ground up.
        room("Addressing"),
        room("Host", ["SyscallShim"]),
        room("JSON"),
        room("Netlink", ["Addressing", "Host", "NetlinkShim", "SyscallShim"]),
        room("Overlay", ["Addressing", "Host", "JSON"]),
        room("CNI", ["Addressing", "Host", "JSON"]),
        room("Cluster", ["Addressing", "Host", "JSON", "Overlay"]),
        room("Resolver", ["Addressing", "Host", "ResolverShim"]),
        room(
            "Service",
            ["Addressing", "Host", "Overlay", "SyscallShim", .product(name: "Logging", package: "swift-log")]),
        .target(
            name: "KernelPath", dependencies: ["Addressing", "BPFShim", "Host", "Netlink", "Overlay", "PacketPath"],
            swiftSettings: strict,
            plugins: ["BPFCompile"]),
        room("PacketPath", ["Addressing", "Host", "Overlay", "SyscallShim"], settings: []),

        // Compiles Sources/TunnelDatapath/BPF for the kernel.
        .plugin(
            name: "BPFCompile", capability: .buildTool(), path: "hack/BPFCompile", exclude: ["compile.sh"]),

        // Executables.
        executableRoom(
            "CNIPlugin", ["Addressing", "CNI", "Host", "JSON", "Netlink", "Overlay"], settings: acrossModules),
        executableRoom(
            "IPAMSelfAssign", ["Addressing", "CNI", "Host", "JSON", "Netlink", "Overlay"], settings: acrossModules),
        executableRoom(
            "TunnelDatapath",
            [
                "Addressing", "CNI", "Host", "JSON", "KernelPath", "Netlink", "Overlay", "PacketPath", "Resolver",
                "Service", "SyscallShim", .product(name: "Logging", package: "swift-log"),
            ], exclude: ["BPF"]),
        executableRoom(
            "Operator",
            [
                "Addressing", "CNI", "Host", "JSON", "KernelPath", "Netlink", "Overlay", "Service", "SyscallShim",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        // What tests share: throw-away network namespaces, and an independent look at what the kernel has.
        .target(
            name: "KernelEye", dependencies: ["Addressing", "Host", "NetlinkEye", "SyscallShim"],
            path: "Tests/KernelEye", swiftSettings: strict),

        tests(of: "Addressing"),
        tests(of: "Host"),
        tests(of: "JSON", ["Host"]),
        tests(of: "CNI", ["Addressing", "Host", "JSON"]),
        tests(of: "Cluster", ["Addressing", "Host", "JSON", "Overlay"]),
        tests(of: "Overlay", ["Addressing", "Host", "JSON"]),
        tests(of: "Netlink", ["Addressing", "Host", "JSON", "KernelEye"]),
        tests(of: "CNIPlugin", ["Addressing", "CNI", "Host", "JSON", "KernelEye", "Netlink", "Overlay"]),
        tests(of: "IPAMSelfAssign", ["Addressing", "CNI", "Host", "JSON", "Overlay"]),
        .testTarget(
            name: "KernelPathTests",
            dependencies: [
                "Addressing", "BPFShim", "Host", "KernelEye", "KernelPath", "Netlink", "Overlay", "PacketPath",
            ],
            exclude: ["BPF"], swiftSettings: strict, plugins: ["BPFCompile"]),
        tests(of: "PacketPath", ["Addressing", "Overlay"]),
        tests(
            of: "TunnelDatapath",
            ["Addressing", "Host", "JSON", "KernelEye", "Netlink", "Overlay", "PacketPath", "Service"]),
        tests(
            of: "Operator",
            ["Addressing", "CNI", "Host", "JSON", "KernelEye", "KernelPath", "Netlink", "Overlay", "Service"]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu2x
)

// hack/fuzz sets FUZZ=1 and builds these with libFuzzer; they have no entry point of their own.
if Context.environment["FUZZ"] == "1" {
    let fuzzed: [(name: String, rooms: [Target.Dependency])] = [
        ("JSONFuzz", ["JSON"]),
        ("CNIFuzz", ["CNI", "JSON"]),
        ("ClusterFuzz", ["Cluster", "JSON"]),
        ("OverlayFuzz", ["Addressing", "JSON", "Overlay"]),
        ("PacketFuzz", ["Addressing", "Overlay", "PacketPath"]),
    ]
    for (name, rooms) in fuzzed {
        package.targets.append(
            .executableTarget(
                name: name, dependencies: rooms, path: "Tests/Fuzz/\(name)",
                swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]))
    }
}

// NODES=1 adds warrens-nodes, whose TLS and HTTP take minutes to compile: nobody who needs the plugins waits for them.
if Context.environment["NODES"] == "1" {
    package.products.append(.executable(name: "warrens-nodes", targets: ["KubernetesNodes"]))
    package.dependencies += [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
    ]
    package.targets.append(
        executableRoom(
            "KubernetesNodes",
            [
                "Addressing", "Cluster", "Host", "JSON", "Overlay", "Resolver", "Service", "SyscallShim",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTPCompression", package: "swift-nio-extras"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]))
}

// BENCHMARK=1 adds packet-bench, which the products do not need.
if Context.environment["BENCHMARK"] == "1" {
    package.products.append(.executable(name: "packet-bench", targets: ["PacketBench"]))
    package.targets += [
        .target(
            name: "PacketReference", dependencies: ["SyscallShim"], path: "Tests/Benchmark/PacketReference",
            cSettings: strictC),
        .executableTarget(
            name: "PacketBench", dependencies: ["Addressing", "Host", "Overlay", "PacketPath", "PacketReference"],
            path: "Tests/Benchmark/PacketBench", swiftSettings: strict),
    ]
}
