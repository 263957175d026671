import CNI
import Glibc

@main
struct Main {
    static func main() {
        exit(PluginMain.run(SelfAssignIPAM()))
    }
}
