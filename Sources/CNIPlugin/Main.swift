internal import CNI
internal import Glibc

@main
struct Main {
    static func main() {
        exit(PluginMain.run(WarrensPlugin()))
    }
}
