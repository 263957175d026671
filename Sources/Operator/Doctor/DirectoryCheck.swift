import Glibc
import Host

/// Can Warrens keep what it has to keep?
struct DirectoryCheck: Check {
    let subject = "directories"
    let paths: NodePaths

    func findings() -> [Finding] {
        // Whom else the directories keep out says nothing of the plugins, which run as root.
        guard geteuid() == 0 else { return [] }
        return [paths.run, paths.state].compactMap { directory in
            let place = Self.nearest(directory)
            guard !Files.isWritable(place) else { return nil }
            return .problem(
                subject, "\(place) cannot be written, and Warrens keeps files in \(directory)",
                remedy: "mount it writable (`findmnt --target \(place)`)")
        }
    }

    /// The directory itself, or the closest above it that exists.
    private static func nearest(_ directory: String) -> String {
        var place = directory
        while !Files.exists(place), place != "/", place != "." { place = Files.parent(of: place) }
        return place
    }
}
