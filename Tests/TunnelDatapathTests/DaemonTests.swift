import Addressing
import Glibc
import Host
import JSON
import Testing

@testable import TunnelDatapath

@Suite(.serialized, .enabled(if: getuid() == 0, "needs root, to make network namespaces"))
struct DaemonTests {
    /// How two daemons are joined: what is outside of their packets.
    enum Outside: String, CaseIterable {
        case v4, v6

        var underlay: TestNetwork.Underlay {
            switch self {
            case .v4: .v4
            case .v6: .v6
            }
        }

        var family: IPFamily { self == .v4 ? .v4 : .v6 }
    }

    /// Asks until the answer has said that something is out of reach, for some seconds at most.
    func lastAnswer(_ ask: () -> (output: String, code: Int32)) throws -> (output: String, code: Int32) {
        var answer = ask()
        _ = try eventually {
            answer = ask()
            return answer.output.contains("unreachable") || answer.output.contains("No route")
        }
        return answer
    }

    func eventually(_ condition: () throws -> Bool) throws -> Bool {
        for _ in 0..<100 {
            if try condition() { return true }
            usleep(50_000)
        }
        return false
    }
}
