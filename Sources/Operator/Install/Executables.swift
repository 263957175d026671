import Host

/// The executables of a release, which are installed together.
struct Executables {
    private static let needed = ["warrens", "warrens-ipam", "warrensd", "warrensctl"]
    /// Only nodes of a Kubernetes cluster need it, and it is built apart.
    private static let optional = "warrens-nodes"

    /// Where they are to stand: a directory in which the container runtime looks for CNI plugins.
    let directory: String

    /// Copies those that stand beside the running executable. A runtime may execute the former ones meanwhile.
    ///
    /// - Returns: What was done, a line for each.
    func install() throws -> [String] {
        guard let home = Files.runningExecutable.map(Files.parent) else {
            throw CommandFailure("cannot tell where the executables are, because /proc is not mounted")
        }
        let missing = Self.needed.filter { !Files.isExecutable("\(home)/\($0)") }
        guard missing.isEmpty else {
            throw CommandFailure(
                "\(home) does not hold \(missing.joined(separator: " and ")); run warrensctl where all of them are")
        }
        guard Files.identity(of: home) != Files.identity(of: directory) else {
            return ["\(directory) is where the executables are"]
        }
        try Files.makeDirectories(directory)
        let names = Self.needed + (Files.isExecutable("\(home)/\(Self.optional)") ? [Self.optional] : [])
        return try names.map { name in
            let path = "\(directory)/\(name)"
            return try Files.install("\(home)/\(name)", as: path, mode: 0o755)
                ? "installed \(path)" : "\(path) is there already"
        }
    }

    /// Removes them, and what a killed installation left.
    ///
    /// - Returns: What was done, a line for each.
    func remove() throws -> [String] {
        try (Self.needed + [Self.optional]).flatMap { ["\(directory)/\($0)", "\(directory)/.\($0).installing"] }
            .filter { try Files.remove($0) }
            .map { "removed \($0)" }
    }
}
