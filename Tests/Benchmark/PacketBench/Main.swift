internal import Glibc
internal import Host

/// `packet-bench`: what the packet path costs where the number of peers decides, as JSON on standard output.
///
///     packet-bench [--peers 10,1000,100000] [--only packet,lookup,change,memory,load] [--rounds 21]
///
/// Each question is answered by one file of this directory.
@main
struct Main {
    static func main() throws {
        let arguments = try Arguments(Array(CommandLine.arguments.dropFirst()))
        switch arguments.task {
        case .writeNodes(let path, let count, let form): try SampleNodes(count, form).write(to: path)
        case .load(let path): print(try Load.inThisProcess(path))
        case .tables(let count): print(try TableMemory.inThisProcess(count))
        case .packet(let number, let side, let count): print(try Packet.run(number, side, repetitions: count))
        case .measure:
            var results: [Measurement] = []
            for peers in arguments.peers {
                if arguments.wants("packet") { results += try Packet(peers: peers, rounds: arguments.rounds).measure() }
                if arguments.wants("lookup") { results += Lookup(peers: peers, rounds: arguments.rounds).measure() }
                if arguments.wants("change") { results += Change(peers: peers, rounds: arguments.rounds).measure() }
                if arguments.wants("memory") { results += try TableMemory(peers: peers).measure() }
                if arguments.wants("load") { results += try Load(peers: peers, rounds: 3).measure() }
            }
            print("[\n" + results.map(\.json).joined(separator: ",\n") + "\n]")
        }
    }
}

struct Arguments {
    enum Task {
        case measure
        // The others are what the program asks of a process of its own: see ProcessMemory.
        case writeNodes(path: String, count: Int, SampleNodes.Form)
        case load(path: String)
        case tables(count: Int)
        /// For hotpath.sh.
        case packet(Int, PacketPair.Side, repetitions: Int)
    }

    struct Unknown: Error {
        let argument: String
    }

    var task = Task.measure
    var peers = [10, 1000, 100_000]
    var rounds = 21
    private var questions: Set<String> = []

    init(_ list: [String]) throws {
        var rest = list[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--peers": peers = (rest.popFirst() ?? "").split(separator: ",").compactMap { Int($0) }
            case "--only": questions = Set((rest.popFirst() ?? "").split(separator: ",").map(String.init))
            case "--rounds": rounds = max(1, Int(rest.popFirst() ?? "") ?? 1)
            case "--load": task = .load(path: rest.popFirst() ?? "")
            case "--tables": task = .tables(count: Int(rest.popFirst() ?? "") ?? 0)
            case "--packet":
                guard let number = Int(rest.popFirst() ?? ""),
                    let side = PacketPair.Side(rawValue: rest.popFirst() ?? ""),
                    let count = Int(rest.popFirst() ?? "")
                else { throw Unknown(argument: argument) }
                task = .packet(number, side, repetitions: count)
            case "--write-nodes":
                guard let path = rest.popFirst(), let count = Int(rest.popFirst() ?? ""),
                    let form = SampleNodes.Form(rawValue: rest.popFirst() ?? "")
                else { throw Unknown(argument: argument) }
                task = .writeNodes(path: path, count: count, form)
            default: throw Unknown(argument: argument)
            }
        }
    }

    func wants(_ question: String) -> Bool { questions.isEmpty || questions.contains(question) }
}
