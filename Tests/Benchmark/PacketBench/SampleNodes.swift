internal import Glibc

/// Writes node files of any size.
struct SampleNodes {
    enum Form: String, CaseIterable {
        /// What matters and no more, on few lines.
        case bare
        /// As `kubectl get nodes -o json` prints a node of a cluster that has been in use: labels, conditions, images.
        case kubectl
    }

    private let count: Int
    private let form: Form

    init(_ count: Int, _ form: Form) {
        self.count = count
        self.form = form
    }

    func write(to path: String) throws {
        let file = unsafe fopen(path, "w")
        defer { unsafe fclose(file) }
        let put = { (text: String) in
            var text = text
            text.withUTF8 { unsafe _ = fwrite($0.baseAddress, 1, $0.count, file) }
        }
        put("{\"apiVersion\":\"v1\",\"items\":[\n")
        for number in 0..<count { put(node(number) + (number + 1 < count ? ",\n" : "\n")) }
        put("],\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"\"}}\n")
    }

    private func node(_ number: Int) -> String {
        let name = "node-" + padded(number, 6)
        let subnets =
            "10.\(128 + number >> 10).\(number >> 2 & 255).\((number & 3) << 6)/26,fd53:7769:726c::\(hex(number >> 16)):\(hex(number & 0xffff)):0/112"
        let address = "100.\(64 + number >> 16).\(number >> 8 & 255).\(number & 255)"
        let machineID = padded(number + 1, 32)
        switch form {
        case .bare:
            return
                "{\"kind\":\"Node\",\"metadata\":{\"name\":\"\(name)\",\"annotations\":{\"warrens.io/subnets\":\"\(subnets)\"}},"
                + "\"status\":{\"addresses\":[{\"address\":\"\(address)\",\"type\":\"InternalIP\"}],"
                + "\"nodeInfo\":{\"machineID\":\"\(machineID)\"}}}"
        case .kubectl:
            return SampleNodeText.make(name: name, subnets: subnets, address: address, machineID: machineID)
        }
    }

    private func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private func hex(_ number: Int) -> String { String(number, radix: 16) }
}
