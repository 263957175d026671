import Glibc
import Host
import Testing

@testable import KernelPath

@Suite(.enabled(if: getuid() == 0, "needs root, to mount file systems"))
struct FileSystemTests {
    @Test func isMountedOnceAndLeavesNothing() throws {
        let path = try withFileSystem { pins in
            #expect(pins.isMounted)
            try pins.mount()
            let mounts = String(decoding: try Files.read("/proc/self/mounts"), as: UTF8.self)
            #expect(mounts.split(separator: "\n").count { $0.contains(" \(pins.path) bpf ") } == 1)
            var status = stat()
            #expect(unsafe stat(pins.path, &status) == 0 && status.st_mode & 0o777 == 0o700)
            let map = try BPFMap<UInt32, UInt64>(.hash, name: "pinned", capacity: 4)
            try map.handle.pin(at: pins.pin("map"))
            #expect(throws: SystemError.self) { try map.handle.pin(at: pins.pin("map")) }
            #expect(try pins.pins() == ["map"])
            return pins.path
        }
        #expect(!Files.exists(path))
        try BPFFileSystem(path).remove()
    }

    @Test func pinnedMapKeepsItsEntries() throws {
        try withFileSystem { pins in
            do {
                let map = try BPFMap<UInt32, UInt64>(.hash, name: "pinned", capacity: 4)
                try map.set(7, for: 1)
                try map.handle.pin(at: pins.pin("map"))
            }
            #expect(try BPFMap<UInt32, UInt64>(pinnedAt: pins.pin("map")).value(for: 1) == 7)
            #expect(try pins.removePin("map"))
            #expect(try !pins.removePin("map"))
            #expect { try BPFMap<UInt32, UInt64>(pinnedAt: pins.pin("map")) } throws: {
                ($0 as? SystemError)?.code == ENOENT
            }
        }
    }

    @Test func loadingTakesPinnedMapsOver() throws {
        try withFileSystem { pins in
            let first = try BPFObject(.counting)
            try first.pin(map: "lengths", at: pins.pin("lengths"))
            try first.load()
            try BPFMap<UInt32, UInt64>(first.map(named: "lengths")).set(7, for: 64)

            let second = try BPFObject(.counting)
            try second.pin(map: "lengths", at: pins.pin("lengths"))
            try second.load()
            #expect(try second.map(named: "lengths").id == first.map(named: "lengths").id)
            #expect(try BPFMap<UInt32, UInt64>(second.map(named: "lengths")).value(for: 64) == 7)

            let third = try BPFObject(.counting)
            try third.reuse(map: "lengths", first.map(named: "lengths"))
            try third.load()
            #expect(try third.map(named: "lengths").id == first.map(named: "lengths").id)

            let larger = try BPFObject(.counting)
            try larger.setCapacity(of: "lengths", to: 99)
            try larger.pin(map: "lengths", at: pins.pin("lengths"))
            #expect(throws: SystemError.self) { try larger.load() }
        }
    }

    @Test func otherFileSystemIsLeftAlone() throws {
        let pins = BPFFileSystem("/proc")
        #expect(!pins.isMounted)
        #expect { try pins.mount() } throws: { ($0 as? SystemError)?.code == EBUSY }
    }
}
