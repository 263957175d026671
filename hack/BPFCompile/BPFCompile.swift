import Foundation
import PackagePlugin

/// Compiles each `NAME.bpf.c` for the kernel and embeds it into the target that uses this plugin, as
/// `CompiledObject.NAME`.
@main struct BPFCompile: BuildToolPlugin {
    /// The datapath's programs stand beside the daemon that they belong to. Tests have a directory of their own.
    private static let datapath = "Sources/TunnelDatapath/BPF"
    /// Headers that C and Swift share.
    private static let shared = "Sources/NetlinkShim/bpf/include"

    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let package = context.package.directoryURL
        let datapath = package.appending(path: Self.datapath)
        let isLibrary = target.name == "KernelPath"
        let programs = isLibrary ? datapath : target.directoryURL.appending(path: "BPF")
        let include = [datapath, package.appending(path: Self.shared)]
        let headers = try Set([programs] + include).flatMap { try files(in: $0, ending: ".h") }

        let script = package.appending(path: "hack/BPFCompile/compile.sh")
        // The one that compiles our C: it is part of each Swift toolchain, and it knows the target.
        let clang = try context.tool(named: "clang").url
        return try files(in: programs, ending: ".bpf.c").map { source in
            let name = String(source.lastPathComponent.dropLast(".bpf.c".count))
            let object = context.pluginWorkDirectoryURL.appending(path: "\(name).bpf.o")
            let output = context.pluginWorkDirectoryURL.appending(path: "\(name).bpf.swift")
            let files = [script, clang, source, object, output].map { $0.path(percentEncoded: false) }
            return .buildCommand(
                displayName: "Compiling \(source.lastPathComponent) for the kernel",
                executable: URL(filePath: "/bin/sh"),
                arguments: files + [isLibrary ? "" : "@testable import KernelPath"]
                    + include.flatMap { ["-I", $0.path(percentEncoded: false)] },
                inputFiles: [source, script] + headers,
                outputFiles: [output])
        }
    }

    private func files(in directory: URL, ending suffix: String) throws -> [URL] {
        try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
            .filter { $0.lastPathComponent.hasSuffix(suffix) }
            .sorted { $0.lastPathComponent < $1.lastPathComponent }
    }
}
